//! `rollback()`: the down migrations, all in one transaction.

use super::execute::{execute, migration_failed};
use super::history::{self, Applied, TAKEN_OVER, mismatch};
use super::locks::{self, LockFor};
use super::migration::Migration;
use super::plan::{Plan, Steps};
use super::schema::Schema;
use super::{legacy, replay};
use crate::error::{Code, Error, Result};
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::Instant;

/// How far to go back.
#[derive(Debug)]
pub struct Rollback {
    /// The migration that stays as the last one applied; `None` undoes them all.
    pub to: Option<String>,
    /// Whether tables that hold rows may be dropped.
    pub drops_data: bool,
}

impl Rollback {
    /// Refuses a target that is not the id of a migration.
    pub fn check(&self, migrations: &[Migration]) -> Result<()> {
        match &self.to {
            Some(to) if !migrations.iter().any(|migration| migration.id == to) => {
                Err(Error::invalid_input("to", "is not the id of a migration"))
            }
            _ => Ok(()),
        }
    }
}

/// What a rollback would do.
pub struct RollbackPreview {
    pub migrations: Vec<&'static str>,
    /// The tables that would be dropped, and how many rows each has.
    pub tables: Vec<(&'static str, i64)>,
    /// Whether the rows are kept all the same, because the tables are given back to the TypeScript adapter.
    pub gives_back: bool,
}

/// The migrations to undo, the newest first. There are none if there is no table `auth_migrations`.
struct Undoing {
    applied: Applied,
    applied_here: Vec<&'static Migration>,
    undone: Vec<&'static Migration>,
    dropped: Vec<&'static str>,
}

impl Undoing {
    async fn find(
        connection: &mut PgConnection,
        schema: &Schema,
        plan: &Plan,
        to: Option<&str>,
    ) -> Result<Option<Self>> {
        let Some(applied) = history::read(connection, schema).await? else { return Ok(None) };
        applied.pending(plan.migrations)?;
        if let Some(to) = to
            && !applied.ids.iter().any(|id| id == to)
        {
            return Err(mismatch(to, "has not been applied, so that nothing can be rolled back to it"));
        }
        let applied_here: Vec<&'static Migration> =
            plan.migrations.iter().filter(|migration| applied.has(migration)).collect();
        let undone: Vec<&'static Migration> =
            applied_here.iter().rev().copied().take_while(|migration| Some(migration.id) != to).collect();
        let dropped = undone.iter().flat_map(|migration| migration.dropped_tables()).collect();
        Ok(Some(Self { applied, applied_here, undone, dropped }))
    }
}

/// What [`undo`] would do.
pub async fn preview(
    connection: &mut PgConnection,
    schema: &Schema,
    plan: &Plan,
    to: Option<&str>,
) -> Result<RollbackPreview> {
    let Some(undoing) = Undoing::find(connection, schema, plan, to).await? else {
        return Ok(RollbackPreview { migrations: Vec::new(), tables: Vec::new(), gives_back: false });
    };
    let gives_back = to.is_none() && undoing.applied.origin.is_some();
    let migrations = undoing.undone.iter().map(|migration| migration.id);
    // Counting takes as long as it takes, but does not wait for the tables for longer than the rollback itself would.
    execute(connection, history::TABLE, "SET LOCAL statement_timeout = 0").await?;
    locks::lock(connection, schema, history::TABLE, &undoing.dropped, LockFor::Reading).await?;
    let tables = count_rows(connection, schema, &undoing.dropped).await?;
    Ok(RollbackPreview { migrations: migrations.collect(), tables, gives_back })
}

pub async fn undo(connection: &mut PgConnection, schema: &Schema, plan: &Plan, rollback: &Rollback) -> Result<Steps> {
    let mut steps = Steps::new();
    let to = rollback.to.as_deref();
    let Some(undoing) = Undoing::find(connection, schema, plan, to).await? else { return Ok(steps) };
    let Undoing { applied, applied_here, undone, dropped } = undoing;
    let newest = undone.first().map_or(history::TABLE, |migration| migration.id);
    locks::lock(connection, schema, newest, &dropped, LockFor::Changing).await?;
    replay::refuse_additions(connection, schema, &applied_here, &dropped).await?;
    if let (None, Some(origin)) = (to, &applied.origin) {
        // All rows are kept. If the old tables have no place for some of them, the rollback is refused, whatever
        // `drops_data` says.
        let started = Instant::now();
        legacy::give_back(connection, schema, plan.legacy, origin, &applied_here).await?;
        let took = started.elapsed();
        let later = undone.iter().map(|migration| migration.id).take(undone.len().saturating_sub(1));
        return Ok(later.chain([TAKEN_OVER]).map(|id| (id, took)).collect());
    }
    if !rollback.drops_data {
        refuse_rows(connection, schema, &dropped).await?;
    }

    for migration in undone {
        let started = Instant::now();
        schema.enter(connection).await?;
        execute(connection, migration.id, migration.down).await?;
        schema.leave(connection).await?;
        history::delete(connection, schema, migration.id).await?;
        steps.push((migration.id, started.elapsed()));
    }
    if to.is_none() {
        execute(connection, history::TABLE, AssertSqlSafe(schema.fill("DROP TABLE :\"schema\".auth_migrations")))
            .await?;
    }
    Ok(steps)
}

/// How many tables the refusal lists.
const LISTED: usize = 20;

async fn count_rows<'t>(
    connection: &mut PgConnection,
    schema: &Schema,
    tables: &[&'t str],
) -> Result<Vec<(&'t str, i64)>> {
    let mut counts = Vec::new();
    for table in tables {
        let sql = format!("SELECT count(*) FROM {}.{table}", schema.quoted());
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .persistent(false)
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| migration_failed(history::TABLE, &error))?;
        counts.push((*table, rows));
    }
    Ok(counts)
}

async fn refuse_rows(connection: &mut PgConnection, schema: &Schema, tables: &[&str]) -> Result<()> {
    let mut filled = count_rows(connection, schema, tables).await?;
    filled.retain(|(_, rows)| *rows > 0);
    if filled.is_empty() {
        return Ok(());
    }
    let total: i64 = filled.iter().map(|(_, rows)| rows).sum();
    let list: Vec<_> = filled.iter().take(LISTED).map(|(table, rows)| format!("{table} {rows}")).collect();
    Err(Error::new(
        Code::InvalidInput,
        format!(
            "nothing was rolled back, because the tables that would be dropped hold {total} rows ({}): pass `dropData: true` to delete them",
            list.join(", ")
        ),
    )
    .with_field("dropData"))
}
