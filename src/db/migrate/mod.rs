//! The migrator: SQL files with an up and a down, each in one transaction together with its row in
//! `auth_migrations`. Nothing pending means one query and no lock.

mod history;
mod legacy;
mod rebuild;
mod shape;

use self::history::{Applied, mismatch};
pub use self::legacy::{Legacy, Zones};
pub use self::shape::{History, Shape};
use super::error::{Failure, raised_text, statement_failure};
use super::lease::Lease;
use super::pool::{Pool, millis};
use crate::error::{Code, Error, Result};
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub struct Migration {
    /// The file's name without its ending, and the row's id.
    pub id: &'static str,
    pub up: &'static str,
    pub down: &'static str,
}

impl Migration {
    pub fn checksum(&self) -> String {
        crate::id::hex(&Sha256::digest(self.up.as_bytes()))
    }
}

/// What `healthCheck()` says of the schema.
pub struct Status {
    pub server_version: String,
    pub pending: Vec<&'static str>,
}

/// The migration lock, an advisory lock on the database (its two halves read "auth" and "pgmi" in ASCII).
const LOCK: i64 = 0x6175_7468_7067_6d69;

/// A migration waits this long for a table that others use, then gives up and leaves everything as it was.
const LOCK_TIMEOUT: &str = "10s";

/// Every limit on time that the server knows, whatever its version; `$1` is how long to wait for a lock.
const NO_LIMITS: &str = "
    SELECT set_config(name, CASE name WHEN 'lock_timeout' THEN $1 ELSE '0' END, true)
      FROM pg_settings
     WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout')";

/// What `connect()` brings a database to, and from where.
pub struct Plan {
    pub migrations: &'static [Migration],
    pub legacy: &'static Legacy,
    pub zones: Zones,
}

/// Applies what is pending, or only checks that nothing is.
pub async fn up(pool: &Arc<Pool>, schema: Option<&str>, plan: &Plan, applies: bool) -> Result<()> {
    let migrations = plan.migrations;
    let mut lease = pool.acquire_unidentified(None, pool.connecting_end()).await?;
    let pending = match check(&mut lease, "connect").await? {
        Some(applied) => applied.pending(migrations)?,
        None => migrations.iter().collect(),
    };
    match pending.first() {
        None => return Ok(()),
        Some(first) if !applies => {
            return Err(mismatch(first.id, "has not been applied, and the option `migrate` is false"));
        }
        Some(_) => {}
    }
    drop(lease);
    let mut lease = pool.acquire(None, pool.connecting_end()).await?;
    while let Some((id, took)) = locked(&mut lease, Direction::Up { schema }, plan, pool.connecting_end()).await? {
        tracing::info!(migration = id, durationMs = millis(took), "migration applied");
    }
    Ok(())
}

/// Runs down migrations until `to` is the last one applied, or none is. Returns what was rolled back.
pub async fn down(pool: &Arc<Pool>, plan: &Plan, to: Option<&str>) -> Result<Vec<String>> {
    if let Some(to) = to
        && !plan.migrations.iter().any(|migration| migration.id == to)
    {
        return Err(Error::invalid_input("to", "is not the id of a migration"));
    }
    let mut lease = pool.acquire_unidentified(None, pool.connecting_end()).await?;
    let mut undone = Vec::new();
    if check(&mut lease, "rollback").await?.is_none() {
        return Ok(undone);
    }
    while let Some((id, took)) = locked(&mut lease, Direction::Down { to }, plan, pool.connecting_end()).await? {
        tracing::info!(migration = id, durationMs = millis(took), "migration rolled back");
        undone.push(id.to_owned());
        if id == legacy::ID {
            break;
        }
    }
    Ok(undone)
}

pub async fn status(pool: &Arc<Pool>, migrations: &'static [Migration]) -> Result<Status> {
    let mut lease = pool.acquire_unidentified(None, pool.connecting_end()).await?;
    if let Some(applied) = check(&mut lease, "healthCheck").await? {
        let pending = applied.pending(migrations)?.iter().map(|migration| migration.id).collect();
        Ok(Status { server_version: applied.server_version, pending })
    } else {
        let result = lease.one_row("SELECT current_setting('server_version')").await?;
        lease.settle(result.is_ok());
        let server_version = result.and_then(|row| row.try_get(0)).map_err(|error| failure(&error).error)?;
        Ok(Status { server_version, pending: migrations.iter().map(|migration| migration.id).collect() })
    }
}

