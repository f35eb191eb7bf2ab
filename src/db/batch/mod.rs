//! Calls of one kind that wait together travel together: one statement serves many of them.
//!
//! The rule: whatever a set of calls comes to when each travels alone, in some order, it comes to when they travel
//! together; and a call that cannot proceed delays or fails only itself and those for the same key. So a shared
//! statement gives up on locks after a moment, and whatever it does not settle for a call is decided by a statement of
//! that call's own. [`policy`] says when calls leave, [`queue`] which of them, and `worker.rs` serves them.

pub mod policy;
mod queue;
mod worker;

pub use queue::{LockKey, Respond};

use super::background::in_background;
use super::give_up::GiveUp;
use super::pool::{CallGuard, Pool};
use super::run::Db;
use crate::error::{Error, Result};
use futures_core::future::BoxFuture;
use policy::{STALL, is_worth_a_worker, max_patient};
use queue::{Call, Queue};
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::time::sleep;

/// A kind of call of which one statement can serve many.
pub trait Batched: Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Output: Send + 'static;

    /// Whether the statement changes anything.
    const IS_WRITE: bool;

    /// The statement of one call. It decides what the call comes to.
    fn one(&self, db: &mut Db, item: &Self::Item) -> impl Future<Output = Result<Self::Output>> + Send;

    /// The statement of several: for each what it came to, in order; `None` if it has to go alone, and this statement
    /// has done nothing about it. If it writes, it must give up on locks ([`policy::gives_up_on_locks`]), and lock
    /// whatever it locks in an order that is the same for all such statements.
    fn many(&self, db: &mut Db, items: &[Self::Item])
    -> impl Future<Output = Result<Vec<Option<Self::Output>>>> + Send;

    /// Whether the item needs a statement of its own.
    fn goes_alone(_: &Self::Item) -> bool {
        false
    }

    /// Items with the same key take effect one after the other, in the order of their calls.
    fn serial_key(_: &Self::Item) -> Option<&str> {
        None
    }

    /// About how many bytes the item has as parameters.
    fn bytes(_: &Self::Item) -> usize {
        0
    }

    /// What the item needs that other transactions may lock, and other items need, too.
    fn lock_keys(_: &Self::Item) -> Vec<LockKey> {
        Vec::new()
    }

    /// A statement for these items gave up on a lock. For each of them the key that another transaction has locked, if
    /// that can be told.
    fn locked_keys(&self, _: &mut Db, items: &[Self::Item]) -> impl Future<Output = Vec<Option<LockKey>>> + Send {
        ready(items.iter().map(|_| None).collect())
    }
}

/// The calls of one kind of one adapter.
pub struct Batch<B: Batched> {
    operation: &'static str,
    statement: B,
    state: Mutex<State<B>>,
}

struct State<B: Batched> {
    queue: Queue<B>,
    workers: usize,
    running: Vec<Running>,
    /// The number that the next statement gets.
    next_statement: u64,
    /// Statements that wait for locks as long as it takes.
    patient: usize,
    /// Whether waiting calls are being watched.
    is_watched: bool,
    last_taken_at: Instant,
}

/// A statement of a worker.
#[derive(Debug, Clone, Copy)]
struct Running {
    number: u64,
    calls: usize,
    since: Instant,
    is_try: bool,
}

impl Running {
    fn has_stalled(&self) -> bool {
        self.since.elapsed() >= STALL
    }
}

impl<B: Batched> State<B> {
    fn may_try(&self) -> bool {
        self.running.iter().filter(|running| running.is_try && !running.has_stalled()).count() < policy::MAX_TRYING
    }

    fn is_worth_a_worker(&self) -> bool {
        let (mut workers, mut serving) = (self.workers, 0);
        for running in &self.running {
            if running.has_stalled() {
                workers -= 1;
            } else {
                serving += running.calls;
            }
        }
        let single = if self.may_try() { self.queue.single() } else { 0 };
        is_worth_a_worker(workers, serving, self.queue.ready() + single)
    }
}

