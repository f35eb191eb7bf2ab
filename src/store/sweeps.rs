//! `sweep`: walks through the tables and deletes what has expired or been used up.

use super::event_retention::retain;
use super::sweep_kinds::{SweepKind, SweepStatements};
use super::sweep_route::Route;
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use crate::id::random_index;
use crate::input::{Natural, input};
use futures_core::future::BoxFuture;
use serde::Serialize;
use sqlx::query;
use std::future::ready;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

input! {
    /// The options of `sweep`.
    SweepOptions {
        /// Which kinds of rows are deleted. Default: all.
        kinds "kinds": Option<Vec<SweepKind>>,
        /// Only rows that expired, or were used, at this time or before are deleted. A time in the future means now. Default:
        /// now for sessions, two-factor sessions, SSO sessions and e-mail tokens that have expired, a day ago for e-mail
        /// tokens that have been used, and 30 days ago for API keys and used backup codes.
        older_than "olderThan": Option<Timestamp>,
        /// How many rows of each kind are deleted at most. Default: all.
        limit "limit": Option<Natural>,
        /// How many rows one statement deletes at most, from 1 to 10 000. Default: 1 000.
        batch_size "batchSize": Option<Natural>,
        /// Whether rows are only counted, and none is deleted. Default: `false`.
        dry_run "dryRun": Option<bool>,
    }
}

/// How many rows of each kind a sweep has deleted. Kinds that it was not to delete are absent.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi_derive::napi(object, object_from_js = false, object_to_js = false)]
pub struct SweptRows {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verification_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub two_factor_sessions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sso_sessions: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_keys: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_codes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u32>,
    /// How many months of events were dropped. Absent without the option `retainEventsForDays`, and in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_months: Option<u32>,
}

impl SweptRows {
    fn set(&mut self, kind: SweepKind, rows: u32) {
        let count = match kind {
            SweepKind::EmailVerificationTokens => &mut self.email_verification_tokens,
            SweepKind::TwoFactorSessions => &mut self.two_factor_sessions,
            SweepKind::SsoSessions => &mut self.sso_sessions,
            SweepKind::ApiKeys => &mut self.api_keys,
            SweepKind::BackupCodes => &mut self.backup_codes,
            SweepKind::Sessions => &mut self.sessions,
            SweepKind::Events => &mut self.event_months,
        };
        *count = Some(rows);
    }

    /// Without events, whose rows nobody has counted.
    pub fn total(&self) -> u64 {
        let Self {
            email_verification_tokens,
            two_factor_sessions,
            sso_sessions,
            api_keys,
            backup_codes,
            sessions,
            event_months: _,
        } = *self;
        [email_verification_tokens, two_factor_sessions, sso_sessions, api_keys, backup_codes, sessions]
            .into_iter()
            .flatten()
            .map(u64::from)
            .sum()
    }
}

/// What a sweep is to delete.
#[derive(Debug)]
pub struct SweepOrder {
    kinds: Vec<SweepKind>,
    older_than: Option<Timestamp>,
    limit: u32,
    batch_size: u32,
    is_dry_run: bool,
    /// For how many days events are kept, if not for ever.
    retained_days: Option<u32>,
}

/// How many rows a statement deletes, if the caller does not say.
const DEFAULT_BATCH: u32 = 1_000;
const MAX_BATCH: u32 = 10_000;

/// Pages of a table that one statement looks at: few while statements take long, so that none keeps a processor of the
/// server for long at a stretch, and more while they find nothing to delete. Counting costs less than deleting.
const PAGES: RangeInclusive<i64> = 32..=256;
const COUNTED_PAGES: i64 = 4_096;
/// The same where each place of a row is named, which takes 0.1 ms a page.
const PAGES_BY_PLACE: RangeInclusive<i64> = 8..=256;
const COUNTED_PAGES_BY_PLACE: i64 = 1_024;

/// Statements that take less time than this go farther the next time, and those that take more less far.
const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_millis(4);

