//! Calls of one kind that wait together travel together: one statement serves many of them.
//!
//! The rule: whatever a set of calls comes to when each travels alone, in some order, it comes to when they travel
//! together; and a call that cannot proceed delays or fails only itself and those for the same key. So a shared
//! statement gives up on locks after a moment, and whatever it does not settle for a call is decided by a statement of
//! that call's own. [`policy`] says when calls leave, [`queue`] which of them, and [`serve`] what they come to.

mod batched;
mod call;
mod lane;
pub mod policy;
mod queue;
mod serve;
mod state;

pub use batched::{Batched, LockKey};
pub use call::Respond;

use super::give_up::GiveUp;
use super::pool::CallGuard;
use super::run::Db;
use crate::error::Result;
use futures_util::future::{Either, FutureExt as _, join, join_all};
use lane::Lane;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The calls of one kind of one adapter.
pub struct Batch<B: Batched> {
    operation: &'static str,
    statement: Arc<B>,
    /// One for the pool, and one for each other pool that is being closed while calls wait on it.
    lanes: Mutex<Vec<Arc<Lane<B>>>>,
}

impl<B: Batched> Batch<B> {
    pub fn new(operation: &'static str, statement: B) -> Arc<Self> {
        Arc::new(Self { operation, statement: Arc::new(statement), lanes: Mutex::default() })
    }

    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Adds a call to the queue. [`Self::next_task`] must follow.
    pub fn join(&self, guard: CallGuard, caller: Option<Arc<GiveUp>>, item: B::Item, respond: Respond<B::Output>) {
        let mut lanes = self.lanes();
        if let Some(lane) = lanes.iter().find(|lane| lane.is_of(&guard.pool)) {
            return lane.join(guard, caller, item, respond);
        }
        lanes.retain(|lane| !lane.is_empty());
        let lane = Lane::new(self.operation, Arc::clone(&self.statement), &guard.pool);
        lane.join(guard, caller, item, respond);
        lanes.push(lane);
    }

    /// The result of a call that travels alone, and whose statement is run by the caller.
    pub async fn run_alone(&self, db: &mut Db, item: &B::Item) -> Result<B::Output> {
        self.statement.one(db, item).await
    }

    /// The task that the waiting calls need now, if any. The caller has to spawn it.
    pub fn next_task(&self) -> Option<impl Future<Output = ()> + Send + use<B>> {
        let lanes = self.lanes();
        let mut tasks = lanes.iter().filter_map(Lane::next_task);
        let first = tasks.next()?;
        // Hardly ever is there more than one. An async block would have room for the first one twice.
        let others: Vec<_> = tasks.collect();
        Some(if others.is_empty() {
            Either::Left(first)
        } else {
            Either::Right(join(first, join_all(others)).map(drop))
        })
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Arc<Lane<B>>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