/// `None` when there is no bookkeeping table yet.
async fn check(lease: &mut Lease, operation: &'static str) -> Result<Option<Applied>> {
    let started = Instant::now();
    let result = lease.one_row(history::CHECK).await?;
    tracing::debug!(
        operation,
        durationMs = millis(started.elapsed()),
        rows = u64::from(result.is_ok()),
        attempt = 1,
        "statement"
    );
    match result {
        Ok(row) => {
            lease.identify(&row)?;
            lease.settle(true);
            Applied::read(&row).map(Some).map_err(|error| failure(&error).error)
        }
        Err(error) => {
            let Failure { error, connection_survives, .. } = failure(&error);
            lease.settle(connection_survives);
            match error.context.sql_state.as_deref() {
                // No such table, no such schema on the search path, or another program's table of that name.
                Some("42P01" | "3F000" | "42703") => Ok(None),
                _ => Err(error),
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Direction<'d> {
    Up { schema: Option<&'d str> },
    Down { to: Option<&'d str> },
}

/// The migration that was run, and how long it took; `None` when there was nothing left to do.
type Step = Option<(&'static str, Duration)>;

/// One step in a transaction of its own, under the migration lock, which is waited for up to `end`. Gives the
/// connection up after a failure.
async fn locked(lease: &mut Lease, direction: Direction<'_>, plan: &Plan, end: Option<Instant>) -> Result<Step> {
    let mut pause = Duration::from_millis(10);
    loop {
        let mut transaction = lease.begin().await?;
        sqlx::query(NO_LIMITS)
            .bind(LOCK_TIMEOUT)
            .persistent(false)
            .execute(&mut *transaction)
            .await
            .map_err(|error| failure(&error).error)?;
        let is_ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
            .bind(LOCK)
            .persistent(false)
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| failure(&error).error)?;
        if is_ours {
            let done = match direction {
                Direction::Up { schema } => apply_next(&mut transaction, schema, plan).await?,
                Direction::Down { to } => undo_last(&mut transaction, plan, to).await?,
            };
            transaction.commit().await.map_err(|error| failure(&error).error)?;
            lease.settle(true);
            return Ok(done);
        }
        // Waiting for the lock inside a statement would block a concurrent index build.
        transaction.rollback().await.map_err(|error| failure(&error).error)?;
        if end.is_some_and(|end| Instant::now() >= end) {
            lease.settle(true);
            return Err(lock_is_held());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

fn lock_is_held() -> Error {
    let mut error = Error::new(
        Code::LockTimeout,
        "another process holds the migration lock for longer than connectionTimeoutMillis",
    );
    error.retryable = true;
    error
}

/// In another encoding some texts could not be stored, and in SQL_ASCII other programs would store what is no text.
async fn check_encoding(connection: &mut PgConnection) -> Result<()> {
    let encoding: String = sqlx::query_scalar("SELECT current_setting('server_encoding')")
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(|error| failure(&error).error)?;
    if encoding == "UTF8" {
        return Ok(());
    }
    let message = format!(
        "the encoding of the database is {encoding}: it has to be UTF8 (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0)"
    );
    Err(Error::new(Code::SchemaMismatch, message))
}

async fn apply_next(connection: &mut PgConnection, schema: Option<&str>, plan: &Plan) -> Result<Step> {
    check_encoding(connection).await?;
    if let Some(schema) = schema {
        run(connection, "schema", AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {}", quote_identifier(schema))))
            .await?;
    }
    let started = Instant::now();
    let pending = if let Some(applied) = history::read(connection).await? {
        applied.pending(plan.migrations)?
    } else {
        if let Some(first) = plan.migrations.first()
            && legacy::take_over(connection, plan.legacy, &plan.zones, first).await?
        {
            return Ok(Some((first.id, started.elapsed())));
        }
        run(connection, history::TABLE, history::CREATE).await?;
        plan.migrations.iter().collect()
    };
    let Some(migration) = pending.first() else { return Ok(None) };
    run(connection, migration.id, migration.up).await?;
    let took = started.elapsed();
    history::insert(connection, migration.id, &migration.checksum(), took).await?;
    Ok(Some((migration.id, took)))
}

async fn undo_last(connection: &mut PgConnection, plan: &Plan, to: Option<&str>) -> Result<Step> {
    let Some(applied) = history::read(connection).await? else { return Ok(None) };
    applied.pending(plan.migrations)?;
    let Some(migration) = plan.migrations.iter().rev().find(|migration| applied.has(migration)) else {
        run(connection, history::TABLE, "DROP TABLE auth_migrations").await?;
        return Ok(None);
    };
    if Some(migration.id) == to {
        return Ok(None);
    }
    let started = Instant::now();
    if let (None, Some(origin)) = (to, &applied.origin) {
        legacy::give_back(connection, plan.legacy, origin, plan.migrations).await?;
        return Ok(Some((legacy::ID, started.elapsed())));
    }
    run(connection, migration.id, migration.down).await?;
    sqlx::query("DELETE FROM auth_migrations WHERE id = $1")
        .bind(migration.id)
        .persistent(false)
        .execute(connection)
        .await
        .map_err(|error| migration_failed(migration.id, &error))?;
    Ok(Some((migration.id, started.elapsed())))
}

/// How many rows the statements touched.
async fn run(connection: &mut PgConnection, id: &str, sql: impl sqlx::SqlSafeStr) -> Result<u64> {
    sqlx::raw_sql(sql)
        .execute(connection)
        .await
        .map(|result| result.rows_affected())
        .map_err(|error| migration_failed(id, &error))
}

fn failure(error: &sqlx::Error) -> Failure {
    statement_failure(error, Duration::ZERO, None)
}

fn migration_failed(id: &str, error: &sqlx::Error) -> Error {
    let reason = failure(error).error;
    let why = raised_text(error)
        .or_else(|| reason.cause.as_ref().map(|cause| cause.message.clone()))
        .unwrap_or_else(|| reason.message.to_string());
    let mut failed =
        Error::new(Code::MigrationFailed, format!("migration {id} failed, and nothing of it remains: {why}"));
    failed.context = reason.context;
    failed.context.migration = Some(id.to_owned());
    failed.cause = reason.cause;
    failed
}

/// As an identifier in SQL and in `search_path`.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::quote_identifier;

    #[test]
    fn quotes_identifiers() {
        assert_eq!(quote_identifier(r#"a"b c"#), r#""a""b c""#);
    }
}
