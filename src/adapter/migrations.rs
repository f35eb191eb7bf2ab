//! Migrations, for those who run them apart from the application.

use super::{PostgresStorageAdapter, RollbackOptions, options_or};
use crate::bridge::{CallOptions, Json, Pending};
use crate::db::give_up::begin_change;
use crate::db::migrate::{Progress, Range, RangeEnd, RollbackPreview};
use crate::error::Error;
use crate::input::{Patch, Text, check_text, input};
use crate::store::tables::TABLES;
use napi_derive::napi;
use serde::Serialize;
use std::sync::Arc;

input! {
    /// The options of `migrate`.
    MigrateOptions {
        /// The id of the last migration to apply. Default: all of them.
        to "to": Option<Text>,
        /// Whether nothing is applied, and the SQL is returned instead. Default: `false`.
        dry_run "dryRun": Option<bool>,
    }
}

input! {
    /// The options of `migrationSql`.
    MigrationSqlOptions {
        /// The id of the last migration that has been applied. Default: none has been.
        from "from": Option<Text>,
        /// The id of the last migration that is applied afterwards; `null` for none. Default: the last one there is.
        to "to": Patch<Text>,
    }
}

/// What `migrate` has done, or would do.
#[derive(Debug, Serialize)]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct MigrateResult {
    /// The ids of the migrations that were applied; with `dryRun`, of those that would be.
    pub migrations: Vec<String>,
    /// With `dryRun`: what would run, as a script for psql.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
}

/// Which migrations have been applied to a database.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct MigrationStatus {
    /// The schema of the tables.
    pub schema: String,
    /// The version of the TypeScript adapter from which the database was taken over, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_over_from: Option<String>,
    /// In the order in which they are applied.
    pub migrations: Vec<MigrationEntry>,
}

/// One migration.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct MigrationEntry {
    pub id: String,
    /// `edited`: it was applied in another form than this version of the package has. `newer`: this version does not know
    /// it.
    #[napi(ts_type = "MigrationState")]
    pub state: &'static str,
    #[napi(ts_type = "Date")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_at: Option<String>,
    /// How long it took to apply, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
}

/// What a rollback would come to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct RollbackForecast {
    /// The ids of the migrations that would be undone, the newest first.
    pub migrations: Vec<&'static str>,
    /// The tables that would be dropped.
    pub tables: Vec<TableRows>,
    /// Whether the rows would be kept all the same, because the database would be given back to the TypeScript adapter from
    /// which it was taken over.
    pub gives_back: bool,
}

/// How many rows a table has.
#[derive(Debug, Serialize)]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct TableRows {
    pub table: &'static str,
    pub rows: i64,
}

impl From<Progress> for MigrationStatus {
    fn from(progress: Progress) -> Self {
        let entries = progress.migrations.into_iter().map(|migration| MigrationEntry {
            id: migration.id,
            state: migration.phase.name(),
            applied_at: migration.applied_at,
            duration_ms: migration.duration_ms,
        });
        Self { schema: progress.schema, taken_over_from: progress.taken_over_from, migrations: entries.collect() }
    }
}

impl From<RollbackPreview> for RollbackForecast {
    fn from(preview: RollbackPreview) -> Self {
        let tables = preview.tables.into_iter().map(|(table, rows)| TableRows { table, rows });
        Self { migrations: preview.migrations, tables: tables.collect(), gives_back: preview.gives_back }
    }
}

#[napi]
impl PostgresStorageAdapter {
    /// Applies pending migrations, whatever the option `migrate` is. `connect()` does this as well; here one can stop at a
    /// migration, or only look at the SQL. Resolves with what was applied.
    ///
    /// Rejects with `migration_failed`, `schema_mismatch`, or `permission_denied` if the role may not change the tables.
    #[napi]
    pub fn migrate(&self, options: Option<Json<MigrateOptions>>) -> Pending<MigrateResult> {
        let database = Arc::clone(&self.database);
        self.start_change("migrate", |caller| async move {
            let none = MigrateOptions { to: None, dry_run: None };
            let MigrateOptions { to, dry_run } = options_or(options.as_ref(), none)?;
            let to = to.map(|Text(to)| to);
            let work = database.enter()?;
            if dry_run == Some(true) {
                let (migrations, sql) = database.pending_script(&work, to.as_deref()).await?;
                return Ok(MigrateResult { migrations, sql: Some(sql) });
            }
            begin_change(caller.as_deref())?;
            Ok(MigrateResult { migrations: database.migrate_to(&work, to.as_deref()).await?, sql: None })
        })
    }

    /// Says of each migration whether it has been applied. Changes nothing.
    #[napi]
    pub fn migration_status(&self, _options: Option<CallOptions>) -> Pending<MigrationStatus> {
        let database = Arc::clone(&self.database);
        self.start("migrationStatus", async move {
            let work = database.enter()?;
            database.progress(&work).await.map(MigrationStatus::from)
        })
    }

    /// Resolves with the SQL of migrations as a script for psql, for those who run them by hand. If `to` is before `from`,
    /// it is the SQL that undoes them. The script names the schema of the option `schema`, or else `public`. Opens no
    /// connection.
    #[napi]
    pub fn migration_sql(&self, options: Option<Json<MigrationSqlOptions>>) -> Pending<String> {
        let database = Arc::clone(&self.database);
        self.start("migrationSql", async move {
            let none = MigrationSqlOptions { from: None, to: Patch::Keep };
            let MigrationSqlOptions { from, to } = options_or(options.as_ref(), none)?;
            let to = match to {
                Patch::Keep => RangeEnd::Newest,
                Patch::Clear => RangeEnd::Nothing,
                Patch::Set(Text(to)) => RangeEnd::Migration(to),
            };
            database.script(&Range { from: from.map(|Text(from)| from), to })
        })
    }

    /// Says what `rollback` would do with these options: which migrations it would undo, and which rows would be lost. Changes
    /// nothing.
    #[napi(ts_args_type = "options: RollbackOptions")]
    pub fn preview_rollback(&self, options: Option<Json<RollbackOptions>>) -> Pending<RollbackForecast> {
        let database = Arc::clone(&self.database);
        self.start("previewRollback", async move {
            let rollback = RollbackOptions::read_all(options)?;
            let work = database.enter()?;
            database.rollback_preview(&work, &rollback).await.map(RollbackForecast::from)
        })
    }

    /// Notes the migrations whose SQL has been run by hand, so that they count as applied. `connect()` does this as well and
    /// then applies the others. Resolves with the ids that were noted; none if there is a bookkeeping already.
    ///
    /// Rejects with `schema_mismatch` if the tables are not exactly as one of the migrations leaves them.
    #[napi]
    pub fn baseline(&self, _options: Option<CallOptions>) -> Pending<Vec<String>> {
        let database = Arc::clone(&self.database);
        self.start_change("baseline", |caller| async move {
            let work = database.enter()?;
            begin_change(caller.as_deref())?;
            database.baseline(&work).await
        })
    }

    /// Resolves with the statements that give a role the least privileges with which it can use the store, but not migrate
    /// it. Runs none of them.
    #[napi]
    pub fn grants(&self, role: String, _options: Option<CallOptions>) -> Pending<Vec<String>> {
        let database = Arc::clone(&self.database);
        self.start("grants", async move {
            check_text(&role, "role")?;
            if role.is_empty() {
                return Err(Error::invalid_input("role", "must not be empty"));
            }
            let work = database.enter()?;
            database.grants(&work, &role, TABLES).await
        })
    }
}
