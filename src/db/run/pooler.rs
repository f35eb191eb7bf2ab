//! Working through a transaction pooler: each unit of work is a transaction of its own, which begins with our settings.
//!
//! Such a pooler may give every transaction another server process. So a setting cannot be made once for a connection,
//! and a prepared statement cannot be found again: what runs outside a transaction, or is prepared under a name, may meet
//! the statements of other clients.

use super::statement::{Statement, Way};
use crate::db::connect::search_path::{narrow_search_path, own_schema};
use crate::db::connect::{Backend, Target};
use crate::db::deadline::{until, within};
use crate::db::driver_panic::catch_driver_panic;
use crate::db::error::is_from_pooler;
use crate::db::pool::{Lease, Pool};
use crate::error::Result;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row};
use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How long it may take to find out what a pooler is.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// The isolation level that our statements are written for, whatever the role's default is.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// The search path can be narrowed when the settings have been made.
const NARROW: &str = concat!("SELECT ", narrow_search_path!(of a transaction), " FROM ", own_schema!());

/// The statement that applies settings to its transaction. Its row says which backend that is on, and since when.
pub fn settings_sql(settings: &[(String, String)]) -> String {
    let mut sql = String::from(
        "SELECT pg_catalog.pg_backend_pid(), (extract(epoch FROM pg_catalog.now()) OPERATOR(pg_catalog.*) 1000000)::int8",
    );
    for (name, value) in settings {
        // Writing to a String cannot fail.
        let _ = write!(sql, ", pg_catalog.set_config({}, {}, true)", literal(name), literal(value));
    }
    sql
}

/// The same text whatever the server's standard_conforming_strings.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

/// Begins a unit of work on our tables with that statement, before `end` or soon after. Without a pooler it does nothing.
pub async fn begin_unit(
    pool: &Pool,
    lease: &mut Lease,
    begin_sql: &'static str,
    lock_limit: Option<Duration>,
    end: Option<Instant>,
) -> Result<()> {
    let Some(settings) = &pool.options.target.unit_settings else { return Ok(()) };
    let begun = until(pool.ready_end(end), async {
        pool.sight.check(lease).await?;
        begin(lease, begin_sql, settings, lock_limit).await?;
        check_tables(lease).await
    });
    let begun = begun.await.unwrap_or_else(|| Err(pool.timed_out()));
    if begun.is_err() {
        // If the pooler has stopped, all connections are lost.
        pool.suspect_idle();
    }
    begun
}

/// Begins a unit with that statement. Nothing of the caller's has been sent yet.
async fn begin(lease: &mut Lease, begin: &'static str, settings: &str, lock_limit: Option<Duration>) -> Result<()> {
    let host = lease.host();
    let lock_limit = lock_limit.map(|limit| format!("; {}", lock_limit_sql(limit))).unwrap_or_default();
    let sql = AssertSqlSafe(format!("{begin}; {settings}{lock_limit}; {NARROW}"));
    let rows = sqlx::raw_sql(sql).fetch_all(lease.connection()?).await;
    let backend = rows.and_then(|rows| {
        let [row, narrowed] = rows.as_slice() else { return Err(sqlx::Error::RowNotFound) };
        Ok(Backend {
            host,
            pid: row.try_get(0)?,
            since: Some(row.try_get(1)?),
            has_tables: narrowed.try_get("has_tables")?,
            // Asked once for the pool: this statement is every call's.
            is_guarded: false,
        })
    });
    let target = lease.target();
    match backend {
        Ok(backend) => {
            target.has_begun.store(true, Ordering::Relaxed);
            lease.identified_as(backend);
            Ok(())
        }
        Err(error) => {
            let mut refused = target.refusal(&error);
            let is_known = target.has_begun.load(Ordering::Relaxed);
            if is_from_pooler(&refused) && !is_known && has_no_transactions(target, host).await {
                refused.message =
                    "the connection pooler has no transactions: its pool_mode must be transaction (or session)".into();
                refused.retryable = false;
            }
            Err(refused)
        }
    }
}

