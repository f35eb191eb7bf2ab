//! How long events are kept. They lie in partitions by month, so that a month that is too old is dropped as a whole, which
//! takes milliseconds, leaves nothing to vacuum and writes next to no WAL.

use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Code, Result};
use serde::Serialize;
use sqlx::query;

/// What a retention pass has removed.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RetainedCounts {
    /// How many months were dropped. What was before the first of them counts as one.
    pub months: u32,
    /// How many events were deleted row by row. Those in months that were dropped are not counted.
    pub rows: u64,
}

/// How often a pass asks for the lock of the table. The functions of the database give up after a second each time, because
/// everybody who writes or reads events waits behind them.
const ATTEMPTS: u32 = 3;

/// All events are younger, because their years begin with 1. The server knows no time that is much longer ago.
const MOST_DAYS: i32 = 1_000_000;

const MAKE_MONTHS: &str = "SELECT auth_make_event_months('auth_events'::regclass, 6)";

const DROP_MONTHS: &str = "
    SELECT auth_drop_event_months('auth_events'::regclass, now() - pg_catalog.make_interval(days => $1))";

/// Deletes the next events in the order of their key, `$4` of them at most: those after `$2` and `$3` that are older than
/// `$1` days. Returns the last key that it looked at.
const DELETE_ROWS: &str = "
    WITH step AS MATERIALIZED (
        SELECT timestamp, id
          FROM auth_events
         WHERE timestamp < now() - pg_catalog.make_interval(days => $1)
           AND timestamp >= COALESCE($2::timestamptz, '-infinity')
           AND (timestamp, id) > (COALESCE($2::timestamptz, '-infinity'), COALESCE($3::int8, -9223372036854775808))
         ORDER BY timestamp, id
         LIMIT $4
    ), edge AS (
        SELECT timestamp, id FROM step ORDER BY timestamp DESC, id DESC LIMIT 1
    ), gone AS (
        DELETE FROM auth_events
         WHERE timestamp >= COALESCE($2::timestamptz, '-infinity')
           AND (timestamp, id) > (COALESCE($2::timestamptz, '-infinity'), COALESCE($3::int8, -9223372036854775808))
           AND timestamp <= (SELECT timestamp FROM edge)
           AND (timestamp, id) <= (SELECT timestamp, id FROM edge)
     RETURNING id
    )
    SELECT (SELECT timestamp FROM edge) AS timestamp
         , (SELECT id FROM edge) AS id
         , (SELECT count(*) FROM gone) AS deleted";

/// How many events one statement deletes at most.
const BATCH: i64 = 5_000;

/// Makes months ahead, and drops months in which all events are older than `days` by the clock of the server, so that an
/// event stays up to a month longer. If the events are to go `to_the_day`, what is left of older ones is deleted row by row.
/// Any number of processes may do so at once: one of them does the work, and the others find nothing to do.
pub async fn retain(db: &mut Db, days: u32, to_the_day: bool) -> Result<RetainedCounts> {
    let days = i32::try_from(days).map_or(MOST_DAYS, |days| days.min(MOST_DAYS));
    patiently(db, MAKE_MONTHS, None).await?;
    let dropped = patiently(db, DROP_MONTHS, Some(days)).await?;
    let rows = if to_the_day { delete_rows(db, days).await? } else { 0 };
    Ok(RetainedCounts { months: dropped.unsigned_abs(), rows })
}

/// What `connect()` does of it. It can do without, so that a failure is only logged.
pub async fn retain_on_connect(mut db: Db, days: u32) {
    match retain(&mut db, days, false).await {
        Ok(RetainedCounts { months: 0, .. }) => {}
        Ok(RetainedCounts { months, .. }) => tracing::info!(months, "old events dropped"),
        Err(error) => {
            tracing::warn!(
                sqlState = error.context.sql_state.as_deref(),
                "old events could not be dropped: {}",
                error.message
            );
        }
    }
}

/// Calls a function that changes the table, again if it cannot have the lock.
async fn patiently(db: &mut Db, sql: &'static str, days: Option<i32>) -> Result<i32> {
    let mut attempt = 1;
    loop {
        db.begin_batch();
        let result: Result<Option<(i32,)>> = db
            .optional(Repeat::Never, || match days {
                Some(days) => query(sql).bind(days),
                None => query(sql),
            })
            .await;
        match result {
            Err(error) if error.code == Code::LockTimeout && attempt < ATTEMPTS => attempt += 1,
            result => return Ok(result?.map_or(0, |(number,)| number)),
        }
    }
}

async fn delete_rows(db: &mut Db, days: i32) -> Result<u64> {
    let mut after: (Option<Timestamp>, Option<i64>) = (None, None);
    let mut total = 0;
    loop {
        db.begin_batch();
        let (time, id) = after;
        let step: Option<(Option<Timestamp>, Option<i64>, i64)> =
            db.optional(Repeat::Never, || query(DELETE_ROWS).bind(days).bind(time).bind(id).bind(BATCH)).await?;
        let Some((Some(time), Some(id), deleted)) = step else { return Ok(total) };
        total += deleted.unsigned_abs();
        after = (Some(time), Some(id));
    }
}
