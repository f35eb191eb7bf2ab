//! One adapter's database: its current pool, which is opened and closed, and what runs on it.

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
    /// The pools that a `disconnect()` is still closing.
    closing: Vec<Weak<Pool>>,
}

impl Database {
    /// No connection is opened before the first call.
    pub fn new(options: PoolOptions, plan: Plan, metrics: Arc<Metrics>) -> Self {
        let plan = Arc::new(plan);
        let pools = Pools { open: Some(new_pool(&options, &plan, &metrics)), closing: Vec::new() };
        Self { options, plan, metrics, pools: Mutex::new(pools) }
    }

    /// Registers one call.
    pub fn enter(&self) -> Result<CallGuard> {
        CallGuard::enter(self.lock().open.as_ref().ok_or_else(not_connected)?)
    }

    /// Opens a new pool if the adapter was closed, and registers the call.
    pub fn open(&self) -> Result<CallGuard> {
        CallGuard::enter(self.lock().open.get_or_insert_with(|| new_pool(&self.options, &self.plan, &self.metrics)))
    }

    pub async fn migrate(&self, guard: &CallGuard, applies: bool) -> Result<()> {
        guard.or_aborted(Box::pin(migrate::up(&guard.pool, &self.plan, applies))).await?;
        guard.pool.sight.passed();
        Ok(())
    }

    /// Applies the pending migrations up to the given one, or all of them. Returns their ids.
    pub async fn migrate_to(&self, guard: &CallGuard, to: Option<&str>) -> Result<Vec<String>> {
        let count = migrate::count_up_to(&self.plan, to)?;
        guard.or_aborted(migrate::up_to(&guard.pool, &self.plan, count)).await
    }

    /// The ids of the migrations that [`Self::migrate_to`] would apply, and their SQL.
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

    /// The SQL of a range of migrations. No connection is needed for this.
    pub fn script(&self, range: &Range) -> Result<String> {
        migrate::of_range(&self.plan, range)
    }

    pub async fn rollback(&self, guard: &CallGuard, rollback: &Rollback) -> Result<Vec<String>> {
        guard.or_aborted(migrate::down(&guard.pool, &self.plan, rollback)).await
    }

    /// Runs SQL that is not one of the store's statements. It is not repeated after a failure.
    pub async fn run_script(&self, guard: &CallGuard, sql: String) -> Result<Vec<Vec<Option<String>>>> {
        guard.or_aborted(script::run(&guard.pool, sql)).await
    }

    /// Returns an error if calls would fail. The columns of tables are looked at only if no migration is pending.
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

    /// How many connections there are. There are none after `disconnect()`.
    pub fn gauges(&self) -> Gauges {
        self.lock().open.as_ref().map_or(Gauges { total: 0, idle: 0, waiting: 0 }, |pool| pool.gauges())
    }

    pub async fn diagnose(&self, guard: &CallGuard, subject: &Subject) -> Result<Vec<Check>> {
        guard.or_aborted(diagnose(&guard.pool, &self.plan, subject)).await
    }

    /// From now on all calls are refused. Returns the pools that have to be closed: the current one, and those that another
    /// `disconnect()` is still closing.
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
