//! Through a transaction pooler: each unit of work is a transaction of its own, which begins with our settings.
//!
//! Such a pooler gives every transaction another server process. So nothing can be set once for a connection, and
//! no named statement is where it was: whatever runs outside a transaction, or is prepared under a name, may meet
//! the statements of others.

use super::connect::{Backend, Target};
use super::error::connect_error;
use super::lease::Lease;
use crate::error::{Error, Result};
use sqlx::postgres::{PgRow, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row, Transaction};
use std::fmt::Write as _;

/// The statement that applies settings to its transaction. Its row says which backend that is on, and since when.
pub fn settings_sql(settings: &[(String, String)]) -> String {
    let mut sql = String::from("SELECT pg_backend_pid(), (extract(epoch FROM now()) * 1000000)::int8");
    for (name, value) in settings {
        // Writing to a String cannot fail.
        let _ = write!(sql, ", set_config({}, {}, true)", literal(name), literal(value));
    }
    sql
}

/// The same text whatever the server's standard_conforming_strings.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

/// Begins a unit. Nothing of the caller's has been sent yet.
pub async fn begin(lease: &mut Lease, settings: &str) -> Result<()> {
    let host = lease.host();
    let sql = AssertSqlSafe(format!("BEGIN; {settings}"));
    let rows = sqlx::raw_sql(sql).fetch_all(lease.connection()?).await;
    let backend = rows.and_then(|rows| {
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        Ok(Backend { host, pid: row.try_get(0)?, since: Some(row.try_get(1)?) })
    });
    lease.identified_as(backend.map_err(|error| refusal(&error))?);
    Ok(())
}

fn refusal(error: &sqlx::Error) -> Error {
    let mut refused = connect_error(error);
    if refused.context.sql_state.as_deref() == Some("08P01") {
        refused.message = "the connection pooler did not begin a transaction: its pool_mode must be transaction (or session), and its reason is the cause".into();
    }
    refused
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
        let begin = self.target().unit_settings.as_ref().map(|settings| format!("BEGIN; {settings}"));
        let connection = self.connection()?;
        let transaction = match begin {
            Some(sql) => connection.begin_with(AssertSqlSafe(sql)).await,
            None => connection.begin().await,
        };
        transaction.map_err(|error| connect_error(&error))
    }

    /// The row of a statement without parameters, through a pooler in a unit of its own.
    pub async fn one_row(&mut self, sql: &'static str) -> Result<sqlx::Result<PgRow>> {
        let Some(settings) = self.target().unit_settings.clone() else {
            return Ok(sqlx::raw_sql(sql).fetch_one(self.connection()?).await);
        };
        begin(self, &settings).await?;
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
}

#[cfg(test)]
mod tests {
    use super::settings_sql;

    #[test]
    fn quotes_settings() {
        let settings = [("a.b".to_owned(), r#""x'y\z""#.to_owned())];
        assert!(settings_sql(&settings).ends_with(r#", set_config(E'a.b', E'"x''y\\z"', true)"#));
    }
}
