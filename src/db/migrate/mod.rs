//! The migrator: SQL files with an up and a down. Each up runs in one transaction together with its row in
//! `auth_migrations`, and a rollback is one transaction altogether. If nothing is pending, there is one query and no
//! lock.

mod apply;
mod catalogue;
mod condition;
mod difference;
mod drift;
mod execute;
mod functions;
mod generated;
mod history;
mod legacy;
mod locks;
mod look;
mod migration;
mod plan;
mod prepare;
mod progress;
mod rebuild;
mod replay;
mod rights;
mod rules;
mod schema;
mod script;
mod session;
mod set_aside;
mod shape;
mod undo;
mod zones;

use self::apply::{Direction, locked};
pub use self::condition::{Condition, Told};
pub use self::drift::{Deviation, deviations};
use self::execute::failure;
pub use self::functions::Function;
pub use self::history::TABLE as HISTORY;
use self::history::{Applied, mismatch};
pub use self::legacy::Legacy;
pub use self::look::{grants, pending_script, progress, progress_in, rollback_preview};
pub use self::migration::Migration;
pub use self::plan::{Plan, Upkeep};
pub use self::progress::{MigrationPhase, Progress};
pub use self::rights::TriggerRight;
pub use self::schema::{Schema, quote_identifier};
pub use self::script::{Range, RangeEnd, noting, of_range};
pub use self::session::begin_read_only;
pub use self::shape::{History, Shape};
pub use self::undo::{Rollback, RollbackPreview};
pub use self::zones::Zones;
use super::deadline::millis;
use super::error::Failure;
use super::pool::{Lease, Pool};
use super::run::acquire::{acquire, refuse_unusable_schema};
use super::run::pooler::one_row;
use crate::error::{Code, Error, Result};
use sqlx::Row as _;
use std::sync::Arc;
use std::time::Instant;

/// What `healthCheck()` says of the schema.
pub struct Status {
    pub server_version: String,
    pub pending: Vec<&'static str>,
}

/// Applies the pending migrations, or only checks that there are none.
pub async fn up(pool: &Arc<Pool>, plan: &Plan, applies: bool) -> Result<()> {
    let migrations = plan.migrations;
    let mut lease = Lease::acquire(pool, None, pool.connecting_end()).await?;
    let applied = check(&mut lease, plan, "connect").await?;
    let pending = match &applied {
        Some(applied) => applied.pending(migrations)?,
        None => migrations.iter().collect(),
    };
    match pending.first() {
        None => {
            return match applied {
                Some(applied) => settle_condition(&mut lease, plan, &applied).await,
                None => Ok(()),
            };
        }
        Some(first) if !applies => {
            return Err(mismatch(first.id, "has not been applied, and the option `migrate` is false"));
        }
        Some(_) => {}
    }
    drop(lease);
    up_to(pool, plan, migrations.len()).await?;
    // Tables that existed before may still be wrong, and so may the role's privileges on the new ones.
    let mut lease = acquire(pool, None, pool.connecting_end()).await?;
    match check(&mut lease, plan, "connect").await? {
        Some(applied) => settle_condition(&mut lease, plan, &applied).await,
        None => Ok(()),
    }
}

/// Applies the pending ones of the first `count` migrations. Returns their ids.
pub async fn up_to(pool: &Arc<Pool>, plan: &Plan, count: usize) -> Result<Vec<String>> {
    prepare_pending(pool, plan, count).await?;
    let mut lease = acquire(pool, None, pool.connecting_end()).await?;
    let mut applied = Vec::new();
    loop {
        let steps = locked(&mut lease, plan, Direction::Up(count), pool.connecting_end()).await.map_err(permission)?;
        if steps.is_empty() {
            return Ok(applied);
        }
        for (id, took) in steps {
            tracing::info!(migration = id, durationMs = millis(took), "migration applied");
            applied.push(id.to_owned());
        }
    }
}

/// Prepares the pending migrations: does what would take long in large tables before their transactions begin.
async fn prepare_pending(pool: &Arc<Pool>, plan: &Plan, count: usize) -> Result<()> {
    let mut lease = Lease::acquire(pool, None, pool.connecting_end()).await?;
    let Some(applied) = check(&mut lease, plan, "connect").await? else { return Ok(()) };
    let pending: Vec<_> = plan.migrations.iter().take(count).filter(|migration| !applied.has(migration)).collect();
    prepare::prepare(lease, &pending, applied.condition.schema(), pool.connecting_end()).await.map_err(permission)
}

/// How many migrations there are up to the one with the id `to`, or all of them.
pub fn count_up_to(plan: &Plan, to: Option<&str>) -> Result<usize> {
    to.map_or(Ok(plan.migrations.len()), |to| script::position(plan.migrations, Some(to), "to"))
}