impl<B: Batched> Batch<B> {
    pub fn new(operation: &'static str, statement: B) -> Arc<Self> {
        let state = State {
            queue: Queue::default(),
            workers: 0,
            running: Vec::new(),
            next_statement: 0,
            patient: 0,
            is_watched: false,
            last_taken_at: Instant::now(),
        };
        Arc::new(Self { operation, statement, state: Mutex::new(state) })
    }

    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Joins the queue. Then [`Self::next_task`].
    pub fn join(&self, guard: CallGuard, caller: Option<Arc<GiveUp>>, item: B::Item, respond: Respond<B::Output>) {
        self.lock().queue.join(item, Call::new(guard, caller, respond));
    }

    /// What has to be done about the calls that wait, if anything: for the caller to spawn.
    pub fn next_task(self: &Arc<Self>) -> Option<impl Future<Output = ()> + Send + use<B>> {
        let mut state = self.lock();
        if state.queue.len() == 0 {
            return None;
        }
        let is_worker = state.is_worth_a_worker();
        if is_worker {
            state.workers += 1;
        } else if state.is_watched {
            return None;
        } else {
            state.is_watched = true;
        }
        drop(state);
        let batch = Arc::clone(self);
        Some(async move { if is_worker { batch.work().await } else { batch.watch().await } })
    }

    /// Ends the wait of calls that have waited too long or that nobody waits for, and starts a worker whenever the queue
    /// stalls, until it is empty. Costs nothing while calls come one by one.
    async fn watch(self: Arc<Self>) {
        loop {
            sleep(STALL).await;
            let mut state = self.lock();
            let overdue = state.queue.sweep();
            let is_over = state.queue.len() == 0;
            state.is_watched = !is_over;
            // A worker that waits for a connection would not be helped by another.
            let has_stalled = state.last_taken_at.elapsed() >= STALL && state.running.len() == state.workers;
            if !is_over && (has_stalled || state.is_worth_a_worker()) && state.next_call().is_some() {
                state.workers += 1;
                self.in_background(Self::work);
            }
            drop(state);
            answer_overdue(overdue);
            if is_over {
                return;
            }
        }
    }

    /// Sees to it that the calls that wait are watched.
    fn watch_if_needed(self: &Arc<Self>, state: &mut State<B>) {
        if !state.is_watched && state.queue.len() > 0 {
            state.is_watched = true;
            self.in_background(Self::watch);
        }
    }

    /// Sends stuck calls as far as connections may wait with them.
    fn send_stuck(self: &Arc<Self>, state: &mut State<B>, pool: &Pool) {
        while state.patient < max_patient(pool.share()) {
            let Some(waiting) = state.queue.take_stuck() else { return };
            state.patient += 1;
            self.in_background(|batch| batch.serve_stuck(waiting));
        }
    }

    fn in_background<F: Future<Output = ()> + Send + 'static>(self: &Arc<Self>, task: impl FnOnce(Arc<Self>) -> F) {
        // Boxed, or the future would contain itself.
        let task: BoxFuture<'static, ()> = Box::pin(task(Arc::clone(self)));
        in_background(|| task);
    }

    /// No connection could be had for those who have waited on that pool since then or longer.
    fn refuse(&self, pool: &Arc<Pool>, since: Instant, error: &Error) {
        let refused = self.lock().queue.withdraw(pool, since);
        for call in refused {
            call.answer(Err(error.clone()));
        }
    }

    /// Ends the wait of calls that have waited too long for a connection.
    fn refuse_overdue(&self) {
        let overdue = self.lock().queue.sweep();
        answer_overdue(overdue);
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn answer_overdue<B: Batched>(overdue: Vec<Call<B>>) {
    for call in overdue {
        let mut error = call.guard.pool.timed_out();
        error.context.attempts = Some(call.retries + 1);
        call.answer(Err(error));
    }
}
