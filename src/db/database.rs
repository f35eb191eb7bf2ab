//! One adapter's database: the pool of the moment, and its opening and closing.

use super::migrate::{self, Migration, Status};
use super::pool::{Pool, PoolOptions, Work, not_connected};
use crate::error::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub struct Database {
    options: PoolOptions,
    migrations: &'static [Migration],
    /// `None` between `disconnect()` and the next `connect()`.
    pool: Mutex<Option<Arc<Pool>>>,
}

impl Database {
    /// Opens no connection.
    pub fn new(options: PoolOptions, migrations: &'static [Migration]) -> Self {
        let pool = Mutex::new(Some(Pool::new(options.clone())));
        Self { options, migrations, pool }
    }

    /// Registers one call.
    pub fn enter(&self) -> Result<Work> {
        self.lock().as_ref().ok_or_else(not_connected)?.enter()
    }

    /// Opens the adapter again when it was closed, and registers the call.
    pub fn open(&self) -> Result<Work> {
        self.lock().get_or_insert_with(|| Pool::new(self.options.clone())).enter()
    }

    pub async fn migrate(&self, work: &Work, schema: Option<&str>, applies: bool) -> Result<()> {
        migrate::up(&work.pool, schema, self.migrations, applies).await
    }

    pub async fn rollback(&self, work: &Work, to: Option<&str>) -> Result<Vec<String>> {
        migrate::down(&work.pool, self.migrations, to).await
    }

    pub async fn status(&self, work: &Work) -> Result<Status> {
        migrate::status(&work.pool, self.migrations).await
    }

    /// Takes no more calls, from now on. The pool that is returned has still to be closed.
    pub fn shut(&self) -> Option<Arc<Pool>> {
        let pool = self.lock().take();
        if let Some(pool) = &pool {
            pool.refuse_calls();
        }
        pool
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Pool>>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
