//! Locking several tables within one allowance.

use super::execute::{execute, failure, migration_failed};
use super::schema::Schema;
use super::session::{LOCK_TIMEOUT, LOCK_TRY};
use crate::error::Result;
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::{Duration, Instant};

/// What tables are locked for.
#[derive(Clone, Copy)]
pub enum LockFor {
    /// Others may use them meanwhile.
    Reading,
    Changing,
}

/// Locks the tables for the migration `id`, with one time limit for all of them. The server applies `lock_timeout` to each
/// lock on its own, so before each lock it is set to the time that is left. Each later statement of the
/// transaction has all of it again.
pub async fn lock(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    tables: &[&str],
    lock_for: LockFor,
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
    let (mode, allowance) = match lock_for {
        LockFor::Reading => ("ACCESS SHARE", LOCK_TIMEOUT),
        LockFor::Changing => ("ACCESS EXCLUSIVE", LOCK_TRY),
    };
    limit(connection, id, allowance).await?;
    for table in tables.iter().filter(|table| there.iter().any(|name| name == *table)) {
        let sql = format!("LOCK TABLE {}.{table} IN {mode} MODE", schema.quoted());
        execute(connection, id, AssertSqlSafe(sql)).await?;
        limit(connection, id, allowance.saturating_sub(started.elapsed())).await?;
    }
    limit(connection, id, allowance).await
}

/// How long each later statement waits for a lock.
pub async fn limit(connection: &mut PgConnection, id: &str, left: Duration) -> Result<()> {
    sqlx::query("SELECT set_config('lock_timeout', $1, true)")
        .bind(left.max(Duration::from_millis(1)).as_millis().to_string())
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| migration_failed(id, &error))
}