impl SweepOrder {
    /// Everything, as a sweep in the background deletes it.
    pub fn everything(retained_days: Option<u32>) -> Self {
        let kinds = SweepKind::ALL.to_vec();
        Self { kinds, older_than: None, limit: u32::MAX, batch_size: DEFAULT_BATCH, is_dry_run: false, retained_days }
    }

    pub fn read(options: SweepOptions, retained_days: Option<u32>) -> Result<Self> {
        let SweepOptions { kinds, older_than, limit, batch_size, dry_run } = options;
        if retained_days.is_none() && kinds.as_ref().is_some_and(|kinds| kinds.contains(&SweepKind::Events)) {
            return Err(Error::invalid_input("kinds", "can have events only with the option retainEventsForDays"));
        }
        let kinds = match kinds {
            Some(given) => SweepKind::ALL.into_iter().filter(|kind| given.contains(kind)).collect(),
            None => SweepKind::ALL.to_vec(),
        };
        let batch_size = batch_size.map_or(DEFAULT_BATCH, |Natural(rows)| rows);
        if !(1..=MAX_BATCH).contains(&batch_size) {
            return Err(Error::invalid_input("batchSize", "must be between 1 and 10000"));
        }
        let limit = up_to(limit);
        Ok(Self { kinds, older_than, limit, batch_size, is_dry_run: dry_run.unwrap_or(false), retained_days })
    }

    pub fn is_dry_run(&self) -> bool {
        self.is_dry_run
    }
}

fn up_to(limit: Option<Natural>) -> u32 {
    limit.map_or(u32::MAX, |Natural(rows)| rows)
}

/// The pause between two statements is never shorter, however little they took.
pub const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// What a sweep waits for before each of its statements.
pub trait Pace: Send {
    /// `took` is how long the last statement on the same table took. An error ends the sweep.
    fn wait<'a>(&'a mut self, db: &'a mut Db, took: Duration) -> BoxFuture<'a, Result<()>>;
}

/// How a call of `sweep` waits between its statements: it takes up at most a quarter of the time of one connection, and less
/// of a server that is busy.
pub struct CallPace;

impl Pace for CallPace {
    fn wait<'a>(&'a mut self, _: &'a mut Db, took: Duration) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            tokio::time::sleep((took * 3).clamp(SHORTEST_PAUSE, Duration::from_secs(1))).await;
            Ok(())
        })
    }
}

struct NoPause;

impl Pace for NoPause {
    fn wait<'a>(&'a mut self, _: &'a mut Db, _: Duration) -> BoxFuture<'a, Result<()>> {
        Box::pin(ready(Ok(())))
    }
}

/// The time by the server's clock, which is when a sweep begins.
pub async fn started_at(db: &mut Db) -> Result<Timestamp> {
    let row: Option<(Timestamp,)> =
        db.optional(Repeat::Read, || query("SELECT now()::timestamptz(3) AS started_at")).await?;
    row.map(|(at,)| at).ok_or_else(no_row)
}

/// `deleteExpiredSessions`: a sweep of one kind, without pauses.
pub async fn delete_expired_sessions(db: &mut Db, limit: Option<Natural>) -> Result<u32> {
    let order = SweepOrder { kinds: vec![SweepKind::Sessions], limit: up_to(limit), ..SweepOrder::everything(None) };
    Ok(run(db, &order, &mut NoPause).await?.sessions.unwrap_or(0))
}

