//! Finds what is wrong with a database, or will be soon. Each check says what it expects, what it has found, and what repairs
//! it. Nothing is changed. If the role lacks the rights for a check, the check says so, and the others still run.

mod ask;
mod capacity;
mod check;
mod connection;
mod rights;
mod server_log;
mod tables;
mod upkeep;

pub use check::{Check, Topic};

use super::error::statement_failure;
use super::health::Tables;
use super::migrate::{self, Migration, Plan, Schema, begin_read_only};
use super::pool::Pool;
use super::run::acquire::acquire;
use crate::error::Result;
use std::sync::Arc;
use std::time::Duration;

/// What a diagnosis is about.
pub struct Subject {
    /// The tables of the store with their columns.
    pub tables: Tables,
    /// How many processes connect with the same options.
    pub processes: u32,
}

/// Makes all checks.
pub async fn diagnose(pool: &Arc<Pool>, plan: &Plan, subject: &Subject) -> Result<Vec<Check>> {
    let mut lease = acquire(pool, None, pool.connecting_end()).await?;
    let is_pooled = lease.target().is_pooled();
    let mut checks = connection::timing(&mut lease).await?;
    let names: Vec<&str> = subject.tables.iter().map(|(name, _)| *name).chain([migrate::HISTORY]).collect();

    let mut transaction = begin_read_only(&mut lease).await?;
    let schema = Schema::find(&mut transaction, plan.schema.as_deref(), is_pooled).await?;
    let version = connection::describe(&mut transaction, is_pooled, &mut checks).await?;
    capacity::check(&mut transaction, &pool.options, subject.processes, &mut checks).await;
    checks.push(server_log::check(&mut transaction).await);
    let progress = migrate::progress_in(&mut transaction, &schema, plan).await;
    upkeep::check_database(&mut transaction, version, &mut checks).await;
    let functions: Vec<&str> = plan.migrations.iter().flat_map(Migration::functions).collect();
    upkeep::check_tables(&mut transaction, &schema, &names, &functions, &mut checks).await;
    let lacking = rights::functions(&mut transaction, &schema, plan).await;
    rollback(transaction).await?;
    lease.settle(true);

    let progress = match progress {
        Ok(progress) => Some(progress),
        Err(error) => {
            checks.push(tables::MIGRATIONS.unknown(&error));
            None
        }
    };
    if let Some(progress) = &progress {
        checks.push(tables::migrations(progress, plan, &schema));
        tables::drift(&mut lease, plan, progress, pool.options.statement_timeout, &mut checks).await;
    }
    rights::check(&mut lease, plan, subject.tables, lacking, &mut checks).await;
    Ok(checks)
}

async fn rollback(transaction: sqlx::Transaction<'_, sqlx::Postgres>) -> Result<()> {
    transaction.rollback().await.map_err(|error| statement_failure(&error, Duration::ZERO, None).error)
}
