//! Through a transaction pooler: each unit of work is a transaction of its own, which begins with our settings.
//!
//! Such a pooler gives every transaction another server process. So nothing can be set once for a connection, and
//! no named statement is where it was: whatever runs outside a transaction, or is prepared under a name, may meet
//! the statements of others.

use super::connect::{Backend, Target};
use super::deadline::within;
use super::error::{connect_error, is_lost_connection};
use super::lease::Lease;
use super::statement::{Statement, Way};
use crate::error::{Error, Result};
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row, Transaction};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long it may take to find out what a pooler is.
const PROBE_LIMIT: Duration = Duration::from_secs(2);

/// The statement that applies settings to its transaction. Its row says which backend that is on, and since when.
pub fn settings_sql(settings: &[(String, String)]) -> String {
    let mut sql = String::from("SELECT pg_backend_pid(), (extract(epoch FROM now()) * 1000000)::int8");
    if !settings.iter().any(|(name, _)| name.eq_ignore_ascii_case("search_path")) {
        sql.push_str(TEMPORARY_LAST);
    }
    for (name, value) in settings {
        // Writing to a String cannot fail.
        let _ = write!(sql, ", set_config({}, {}, true)", literal(name), literal(value));
    }
    sql
}

/// The path that is the role's own, with the schema of temporary tables at its end. Where that is not named it is
/// searched first, and the pooler may have given us a server process in which another client has made such tables.
const TEMPORARY_LAST: &str = ", set_config('search_path', \
     concat_ws(', ', nullif(current_setting('search_path'), ''), 'pg_temp'), true)";

/// The same text whatever the server's standard_conforming_strings.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

/// Begins a unit. Nothing of the caller's has been sent yet.
pub async fn begin(lease: &mut Lease, settings: &str, lock_limit: Option<Duration>) -> Result<()> {
    let host = lease.host();
    let lock_limit = lock_limit.map(|limit| format!("; {}", lock_limit_sql(limit))).unwrap_or_default();
    let sql = AssertSqlSafe(format!("BEGIN; {settings}{lock_limit}"));
    let rows = sqlx::raw_sql(sql).fetch_all(lease.connection()?).await;
    let backend = rows.and_then(|rows| {
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok(Backend { host, pid: row.try_get(0)?, since: Some(row.try_get(1)?) })
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
    /// A transaction, with our settings in it.
    pub async fn begin(&mut self) -> Result<Transaction<'_, Postgres>> {
        let target = Arc::clone(self.target());
        let begin = target.unit_settings.as_ref().map(|settings| format!("BEGIN; {settings}"));
        let connection = self.connection()?;
        let transaction = match begin {
            Some(sql) => connection.begin_with(AssertSqlSafe(sql)).await,
            None => connection.begin().await,
        };
        transaction.map_err(|error| target.refusal(&error))
    }

    /// The row of a statement without parameters, through a pooler in a unit of its own.
    pub async fn one_row(&mut self, sql: &'static str) -> Result<sqlx::Result<PgRow>> {
        let Some(settings) = self.target().unit_settings.clone() else {
            return Ok(sqlx::raw_sql(sql).fetch_one(self.connection()?).await);
        };
        begin(self, &settings, None).await?;
        let connection = self.connection()?;
        let result = sqlx::raw_sql(sql).fetch_one(&mut *connection).await;
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
        assert!(settings_sql(&settings).contains("'pg_temp'"));
        assert!(settings_sql(&settings).ends_with(r#", set_config(E'a.b', E'"x''y\\z"', true)"#));
    }

    #[test]
    fn a_search_path_that_is_given_stays() {
        let settings = [("search_path".to_owned(), "a, pg_temp".to_owned())];
        assert!(!settings_sql(&settings).contains("concat_ws"));
    }
}