pub async fn run(db: &mut Db, order: &SweepOrder, pace: &mut dyn Pace) -> Result<SweptRows> {
    let mut swept = SweptRows::default();
    // One that ends early leaves other kinds each time.
    let first = if order.is_dry_run { 0 } else { random_index(order.kinds.len()) };
    for &kind in order.kinds.iter().cycle().skip(first).take(order.kinds.len()) {
        // One statement for each kind keeps nobody waiting: the long pauses are for tables that take many.
        let mut took = Duration::ZERO;
        let Some(statements) = kind.statements() else {
            if let Some(days) = order.retained_days
                && !order.is_dry_run
            {
                pace.wait(db, took).await?;
                swept.set(kind, retain(db, days, false).await?.months);
            }
            continue;
        };
        let mut walk = Walk::new(statements, order);
        while walk.left() > 0 {
            pace.wait(db, took).await?;
            let started = Instant::now();
            db.begin_batch();
            let is_over = walk.step(db).await?;
            took = started.elapsed();
            walk.adapt(took);
            if is_over {
                break;
            }
        }
        swept.set(kind, walk.swept);
    }
    Ok(swept)
}

/// A walk through one table, step by step.
struct Walk<'o> {
    order: &'o SweepOrder,
    statements: &'static SweepStatements,
    swept: u32,
    /// Known after the first step, which any server can do.
    has_ranges: bool,
    /// How many pages the next statement looks at.
    length: i64,
    route: Route,
}

impl<'o> Walk<'o> {
    fn new(statements: &'static SweepStatements, order: &'o SweepOrder) -> Self {
        Self { order, statements, swept: 0, has_ranges: false, length: *PAGES_BY_PLACE.start(), route: Route::new() }
    }

    /// Chooses how far the next statement goes, after how long the last one took.
    fn adapt(&mut self, took: Duration) {
        let lengths = match (self.has_ranges, self.order.is_dry_run) {
            (true, false) => PAGES,
            (true, true) => COUNTED_PAGES..=COUNTED_PAGES,
            (false, false) => PAGES_BY_PLACE,
            (false, true) => COUNTED_PAGES_BY_PLACE..=COUNTED_PAGES_BY_PLACE,
        };
        if took < SHORT {
            self.length *= 2;
        } else if took > LONG {
            self.length /= 2;
        }
        self.length = self.length.clamp(*lengths.start(), *lengths.end());
    }

    /// How many rows may still be swept.
    fn left(&self) -> u32 {
        self.order.limit - self.swept
    }

    /// How many of them the next statement may sweep.
    fn next_batch(&self) -> i64 {
        if self.order.is_dry_run { self.left().into() } else { self.left().min(self.order.batch_size).into() }
    }

    fn add(&mut self, rows: i64) {
        self.swept += u32::try_from(rows).unwrap_or(0).min(self.left());
    }

    /// Returns whether this was the last step. A step that has deleted as many rows as it may is repeated.
    async fn step(&mut self, db: &mut Db) -> Result<bool> {
        let SweepStatements { delete, count } = self.statements;
        let (statement, repeat) = if self.order.is_dry_run { (count, Repeat::Read) } else { (delete, Repeat::Never) };
        let sql = if self.has_ranges { statement.by_range } else { statement.by_place };
        let (older_than, rows) = (self.order.older_than, self.next_batch());
        let (first, up_to) = (self.route.place(), self.route.end().unwrap_or(i64::MAX));
        let next = up_to.min(first + self.length);
        let step: Option<(i64, i64, bool)> =
            db.optional(repeat, || query(sql).bind(older_than).bind(first).bind(next).bind(rows)).await?;
        let (swept, all_pages, has_ranges) = step.ok_or_else(no_row)?;
        self.has_ranges = has_ranges;
        self.add(swept);
        if swept >= rows {
            return Ok(false);
        }
        let is_over = self.route.reached((next < up_to.min(all_pages)).then_some(next));
        // Counting is one walk, which nobody ends early without wanting another number.
        if !is_over && !self.order.is_dry_run && self.route.may_jump() {
            let left = usize::try_from(all_pages - next).unwrap_or(0);
            self.route.jump(next + i64::try_from(random_index(left)).unwrap_or(0));
        }
        Ok(is_over)
    }
}

/// Each of these statements returns a row, whatever the tables hold.
fn no_row() -> Error {
    Error::new(Code::Internal, "a statement of a sweep returned no row")
}
