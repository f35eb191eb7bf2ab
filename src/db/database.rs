//! One adapter's database: the pool of the moment, and its opening and closing.

use super::diagnose::{Check, Subject, diagnose};
use super::health::{self, Tables, check_version};
use super::migrate::{self, Plan, Progress, Range, Rollback, RollbackPreview, Status};
use super::pool::calls::not_connected;
use super::pool::sight::Sight;
use super::pool::{CallGuard, Gauges, Pool, PoolOptions};
use super::script;
use crate::error::Result;
use crate::metrics::Metrics;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub struct Database {
    options: PoolOptions,
    plan: Arc<Plan>,
    metrics: Arc<Metrics>,
    pools: Mutex<Pools>,
}

struct Pools {
    /// `None` between `disconnect()` and the next `connect()`.
    open: Option<Arc<Pool>>,
    /// Those that a `disconnect()` has not done with yet.
    closing: Vec<Weak<Pool>>,
}

impl Database {
    /// Opens no connection.
    pub fn new(options: PoolOptions, plan: Plan, metrics: Arc<Metrics>) -> Self {
        let plan = Arc::new(plan);
        let pools = Pools { open: Some(new_pool(&options, &plan, &metrics)), closing: Vec::new() };
        Self { options, plan, metrics, pools: Mutex::new(pools) }
    }

    /// Registers one call.
    pub fn enter(&self) -> Result<CallGuard> {
        CallGuard::enter(self.lock().open.as_ref().ok_or_else(not_connected)?)
    }

    /// Opens the adapter again when it was closed, and registers the call.
    pub fn open(&self) -> Result<CallGuard> {
        CallGuard::enter(self.lock().open.get_or_insert_with(|| new_pool(&self.options, &self.plan, &self.metrics)))
    }

    pub async fn migrate(&self, guard: &CallGuard, applies: bool) -> Result<()> {
        guard.or_aborted(migrate::up(&guard.pool, &self.plan, applies)).await?;
        guard.pool.sight.passed();
        Ok(())
    }

    /// Applies migrations up to one, the last one if none is named. Returns what was applied.
    pub async fn migrate_to(&self, guard: &CallGuard, to: Option<&str>) -> Result<Vec<String>> {
        let count = migrate::count_up_to(&self.plan, to)?;
        guard.or_aborted(migrate::up_to(&guard.pool, &self.plan, count)).await
    }

    /// What [`Self::migrate_to`] would apply, and its SQL.
    pub async fn pending_script(&self, guard: &CallGuard, to: Option<&str>) -> Result<(Vec<String>, String)> {
        let count = migrate::count_up_to(&self.plan, to)?;
        guard.or_aborted(migrate::pending_script(&guard.pool, &self.plan, count)).await
    }

    pub async fn progress(&self, guard: &CallGuard) -> Result<Progress> {
        guard.or_aborted(migrate::progress(&guard.pool, &self.plan)).await
    }

    pub async fn rollback_preview(&self, guard: &CallGuard, rollback: &Rollback) -> Result<RollbackPreview> {
        guard.or_aborted(migrate::rollback_preview(&guard.pool, &self.plan, rollback)).await
    }

    pub async fn baseline(&self, guard: &CallGuard) -> Result<Vec<String>> {
        guard.or_aborted(migrate::baseline(&guard.pool, &self.plan)).await
    }

    pub async fn grants(&self, guard: &CallGuard, role: &str, tables: Tables) -> Result<Vec<String>> {
        let names: Vec<&str> = tables.iter().map(|(name, _)| *name).collect();
        guard.or_aborted(migrate::grants(&guard.pool, &self.plan, role, &names)).await
    }

    /// Needs no connection.
    pub fn script(&self, range: &Range) -> Result<String> {
        migrate::of_range(&self.plan, range)
    }

    pub async fn rollback(&self, guard: &CallGuard, rollback: &Rollback) -> Result<Vec<String>> {
        guard.or_aborted(migrate::down(&guard.pool, &self.plan, rollback)).await
    }

    /// Runs SQL that is not the store's, once.
    pub async fn run_script(&self, guard: &CallGuard, sql: String) -> Result<Vec<Vec<Option<String>>>> {
        guard.or_aborted(script::run(&guard.pool, sql)).await
    }

    /// An error when calls would fail. What is still to be migrated cannot be looked at.
    pub async fn status(&self, guard: &CallGuard, tables: Tables) -> Result<Status> {
        guard
            .or_aborted(async {
                let status = migrate::status(&guard.pool, &self.plan).await?;
                check_version(&status.server_version)?;
                if status.pending.is_empty() {
                    health::check(&guard.pool, tables).await?;
                }
                Ok(status)
            })
            .await
    }

    /// How many connections stay open, and how many there may be.
    pub fn pool_size(&self) -> (usize, usize) {
        (self.options.min, self.options.max)
    }

    /// The host that connections lead to, or the first one that is tried, its port, and the database.
    pub fn server(&self) -> (&str, u16, Option<&str>) {
        self.options.target.server()
    }

    /// The connections of the moment; none after `disconnect()`.
    pub fn gauges(&self) -> Gauges {
        self.lock().open.as_ref().map_or(Gauges { total: 0, idle: 0, waiting: 0 }, |pool| pool.gauges())
    }

    pub async fn diagnose(&self, guard: &CallGuard, subject: &Subject) -> Result<Vec<Check>> {
        guard.or_aborted(diagnose(&guard.pool, &self.plan, subject)).await
    }

    /// Takes no more calls, from now on. The pools that are returned have still to be closed: the open one, and
    /// those that another `disconnect()` is closing.
    pub fn shut(&self) -> Vec<Arc<Pool>> {
        let mut pools = self.lock();
        let mut closing: Vec<_> = pools.closing.iter().filter_map(Weak::upgrade).collect();
        if let Some(pool) = pools.open.take() {
            pool.calls.refuse_more();
            closing.push(pool);
        }
        pools.closing = closing.iter().map(Arc::downgrade).collect();
        closing
    }

    fn lock(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn new_pool(options: &PoolOptions, plan: &Arc<Plan>, metrics: &Arc<Metrics>) -> Arc<Pool> {
    let plan = Arc::clone(plan);
    let sight = Sight::new(move |lease| {
        let plan = Arc::clone(&plan);
        Box::pin(async move { migrate::check_sight(lease, &plan).await })
    });
    Pool::new(options.clone(), sight, Arc::clone(metrics))
}
