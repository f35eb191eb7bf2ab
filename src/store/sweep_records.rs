//! What is kept about sweeps: when the last one ran, and which process sweeps in the background.

use super::json::{JsonOf, to_json};
use super::record;
use super::sweeps::SweptRows;
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::Result;
use crate::input::JsonObject;
use sqlx::query;
use std::time::Duration;

record! {
    /// A sweep that has ended.
    SweepRecord {
        started_at "startedAt": Timestamp,
        /// How long it took, in milliseconds.
        duration_ms "durationMs": i64,
        /// How many rows of each kind it deleted.
        deleted "deleted": JsonOf<SweptRows>,
        /// Whether it ran in the background, because of the option `sweepIntervalMs`.
        is_background "isBackground": bool,
    }
}

/// The sweep that began last, of those that have ended.
pub async fn last(db: &mut Db) -> Result<Option<SweepRecord>> {
    db.optional(Repeat::Read, || {
        query(
            "SELECT started_at, duration_ms, deleted, name = 'background' AS is_background
               FROM auth_sweeps
              WHERE started_at IS NOT NULL
                AND duration_ms IS NOT NULL
              ORDER BY started_at DESC, name
              LIMIT 1",
        )
    })
    .await
}

/// Notes what a call of `sweep` has done.
pub async fn note(db: &mut Db, started_at: Timestamp, took: Duration, swept: SweptRows) -> Result<()> {
    let deleted = JsonObject(to_json(&swept)?);
    db.begin_batch();
    db.execute(Repeat::Harmless, || {
        query(
            "INSERT INTO auth_sweeps (name, started_at, duration_ms, deleted)
             VALUES ('call', $1, $2, $3)
                 ON CONFLICT (name) DO UPDATE
                SET started_at = EXCLUDED.started_at
                  , duration_ms = EXCLUDED.duration_ms
                  , deleted = EXCLUDED.deleted",
        )
        .bind(started_at)
        .bind(milliseconds(took))
        .bind(&deleted)
    })
    .await
    .map(drop)
}

/// How long a claim holds if it is not renewed.
pub const CLAIM: Duration = Duration::from_mins(1);

/// The answer to a process that wants to sweep in the background.
pub enum SweepTurn {
    /// It may sweep now.
    Ours,
    /// Another one sweeps, or has swept lately; it may be this one's turn after that time.
    After(Duration),
}

/// A name for one sweep in the background.
pub fn new_claimant() -> String {
    crate::id::secret_handle()
}

/// At least so long, and up to twice as long or a minute longer, so that processes that were started together do not meet.
pub fn jittered(time: Duration) -> Duration {
    time + time.min(CLAIM).mul_f64(crate::id::random_share())
}

/// Claims the next sweep in the background. Of all processes, one gets it, once in each interval. A claim is a row with a
/// time in it: a lock of the session would stay behind on a connection of a pooler's. A time that lies too far in the future
/// is of a clock that was wrong, or of another server's, and counts for nothing.
pub async fn claim(db: &mut Db, claimant: &str, interval: Duration) -> Result<SweepTurn> {
    let answer: Option<(bool, Option<f64>)> = db
        .optional(Repeat::Never, || {
            query(
                "WITH claimed AS (
                    INSERT INTO auth_sweeps AS own (name, claimed_by, claimed_until)
                    VALUES ('background', $1, now() + pg_catalog.make_interval(secs => $2))
                        ON CONFLICT (name) DO UPDATE
                       SET claimed_by = EXCLUDED.claimed_by
                         , claimed_until = EXCLUDED.claimed_until
                     WHERE COALESCE(
                               own.claimed_until <= now()
                               OR own.claimed_until > now() + 2 * pg_catalog.make_interval(secs => $2)
                             , true
                           )
                       AND COALESCE(
                               own.started_at + pg_catalog.make_interval(secs => $3) <= now()
                               OR own.started_at > now() + pg_catalog.make_interval(secs => $2)
                             , true
                           )
                 RETURNING name
                 )
                 SELECT EXISTS (SELECT FROM claimed) AS is_ours
                      , (
                            SELECT extract(
                                       epoch FROM
                                       GREATEST(claimed_until, started_at + pg_catalog.make_interval(secs => $3)) - now()
                                   )::float8
                              FROM auth_sweeps
                             WHERE name = 'background'
                        ) AS seconds",
            )
            .bind(claimant)
            .bind(CLAIM.as_secs_f64())
            .bind(interval.as_secs_f64())
        })
        .await?;
    let (is_ours, seconds) = answer.unwrap_or_default();
    if is_ours {
        return Ok(SweepTurn::Ours);
    }
    // Where another process has been faster just now, the statement has not seen its claim.
    Ok(SweepTurn::After(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(CLAIM)))
}

const RENEW: &str = "
    UPDATE auth_sweeps
       SET claimed_until = now() + pg_catalog.make_interval(secs => $2)
     WHERE name = 'background'
       AND claimed_by = $1";

/// Says whether the claim still held.
pub async fn renew(db: &mut Db, claimant: &str) -> Result<bool> {
    db.begin_batch();
    let rows = db.execute(Repeat::Harmless, || query(RENEW).bind(claimant).bind(CLAIM.as_secs_f64())).await?;
    Ok(rows > 0)
}

const RELEASE: &str = "
    UPDATE auth_sweeps
       SET claimed_by = NULL
         , claimed_until = NULL
     WHERE name = 'background'
       AND claimed_by = $1";

/// Gives the claim back before the sweep has ended, so that another process can go on at once.
pub async fn release(db: &mut Db, claimant: &str) -> Result<()> {
    db.begin_batch();
    db.execute(Repeat::Harmless, || query(RELEASE).bind(claimant)).await.map(drop)
}

/// Notes what a sweep in the background has done, and gives the claim back.
pub async fn note_claimed(
    db: &mut Db,
    claimant: &str,
    started_at: Timestamp,
    took: Duration,
    swept: SweptRows,
) -> Result<()> {
    let deleted = JsonObject(to_json(&swept)?);
    db.begin_batch();
    db.execute(Repeat::Harmless, || {
        query(
            "UPDATE auth_sweeps
                SET started_at = $2
                  , duration_ms = $3
                  , deleted = $4
                  , claimed_by = NULL
                  , claimed_until = NULL
              WHERE name = 'background'
                AND claimed_by = $1",
        )
        .bind(claimant)
        .bind(started_at)
        .bind(milliseconds(took))
        .bind(&deleted)
    })
    .await
    .map(drop)
}

fn milliseconds(took: Duration) -> i64 {
    i64::try_from(took.as_millis()).unwrap_or(i64::MAX)
}