/// Records migrations whose SQL has been run by hand. Returns their ids, which are none if `auth_migrations` exists already.
pub async fn baseline(pool: &Arc<Pool>, plan: &Plan) -> Result<Vec<String>> {
    let mut lease = acquire(pool, None, pool.connecting_end()).await?;
    let noted = locked(&mut lease, plan, Direction::Baseline, pool.connecting_end()).await.map_err(permission)?;
    Ok(noted.into_iter().map(|(id, _)| id.to_owned()).collect())
}

/// Refuses tables that cannot be used, and runs their upkeep if it is due. Calls work without it, so a failure of the upkeep
/// is only logged.
async fn settle_condition(lease: &mut Lease, plan: &Plan, applied: &Applied) -> Result<()> {
    applied.condition.check(&plan.told)?;
    if !applied.condition.is_upkeep_due {
        return Ok(());
    }
    let result = one_row(lease, plan.upkeep.run.to_owned()).await?;
    match result {
        Ok(_) => lease.settle(true),
        Err(error) => {
            let Failure { error, connection_survives, .. } = failure(&error);
            lease.settle(connection_survives);
            tracing::warn!(
                sqlState = error.context.sql_state.as_deref(),
                "the upkeep of the tables failed: {}",
                error.message
            );
        }
    }
    Ok(())
}

/// Changes the error if the role lacks a privilege, so that it says this instead of blaming the migration.
fn permission(mut error: Error) -> Error {
    if error.context.sql_state.as_deref() == Some("42501") {
        error.code = Code::PermissionDenied;
        error.message = format!(
            "{}. The role that migrates owns the tables, or is a member of their owner, and needs CREATE and USAGE on their schema, or CREATE on the database if there is no such schema yet",
            error.message
        )
        .into();
    }
    error
}

/// Rolls migrations back. Returns their ids.
pub async fn down(pool: &Arc<Pool>, plan: &Plan, rollback: &Rollback) -> Result<Vec<String>> {
    rollback.check(plan.migrations)?;
    let mut lease = Lease::acquire(pool, None, pool.connecting_end()).await?;
    if check(&mut lease, plan, "rollback").await?.is_none() {
        return Ok(Vec::new());
    }
    let undone =
        locked(&mut lease, plan, Direction::Down(rollback), pool.connecting_end()).await.map_err(permission)?;
    for (id, took) in &undone {
        tracing::info!(migration = id, durationMs = millis(*took), "migration rolled back");
    }
    Ok(undone.into_iter().map(|(id, _)| id.to_owned()).collect())
}

pub async fn status(pool: &Arc<Pool>, plan: &Plan) -> Result<Status> {
    let migrations = plan.migrations;
    let mut lease = Lease::acquire(pool, None, pool.connecting_end()).await?;
    if let Some(applied) = check(&mut lease, plan, "healthCheck").await? {
        // A newer version may have migrated the database: calls go on meanwhile.
        let pending: Vec<_> = applied.missing(migrations).iter().map(|migration| migration.id).collect();
        if pending.is_empty() {
            applied.condition.check(&plan.told)?;
        }
        Ok(Status { server_version: applied.server_version, pending })
    } else {
        let result = one_row(&mut lease, "SELECT pg_catalog.current_setting('server_version')".to_owned()).await?;
        lease.settle(result.is_ok());
        let server_version = result.and_then(|row| row.try_get(0)).map_err(|error| failure(&error).error)?;
        Ok(Status { server_version, pending: migrations.iter().map(|migration| migration.id).collect() })
    }
}

/// Sends the one query of a `connect()` with nothing to do. Returns `None` if there is no table `auth_migrations`.
async fn check(lease: &mut Lease, plan: &Plan, operation: &'static str) -> Result<Option<Applied>> {
    let started = Instant::now();
    let result = one_row(lease, history::check(plan.migrations, plan.old_indexes(), plan.upkeep.is_due)).await?;
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
            let applied = Applied::read(&row).map_err(|error| failure(&error).error)?;
            applied.check_schema()?;
            Ok(Some(applied))
        }
        Err(error) => {
            let Failure { error, connection_survives, .. } = failure(&error);
            lease.settle(connection_survives);
            match error.context.sql_state.as_deref() {
                // No such table, no such schema on the search path, or another program's table of that name.
                Some("42P01" | "3F000" | "42703") => refuse_unusable_schema(lease).await.map(|()| None),
                _ => Err(error),
            }
        }
    }
}

/// What is wrong with the tables and the privileges, or `None` if there is no table `auth_migrations`.
pub async fn condition(lease: &mut Lease, plan: &Plan) -> Result<Option<Condition>> {
    Ok(check(lease, plan, "diagnose").await?.map(|applied| applied.condition))
}

/// Checks that row security does not hide all rows from the role, for a first call without a `connect()` before it.
pub async fn check_sight(lease: &mut Lease, plan: &Plan) -> Result<()> {
    match check(lease, plan, "connect").await? {
        Some(applied) => applied.condition.check_sight(&plan.told),
        None => Ok(()),
    }
}
