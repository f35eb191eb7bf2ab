//! What `healthCheck` returns.

use crate::db::deadline::millis;
use crate::db::migrate::Status;
use crate::db::pool::{CallGuard, Gauges};
use crate::db::{Database, Db};
use crate::error::Result;
use crate::store::sweep_records::{self, SweepRecord};
use crate::store::tables::TABLES;
use napi_derive::napi;
use serde::Serialize;
use std::time::Instant;

/// The result of `healthCheck`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct HealthStatus {
    pub status: HealthState,
    /// How long the check took, in milliseconds.
    pub latency_ms: f64,
    pub pool: PoolGauges,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// The ids of the migrations that `connect()` would run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_migrations: Option<Vec<&'static str>>,
    /// The sweep of expired rows that began last, of those that have ended. Absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sweep: Option<SweepRecord>,
    /// The code of the error, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The message of the error, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// `'ok' | 'error'` in the typings.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    Ok,
    Error,
}

/// The connections of the pool.
#[derive(Debug, Default, Serialize)]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct PoolGauges {
    /// How many connections are open or being opened.
    pub total: u32,
    /// How many of them are not used.
    pub idle: u32,
    /// How many calls are waiting for a connection.
    pub waiting: u32,
}

impl PoolGauges {
    pub fn of(Gauges { total, idle, waiting }: Gauges) -> Self {
        Self { total: count(total), idle: count(idle), waiting: count(waiting) }
    }
}

/// A count as JavaScript gets it.
pub fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Checks the database once.
pub async fn health(database: &Database) -> HealthStatus {
    let started = Instant::now();
    let (result, pool) = match database.enter() {
        Ok(work) => {
            let result = look(database, &work).await;
            (result, PoolGauges::of(work.pool.gauges()))
        }
        Err(error) => (Err(error), PoolGauges::default()),
    };
    let latency_ms = millis(started.elapsed());
    match result {
        Ok((Status { server_version, pending }, last_sweep)) => HealthStatus {
            status: HealthState::Ok,
            latency_ms,
            pool,
            server_version: Some(server_version),
            pending_migrations: Some(pending),
            last_sweep,
            code: None,
            message: None,
        },
        Err(error) => HealthStatus {
            status: HealthState::Error,
            latency_ms,
            pool,
            server_version: None,
            pending_migrations: None,
            last_sweep: None,
            code: Some(error.code.name()),
            message: Some(error.message.into_owned()),
        },
    }
}

async fn look(database: &Database, guard: &CallGuard) -> Result<(Status, Option<SweepRecord>)> {
    let status = database.status(guard, TABLES).await?;
    let last_sweep = if status.pending.is_empty() {
        let mut db = Db::new(guard.clone(), "healthCheck", None).without_retries();
        sweep_records::last(&mut db).await?
    } else {
        None
    };
    Ok((status, last_sweep))
}
