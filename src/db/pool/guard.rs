//! What a call holds while it is under way, so that a pool knows when its last call has ended.

use super::Pool;
use super::calls::aborted;
use crate::db::deadline::attempt_limit;
use crate::db::error::silent_failure;
use crate::db::silence::unless_silent;
use crate::error::Result;
use std::future::Future;
use std::sync::Arc;

/// One call under way.
pub struct CallGuard {
    pub pool: Arc<Pool>,
    /// JavaScript's name of the call.
    pub call: Option<u32>,
}

impl CallGuard {
    /// Registers one call. It is refused if the pool is closing, or has more calls than it should.
    pub fn enter(pool: &Arc<Pool>) -> Result<Self> {
        let guard = Self::new(pool);
        pool.calls.admit()?;
        Ok(guard)
    }

    /// Registers what belongs to a call that has been admitted.
    pub fn new(pool: &Arc<Pool>) -> Self {
        pool.calls.begin();
        Self { pool: Arc::clone(pool), call: None }
    }

    /// The future's result, unless the pool is closed before, or the server is silent for longer than an attempt may take.
    pub async fn or_aborted<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = attempt_limit(self.pool.options.statement_timeout);
        tokio::select! {
            biased;
            result = unless_silent(limit, future) => result.unwrap_or_else(|| Err(silent_failure().error)),
            () = self.pool.calls.aborted() => Err(aborted()),
        }
    }
}

impl Clone for CallGuard {
    fn clone(&self) -> Self {
        let mut guard = Self::new(&self.pool);
        guard.call = self.call;
        guard
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        self.pool.calls.end();
    }
}
