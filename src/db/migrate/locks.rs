//! Locking several tables within one allowance.

use super::execute::{execute, failure, migration_failed};
use super::history::TAKEN_OVER;
use super::schema::Schema;
use super::session::LOCK_TIMEOUT;
use crate::error::Result;
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::{Duration, Instant};

/// Locks the tables against everybody. The server counts `lock_timeout` for each lock anew; what one wait has used
/// up is taken from the next. Nothing that follows in the transaction waits longer than what is left.
pub async fn lock(connection: &mut PgConnection, schema: &Schema, tables: &[&str]) -> Result<()> {
    let started = Instant::now();
    let there: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text
           FROM pg_class c
           JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = $1
            AND c.relname = ANY($2)
            AND c.relkind IN ('r', 'p')",
    )
    .bind(&schema.name)
    .bind(tables)
    .persistent(false)
    .fetch_all(&mut *connection)
    .await
    .map_err(|error| failure(&error).error)?;
    for table in tables.iter().filter(|table| there.iter().any(|name| name == *table)) {
        let sql = format!("LOCK TABLE {}.{table} IN ACCESS EXCLUSIVE MODE", schema.quoted());
        execute(connection, TAKEN_OVER, AssertSqlSafe(sql)).await?;
        let left = LOCK_TIMEOUT.saturating_sub(started.elapsed()).max(Duration::from_millis(1));
        sqlx::query("SELECT set_config('lock_timeout', $1, true)")
            .bind(left.as_millis().to_string())
            .persistent(false)
            .execute(&mut *connection)
            .await
            .map_err(|error| migration_failed(TAKEN_OVER, &error))?;
    }
    Ok(())
}