/// Whether a pooler lets a statement through, but no transaction.
async fn has_no_transactions(target: &Target, host: usize) -> bool {
    let probed = within(Some(PROBE_LIMIT), async {
        let mut connection = target.open_beside(host, None).await.ok()?;
        sqlx::raw_sql("SELECT 1").execute(&mut connection).await.ok()?;
        sqlx::raw_sql("BEGIN").execute(&mut connection).await.err()
    });
    probed.await.flatten().is_some()
}

/// Sends a statement. Through a pooler this ends the unit that has begun for it. Otherwise the statement is undone if it
/// waits for a lock longer than the limit.
pub async fn send(
    connection: &mut PgConnection,
    lock_limit: Option<Duration>,
    statement: &mut dyn Statement,
    way: Way,
) -> sqlx::Result<u64> {
    match lock_limit {
        Some(limit) if !way.is_pooled => {
            // Boxed, because otherwise the future of every statement would be as large as this one, which is rare.
            catch_driver_panic(Box::pin(with_lock_limit(connection, limit, statement, way))).await
        }
        _ => {
            let result = catch_driver_panic(statement.send(connection, way)).await;
            if way.is_pooled { catch_driver_panic(end(connection, result)).await } else { result }
        }
    }
}

fn lock_limit_sql(limit: Duration) -> String {
    format!("SET LOCAL lock_timeout = {}", limit.as_millis())
}

/// Without a pooler: a statement in a transaction of its own, undone when it waits for a lock longer than that.
async fn with_lock_limit(
    connection: &mut PgConnection,
    limit: Duration,
    statement: &mut dyn Statement,
    way: Way,
) -> sqlx::Result<u64> {
    let mut transaction = connection.begin_with(AssertSqlSafe(format!("BEGIN; {}", lock_limit_sql(limit)))).await?;
    match statement.send(&mut transaction, way).await {
        Ok(rows) => transaction.commit().await.map(|()| rows),
        Err(error) => {
            // Where this fails, the connection is of no use any more, as its next statement will show.
            let _ = transaction.rollback().await;
            Err(error)
        }
    }
}

/// Ends a unit and returns an error if it has begun in a database or schema without our tables.
async fn check_tables(lease: &mut Lease) -> Result<()> {
    if let Err(error) = lease.check_tables() {
        let ended = sqlx::raw_sql("ROLLBACK").execute(lease.connection()?).await;
        lease.settle(ended.is_ok());
        return Err(error);
    }
    Ok(())
}

/// Ends a unit: commits it if the result is a success, and rolls it back otherwise.
pub async fn end<T>(connection: &mut PgConnection, result: sqlx::Result<T>) -> sqlx::Result<T> {
    match result {
        Ok(value) => sqlx::raw_sql("COMMIT").execute(connection).await.map(|_| value),
        Err(error) => {
            // Where this fails, the next unit on the connection cannot begin.
            let _ = sqlx::raw_sql("ROLLBACK").execute(connection).await;
            Err(error)
        }
    }
}

/// The row of a statement without parameters. Through a pooler the statement has a unit of its own.
pub async fn one_row(lease: &mut Lease, sql: String) -> Result<sqlx::Result<PgRow>> {
    let Some(settings) = lease.target().unit_settings.clone() else {
        return Ok(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(lease.connection()?).await);
    };
    begin(lease, BEGIN, &settings, None).await?;
    let connection = lease.connection()?;
    let result = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *connection).await;
    Ok(end(connection, result).await)
}

#[cfg(test)]
mod tests {
    use super::settings_sql;

    #[test]
    fn quotes_settings() {
        let settings = [("a.b".to_owned(), r#""x'y\z""#.to_owned())];
        assert!(settings_sql(&settings).ends_with(r#", pg_catalog.set_config(E'a.b', E'"x''y\\z"', true)"#));
    }
}
