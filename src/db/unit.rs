//! Through a transaction pooler: each unit of work is a transaction of its own, which begins with our settings.
//!
//! Such a pooler gives every transaction another server process. So nothing can be set once for a connection, and
//! no named statement is where it was: whatever runs outside a transaction, or is prepared under a name, may meet
//! the statements of others.

use super::connect::{Backend, Target};
use super::deadline::within;
use super::error::{connect_error, is_lost_connection};
use super::lease::Lease;
use super::migrate;
use super::search_path::{narrow_search_path, own_schema};
use super::statement::{Statement, Way};
use crate::error::{Code, Error, Result};
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row, Transaction};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long it may take to find out what a pooler is.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// The isolation level that our statements are written for, whatever the role's default is.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

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

/// Begins a unit. Nothing of the caller's has been sent yet.
pub async fn begin(lease: &mut Lease, settings: &str, lock_limit: Option<Duration>) -> Result<()> {
    let host = lease.host();
    let lock_limit = lock_limit.map(|limit| format!("; {}", lock_limit_sql(limit))).unwrap_or_default();
    let sql = AssertSqlSafe(format!("{BEGIN}; {settings}{lock_limit}; {NARROW}"));
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
            if refused.is_poolers() && !is_known && target.has_no_transactions(host).await {
                refused.message =
                    "the connection pooler has no transactions: its pool_mode must be transaction (or session)".into();
                refused.retryable = false;
            }
            Err(refused)
        }
    }
}

fn lock_limit_sql(limit: Duration) -> String {
    format!("SET LOCAL lock_timeout = {}", limit.as_millis())
}

/// Without a pooler: a statement in a transaction of its own, undone when it waits for a lock longer than that.
pub async fn with_lock_limit(
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

/// Ends a unit that has begun where our tables are not.
pub async fn check_tables(lease: &mut Lease) -> Result<()> {
    if let Err(error) = lease.check_tables() {
        let ended = sqlx::raw_sql("ROLLBACK").execute(lease.connection()?).await;
        lease.settle(ended.is_ok());
        return Err(error);
    }
    Ok(())
}

/// Ends a unit: what was written takes effect, or nothing does.
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

impl Lease {
    /// A migration's transaction, with our settings in it.
    pub async fn begin(&mut self) -> Result<Transaction<'_, Postgres>> {
        let target = Arc::clone(self.target());
        let begin = match &target.unit_settings {
            Some(settings) => format!("{}; {settings}", migrate::BEGIN),
            None => migrate::BEGIN.to_owned(),
        };
        self.connection()?.begin_with(AssertSqlSafe(begin)).await.map_err(|error| {
            let mut refused = target.refusal(&error);
            // A standby cannot begin a transaction that writes.
            if refused.context.sql_state.as_deref() == Some("0A000") {
                refused.code = Code::ReadOnly;
                refused.message = "the server takes no writes".into();
                refused.retryable = true;
            }
            refused
        })
    }

    /// The row of a statement without parameters, through a pooler in a unit of its own.
    pub async fn one_row(&mut self, sql: String) -> Result<sqlx::Result<PgRow>> {
        let Some(settings) = self.target().unit_settings.clone() else {
            return Ok(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(self.connection()?).await);
        };
        begin(self, &settings, None).await?;
        let connection = self.connection()?;
        let result = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut *connection).await;
        Ok(end(connection, result).await)
    }
}

impl Target {
    /// Whether every transaction may get another server process.
    pub fn is_pooled(&self) -> bool {
        self.unit_settings.is_some()
    }

    /// Why there is no connection, or no transaction on it; nothing of the caller's has run.
    pub fn refusal(&self, error: &sqlx::Error) -> Error {
        let mut refused = connect_error(error);
        if self.is_pooled() {
            // PgBouncer has this one SQLSTATE for all it has to say, from a wrong password to a server that is down.
            if refused.is_poolers() {
                refused.message =
                    "the connection pooler refused the connection, or has no server for it: its reason is the cause"
                        .into();
            }
            refused.retryable |= is_lost_connection(error);
        }
        refused
    }

    /// Whether a pooler lets a statement through, but no transaction.
    async fn has_no_transactions(&self, host: usize) -> bool {
        let probed = within(Some(PROBE_LIMIT), async {
            let mut connection = self.open_beside(host, None).await.ok()?;
            sqlx::raw_sql("SELECT 1").execute(&mut connection).await.ok()?;
            sqlx::raw_sql("BEGIN").execute(&mut connection).await.err()
        });
        probed.await.flatten().is_some()
    }
}

impl Error {
    fn is_poolers(&self) -> bool {
        self.context.sql_state.as_deref() == Some("08P01")
    }
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
