//! Locking several tables within one allowance.

use super::execute::{execute, failure, migration_failed};
use super::schema::Schema;
use super::session::LOCK_TIMEOUT;
use crate::error::Result;
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::{Duration, Instant};

/// Locks the tables for the migration `id`, with one time limit for all of them. The server applies `lock_timeout` to each
/// lock on its own, so before each lock it is set to the time that is left. The rest also limits the later statements
/// of the transaction.
pub async fn lock(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    tables: &[&str],
    mode: &'static str,
) -> Result<()> {
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
    limit(connection, id, LOCK_TIMEOUT).await?;
    for table in tables.iter().filter(|table| there.iter().any(|name| name == *table)) {
        let sql = format!("LOCK TABLE {}.{table} IN {mode} MODE", schema.quoted());
        execute(connection, id, AssertSqlSafe(sql)).await?;
        limit(connection, id, LOCK_TIMEOUT.saturating_sub(started.elapsed())).await?;
    }
    Ok(())
}

async fn limit(connection: &mut PgConnection, id: &str, left: Duration) -> Result<()> {
    sqlx::query("SELECT set_config('lock_timeout', $1, true)")
        .bind(left.max(Duration::from_millis(1)).as_millis().to_string())
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| migration_failed(id, &error))
}
