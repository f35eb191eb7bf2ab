//! Questions to the server, each of which may fail by itself.

use crate::db::error::statement_failure;
use crate::error::Result;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use std::time::Duration;

/// The rows of a statement that may fail without ending the transaction.
pub async fn ask(connection: &mut PgConnection, sql: impl Into<String>) -> Result<Vec<PgRow>> {
    let fail = |error: sqlx::Error| statement_failure(&error, Duration::ZERO, None).error;
    sqlx::raw_sql("SAVEPOINT question").execute(&mut *connection).await.map_err(fail)?;
    let rows = sqlx::raw_sql(AssertSqlSafe(sql.into())).fetch_all(&mut *connection).await;
    let end = if rows.is_ok() { "RELEASE SAVEPOINT question" } else { "ROLLBACK TO SAVEPOINT question" };
    sqlx::raw_sql(end).execute(connection).await.map_err(fail)?;
    rows.map_err(fail)
}

/// The columns `line` and `repair` of such a statement: what was found, and what repairs it.
pub async fn ask_what_is_amiss(connection: &mut PgConnection, sql: String) -> Result<Vec<(String, String)>> {
    let pair = |row: &PgRow| Some((row.try_get("line").ok()?, row.try_get("repair").ok()?));
    Ok(ask(connection, sql).await?.iter().filter_map(pair).collect())
}

/// As a list of literals in SQL.
pub fn literals(names: &[&str]) -> String {
    names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ")
}

pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}
