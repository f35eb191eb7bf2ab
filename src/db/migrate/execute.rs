//! Running the SQL of migrations, and making errors of its failures that name the migration.

use crate::db::error::{Failure, raised_text, statement_failure};
use crate::error::{Code, Error, Result};
use sqlx::PgConnection;
use std::time::Duration;

/// Runs the statements, and returns how many rows they touched.
pub async fn execute(connection: &mut PgConnection, id: &str, sql: impl sqlx::SqlSafeStr) -> Result<u64> {
    sqlx::raw_sql(sql)
        .execute(connection)
        .await
        .map(|result| result.rows_affected())
        .map_err(|error| migration_failed(id, &error))
}

pub fn failure(error: &sqlx::Error) -> Failure {
    statement_failure(error, Duration::ZERO, None)
}

pub fn migration_failed(id: &str, error: &sqlx::Error) -> Error {
    let reason = failure(error).error;
    let why = raised_text(error)
        .or_else(|| reason.cause.as_ref().map(|cause| cause.message.clone()))
        .unwrap_or_else(|| reason.message.to_string());
    // These are no fault of the migration: it may get the lock, or the time, a moment later.
    if matches!(reason.code, Code::LockTimeout | Code::StatementTimeout | Code::Cancelled) {
        let mut ended = reason;
        ended.context.migration = Some(id.to_owned());
        return ended;
    }
    let mut failed =
        Error::new(Code::MigrationFailed, format!("migration {id} failed, and nothing of it remains: {why}"));
    failed.context = reason.context;
    failed.context.migration = Some(id.to_owned());
    failed.cause = reason.cause;
    failed
}
