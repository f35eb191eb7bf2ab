//! One adapter's database: the pool of the moment, and its opening and closing.

use super::health::{self, Tables, check_version};
use super::migrate::{self, Plan, Rollback, Status};
use super::pool::{Pool, PoolOptions, Work, not_connected};
use crate::error::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

pub struct Database {
    options: PoolOptions,
    plan: Arc<Plan>,
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
    pub fn new(options: PoolOptions, plan: Plan) -> Self {
        let plan = Arc::new(plan);
        let pools = Pools { open: Some(Pool::new(options.clone(), Arc::clone(&plan))), closing: Vec::new() };
        Self { options, plan, pools: Mutex::new(pools) }
    }

    /// Registers one call.
    pub fn enter(&self) -> Result<Work> {
        self.lock().open.as_ref().ok_or_else(not_connected)?.enter()
    }

    /// Opens the adapter again when it was closed, and registers the call.
    pub fn open(&self) -> Result<Work> {
        self.lock().open.get_or_insert_with(|| Pool::new(self.options.clone(), Arc::clone(&self.plan))).enter()
    }

    pub async fn migrate(&self, work: &Work, applies: bool) -> Result<()> {
        work.or_aborted(migrate::up(&work.pool, &self.plan, applies)).await?;
        work.pool.knows_rows_are_seen();
        Ok(())
    }

    pub async fn rollback(&self, work: &Work, rollback: &Rollback) -> Result<Vec<String>> {
        work.or_aborted(migrate::down(&work.pool, &self.plan, rollback)).await
    }

    /// An error when calls would fail. What is still to be migrated cannot be looked at.
    pub async fn status(&self, work: &Work, tables: Tables) -> Result<Status> {
        work.or_aborted(async {
            let status = migrate::status(&work.pool, &self.plan).await?;
            check_version(&status.server_version)?;
            if status.pending.is_empty() {
                health::check(&work.pool, tables).await?;
            }
            Ok(status)
        })
        .await
    }

    /// Takes no more calls, from now on. The pools that are returned have still to be closed: the open one, and
    /// those that another `disconnect()` is closing.
    pub fn shut(&self) -> Vec<Arc<Pool>> {
        let mut pools = self.lock();
        let mut closing: Vec<_> = pools.closing.iter().filter_map(Weak::upgrade).collect();
        if let Some(pool) = pools.open.take() {
            pool.refuse_calls();
            closing.push(pool);
        }
        pools.closing = closing.iter().map(Arc::downgrade).collect();
        closing
    }

    fn lock(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
