//! What a migration has done before its transaction: statements that take long in a large table, but lock nobody out, such
//! as CREATE INDEX CONCURRENTLY. Each is a transaction of its own, and what has been done is read from the catalogue before
//! each of them, so that a preparation that was interrupted anywhere goes on from there.

use super::execute::failure;
use super::migration::Migration;
use super::session::{LOCK_PAUSE, LOCK_TRY, LockTries};
use crate::db::deadline::millis;
use crate::db::pool::Lease;
use crate::db::silence::Unwatched;
use crate::error::{Code, Error, Result};
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::{Duration, Instant};

/// The lock of who prepares, an advisory lock of the session (its two halves read "auth" and "pgmp" in ASCII). It is
/// another one than the migration lock, which transactions hold.
const LOCK: i64 = 0x6175_7468_7067_6d70;

/// The settings of the session, which ends with the preparation. As in a migration's transaction, nothing but the server's
/// own functions and operators is found.
const SETTINGS: &str = "SET search_path = pg_catalog, pg_temp; SET statement_timeout = 0;
    SET idle_in_transaction_session_timeout = 0; SET default_transaction_read_only = off;
    SET default_transaction_isolation = 'read committed'";

/// Prepares the migrations, one process at a time. The others wait up to `end`. Ends the session.
pub async fn prepare(mut lease: Lease, migrations: &[&Migration], schema: &str, end: Option<Instant>) -> Result<()> {
    let queries: Vec<_> = migrations.iter().filter_map(|migration| Some((migration.id, migration.prepare?))).collect();
    // Through a pooler there is no session. The migration then does all of it in its transaction.
    if queries.is_empty() || lease.target().is_pooled() {
        return Ok(());
    }
    let connection = lease.connection()?;
    let result = run(connection, &queries, schema, end).await;
    // The session has other settings, and may hold the lock.
    lease.settle(false);
    result
}

async fn run(
    connection: &mut PgConnection,
    queries: &[(&'static str, &'static str)],
    schema: &str,
    end: Option<Instant>,
) -> Result<()> {
    sqlx::raw_sql(SETTINGS).execute(&mut *connection).await.map_err(|error| failure(&error).error)?;
    lock(connection, end).await?;
    for (id, query) in queries {
        let mut last = None;
        while let Some((statement, if_broken)) = next_step(connection, query, schema).await? {
            // It would do nothing for ever.
            if last.as_ref() == Some(&statement) {
                return Err(not_prepared(id, "a step has no effect"));
            }
            match (execute(connection, id, &statement).await, if_broken) {
                (Err(error), Some(otherwise)) if error.context.sql_state.as_deref() == Some(CHECK_VIOLATION) => {
                    execute(connection, id, &otherwise).await?;
                    break;
                }
                (result, _) => result?,
            }
            last = Some(statement);
        }
    }
    Ok(())
}

/// Waits outside of any transaction, so that CREATE INDEX CONCURRENTLY of the other process does not wait for this one.
async fn lock(connection: &mut PgConnection, end: Option<Instant>) -> Result<()> {
    let mut pause = Duration::from_millis(10);
    loop {
        let is_ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .persistent(false)
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| failure(&error).error)?;
        if is_ours {
            return Ok(());
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            let mut error = Error::new(
                Code::LockTimeout,
                "another process prepares a migration for longer than connectionTimeoutMillis",
            );
            error.retryable = true;
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

const CHECK_VIOLATION: &str = "23514";

/// The statement that is to run next, and the one to run if rows break the rule that it is about.
async fn next_step(
    connection: &mut PgConnection,
    query: &'static str,
    schema: &str,
) -> Result<Option<(String, Option<String>)>> {
    sqlx::query_as(query)
        .bind(schema)
        .persistent(false)
        .fetch_optional(connection)
        .await
        .map_err(|error| failure(&error).error)
}

/// A statement that cannot have its lock tries again, as long as a migration does. One that keeps nobody waiting waits for all
/// transactions that are older.
async fn execute(connection: &mut PgConnection, id: &str, statement: &str) -> Result<()> {
    let waits_alone = ["CONCURRENTLY", "VALIDATE"].iter().any(|word| statement.contains(word));
    let limit = if waits_alone { 0 } else { LOCK_TRY.as_millis() };
    let set_limit = AssertSqlSafe(format!("SET lock_timeout = {limit}"));
    sqlx::raw_sql(set_limit).execute(&mut *connection).await.map_err(|error| failure(&error).error)?;
    let started = Instant::now();
    tracing::info!(migration = id, statement, "preparing");
    let _unwatched = Unwatched::begin();
    let mut tries = LockTries::default();
    loop {
        let result = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut *connection).await;
        let Err(error) = result else { break };
        let mut reason = failure(&error).error;
        if tries.go_on_after(&reason) {
            tokio::time::sleep(LOCK_PAUSE).await;
            continue;
        }
        if reason.code == Code::LockTimeout {
            reason.context.migration = Some(id.to_owned());
            return Err(reason);
        }
        let mut failed = not_prepared(id, &reason.message);
        failed.context = reason.context;
        failed.context.migration = Some(id.to_owned());
        failed.cause = reason.cause;
        return Err(failed);
    }
    tracing::info!(migration = id, durationMs = millis(started.elapsed()), "prepared");
    Ok(())
}

fn not_prepared(id: &str, why: &str) -> Error {
    let message =
        format!("migration {id} could not be prepared ({why}): the next connect() goes on with what has been done");
    let mut error = Error::new(Code::MigrationFailed, message);
    error.context.migration = Some(id.to_owned());
    error
}
