//! Runs migrations and rollbacks, each in one transaction, under the migration lock.

use super::execute::{execute, failure};
use super::history;
use super::legacy;
use super::migration::Migration;
use super::plan::{Plan, Steps};
use super::rebuild;
use super::replay;
use super::schema::Schema;
use super::session::{self, LOCK_PAUSE, LOCK_TRY, LockTries};
use super::shape;
use super::undo::{self, Rollback};
use crate::db::pool::Lease;
use crate::db::silence::Unwatched;
use crate::error::{Code, Error, Result};
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::{Duration, Instant};

/// The key of the migration lock, an advisory lock. In ASCII its two halves read "auth" and "pgmi".
const LOCK: i64 = 0x6175_7468_7067_6d69;

#[derive(Clone, Copy)]
pub enum Direction<'d> {
    /// Applies the next migration that is pending among the first ones, as many as this.
    Up(usize),
    /// Runs no migration, and records those whose SQL has been run by hand.
    Baseline,
    /// Undoes all migrations that the rollback asks for.
    Down(&'d Rollback),
}

/// Does one step in a transaction of its own, under the migration lock. Waits for the lock up to `end`. After a failure the
/// connection is closed. What may take long is not watched, because the server has no limit for it either.
pub async fn locked(lease: &mut Lease, plan: &Plan, direction: Direction<'_>, end: Option<Instant>) -> Result<Steps> {
    let mut pause = Duration::from_millis(10);
    let is_pooled = lease.target().is_pooled();
    loop {
        let mut transaction = session::begin(lease).await?;
        let is_ours: bool = sqlx::query_scalar("SELECT pg_catalog.pg_try_advisory_xact_lock($1)")
            .bind(LOCK)
            .persistent(false)
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| failure(&error).error)?;
        if is_ours {
            let done = match tried(&mut transaction, plan, direction, is_pooled).await {
                Ok(done) => done,
                Err(error) => {
                    // Everybody waits for the tables that it has locked, and closing the connection may take a while.
                    let _ = transaction.rollback().await;
                    return Err(error);
                }
            };
            let _unwatched = (!done.is_empty()).then(Unwatched::begin);
            transaction.commit().await.map_err(|error| failure(&error).error)?;
            lease.settle(true);
            return Ok(done);
        }
        // A statement that waits for the lock would be an open transaction, and CREATE INDEX CONCURRENTLY waits for those.
        transaction.rollback().await.map_err(|error| failure(&error).error)?;
        if end.is_some_and(|end| Instant::now() >= end) {
            lease.settle(true);
            return Err(lock_is_held());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

/// Does the step, in several tries if others use the tables. The migration lock stays ours between them: if other processes
/// tried meanwhile, those others would hardly ever go on.
async fn tried(
    transaction: &mut PgConnection,
    plan: &Plan,
    direction: Direction<'_>,
    is_pooled: bool,
) -> Result<Steps> {
    let schema = Schema::find(transaction, plan.schema.as_deref(), is_pooled).await?;
    session::prepare(transaction, LOCK_TRY).await?;
    let mut tries = LockTries::default();
    loop {
        savepoint(transaction, "SAVEPOINT try").await?;
        match step(transaction, &schema, plan, direction).await {
            Err(error) if tries.go_on_after(&error) => {
                tracing::info!(migration = error.context.migration, "tables are in use, trying again");
                // This gives back all locks of tables.
                savepoint(transaction, "ROLLBACK TO SAVEPOINT try").await?;
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            done => return done,
        }
    }
}

async fn savepoint(connection: &mut PgConnection, statement: &'static str) -> Result<()> {
    sqlx::raw_sql(statement).execute(connection).await.map(drop).map_err(|error| failure(&error).error)
}

async fn step(connection: &mut PgConnection, schema: &Schema, plan: &Plan, direction: Direction<'_>) -> Result<Steps> {
    match direction {
        Direction::Up(count) => apply_next(connection, schema, plan, count).await,
        Direction::Baseline => note_only(connection, schema, plan).await,
        Direction::Down(rollback) => {
            let _unwatched = Unwatched::begin();
            undo::undo(connection, schema, plan, rollback).await
        }
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

/// Refuses other encodings than UTF8. They cannot store some texts, and in SQL_ASCII other programs could store bytes that
/// are not text.
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

async fn apply_next(connection: &mut PgConnection, schema: &Schema, plan: &Plan, count: usize) -> Result<Steps> {
    check_encoding(connection).await?;
    if !schema.exists {
        execute(connection, "schema", AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {}", schema.quoted())))
            .await?;
    }
    let started = Instant::now();
    let pending = if let Some(applied) = history::read(connection, schema).await? {
        applied.pending(plan.migrations)?
    } else {
        let _unwatched = Unwatched::begin();
        let made = replay::baseline(connection, schema, plan.migrations).await?;
        if made == 0
            && let Some(first) = plan.migrations.first()
            && legacy::take_over(connection, schema, plan.legacy, &plan.zones, first).await?
        {
            let mut steps = vec![(first.id, started.elapsed())];
            for migration in plan.migrations.iter().take(count).skip(1) {
                steps.push((migration.id, apply_and_note(connection, schema, migration, true).await?));
            }
            return Ok(steps);
        }
        if made == 0 {
            shape::refuse_elsewhere(connection, schema, plan.legacy.shapes).await?;
        }
        let (there, pending) = plan.migrations.split_at(made);
        note(connection, schema, there).await?;
        if let Some(last) = there.last() {
            return Ok(vec![(last.id, started.elapsed())]);
        }
        pending.iter().collect()
    };
    let is_wanted = |migration: &&&Migration| plan.migrations.iter().take(count).any(|each| each.id == migration.id);
    let Some(migration) = pending.first().filter(is_wanted) else { return Ok(Vec::new()) };
    let is_later = plan.migrations.first().is_some_and(|first| first.id != migration.id);
    Ok(vec![(migration.id, apply_and_note(connection, schema, migration, is_later).await?)])
}

/// Creates `auth_migrations`, with a row for each migration whose SQL has been run by hand.
async fn note(connection: &mut PgConnection, schema: &Schema, there: &[Migration]) -> Result<()> {
    execute(connection, history::TABLE, AssertSqlSafe(schema.fill(history::CREATE))).await?;
    for migration in there {
        history::insert(connection, schema, migration.id, &migration.checksum(), Duration::ZERO).await?;
    }
    if there.iter().any(|migration| migration.functions().contains(&history::KEEPER)) {
        execute(connection, history::TABLE, AssertSqlSafe(schema.fill(history::KEEP))).await?;
    }
    Ok(())
}

/// Records the migrations whose SQL has been run by hand. Refuses tables that no migration leaves like this, and says why.
async fn note_only(connection: &mut PgConnection, schema: &Schema, plan: &Plan) -> Result<Steps> {
    check_encoding(connection).await?;
    if history::is_there(connection, schema).await? {
        return Ok(Vec::new());
    }
    let _unwatched = Unwatched::begin();
    let made = replay::baseline(connection, schema, plan.migrations).await?;
    if made == 0 {
        replay::refuse_unrecognised(connection, schema, plan.migrations).await?;
    }
    let there = plan.migrations.get(..made).unwrap_or_default();
    note(connection, schema, there).await?;
    Ok(there.iter().map(|migration| (migration.id, Duration::ZERO)).collect())
}

/// Applies a migration and inserts its row in `auth_migrations`. Returns how long it took.
async fn apply_and_note(
    connection: &mut PgConnection,
    schema: &Schema,
    migration: &Migration,
    is_later: bool,
) -> Result<Duration> {
    let _unwatched = Unwatched::begin();
    let started = Instant::now();
    migration.apply(connection, schema).await?;
    if is_later {
        rebuild::join_users(connection, schema, migration.id, &migration.tables(), &migration.functions()).await?;
    }
    let took = started.elapsed();
    history::insert(connection, schema, migration.id, &migration.checksum(), took).await?;
    Ok(took)
}
