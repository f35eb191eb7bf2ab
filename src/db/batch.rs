//! Calls of one kind that wait together travel together. A call joins its kind's queue; a few workers each take
//! whatever waits, one or many, and run one statement for all of it. A batch forms before [`Batch::begin`], while all
//! workers are busy, and while those that serve many find fewer that wait. A read still sees every write acknowledged
//! before it was made, since its statement starts after it joined.

use super::give_up::{GiveUp, all_gave_up};
use super::pool::{Pool, Work, in_background};
use super::run::Db;
use super::waiting::{Call, Company, Queue, Respond, Waiting, keys};
use crate::error::{Code, Error, Result};
use futures_core::future::BoxFuture;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A statement that can serve several calls at once.
pub trait Batched: Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Output: Send + 'static;

    /// Whether the statement changes anything.
    const IS_WRITE: bool;

    /// One output for each item, in order.
    fn run(&self, db: &mut Db, items: &[Self::Item]) -> impl Future<Output = Result<Vec<Self::Output>>> + Send;

    /// With which others an item may share a statement.
    fn company(_: &Self::Item) -> Company<'_> {
        Company::Any
    }

    /// Whether a shared statement passed this item over. It goes again, alone: that decides.
    fn is_passed_over(_: &Self::Output) -> bool {
        false
    }
}

/// Workers of one kind. More of them make smaller batches, and more statements for the same calls.
const MAX_WORKERS: usize = 3;

/// A statement for no more calls than these is done soon, whatever goes beside it.
const FEW: usize = 8;

/// A statement that takes so long (it waits for a lock, say) may take longer: it is not waited for, nor does its worker
/// count. When nothing has been taken from a queue for so long, a further worker starts. What keeps some calls waiting
/// must not keep all.
const STALL: Duration = Duration::from_millis(50);

struct State<B: Batched> {
    queue: Queue<B>,
    workers: usize,
    /// The statements of some of them.
    running: Vec<Running>,
    /// Whether somebody looks out for a stall.
    is_watched: bool,
    last_taken_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Running {
    calls: usize,
    since: Instant,
}

impl<B: Batched> State<B> {
    /// A small statement beside a large one takes its calls from the next large one, and all have their price.
    fn is_worth_a_worker(&self) -> bool {
        let (mut workers, mut served) = (self.workers, 0);
        for Running { calls, since } in &self.running {
            if since.elapsed() < STALL {
                served += calls;
            } else {
                workers -= 1;
            }
        }
        workers < MAX_WORKERS && (served <= FEW || self.queue.len() >= served)
    }
}

pub struct Batch<B: Batched> {
    operation: &'static str,
    statement: B,
    state: Mutex<State<B>>,
}

impl<B: Batched> Batch<B> {
    pub fn new(operation: &'static str, statement: B) -> Arc<Self> {
        let (queue, last_taken_at) = (Queue::default(), Instant::now());
        let state = State { queue, workers: 0, running: Vec::new(), is_watched: false, last_taken_at };
        Arc::new(Self { operation, statement, state: Mutex::new(state) })
    }

    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Joins the queue. Then [`Self::begin`].
    pub fn join(&self, work: Work, caller: Option<Arc<GiveUp>>, item: B::Item, respond: Respond<B::Output>) {
        self.lock().queue.join(item, Call { work, respond, joined_at: Instant::now(), caller });
    }

    /// What has to be done about the calls that wait, if anything: for the caller to spawn.
    pub fn begin(self: &Arc<Self>) -> Option<impl Future<Output = ()> + Send + use<B>> {
        let mut state = self.lock();
        if state.queue.is_empty() {
            return None;
        }
        let is_worker = state.is_worth_a_worker();
        if !is_worker && state.is_watched {
            return None;
        }
        if is_worker {
            state.workers += 1;
        } else {
            state.is_watched = true;
        }
        drop(state);
        let batch = Arc::clone(self);
        Some(async move { if is_worker { Worker::new(batch).work().await } else { batch.watch().await } })
    }

    /// Sweeps the queue, and starts a worker whenever it stalls, until it is empty. Costs nothing while calls come one by
    /// one.
    async fn watch(self: Arc<Self>) {
        loop {
            sleep(STALL).await;
            let mut state = self.lock();
            // They count among the calls that the pool takes, and more may not join.
            state.queue.sweep();
            if state.queue.is_empty() {
                state.is_watched = false;
                return;
            }
            // A worker that waits for a connection would not be helped by another.
            if state.last_taken_at.elapsed() >= STALL && state.running.len() == state.workers {
                state.workers += 1;
                self.start_worker();
            }
        }
    }

    async fn serve(&self, db: &mut Db, batch: Vec<Waiting<B>>) {
        let is_shared = batch.len() > 1;
        let mut items = Vec::with_capacity(batch.len());
        let mut calls = Vec::with_capacity(batch.len());
        // Only when all callers may give up can the statement be left by all.
        let mut callers = Some(Vec::new());
        for Waiting { item, call, goes_alone: _, is_in_doubt } in batch {
            if is_in_doubt {
                db.suspect();
            }
            callers = callers.zip(call.caller.clone()).map(|(mut callers, caller)| {
                callers.push(caller);
                callers
            });
            items.push(item);
            calls.push(call);
        }
        let result = tokio::select! {
            biased;
            result = self.statement.run(db, &items) => result,
            // They have been answered.
            () = all_gave_up(callers) => return,
        };
        // Before the answers: the call that follows from one of them finds the connection at rest.
        if self.lock().queue.is_empty() {
            db.give_back();
        }
        match result {
            Ok(outputs) if outputs.len() == calls.len() => {
                let mut again = Vec::new();
                for ((call, item), output) in calls.into_iter().zip(items).zip(outputs) {
                    if is_shared && B::is_passed_over(&output) {
                        again.push((item, call));
                    } else {
                        (call.respond)(Ok(output));
                    }
                }
                // A row of its own, made by an attempt before, would not have been passed over.
                self.lock().queue.rejoin(again, false);
            }
            Ok(_) => calls.into_iter().for_each(|call| {
                (call.respond)(Err(Error::new(Code::Internal, "a batch lost count of its results")));
            }),
            // The fault of one item: each on its own, so that the bad one fails alone.
            Err(error) if is_shared && error.is_data_fault() => {
                self.lock().queue.rejoin(items.into_iter().zip(calls).collect(), db.is_in_doubt());
            }
            Err(error) => calls.into_iter().for_each(|call| (call.respond)(Err(error.clone()))),
        }
    }

    /// The call that has waited longest, and since when; `None`, and the worker is counted out, when none may go.
    fn first(&self) -> Option<(Work, Instant)> {
        let mut state = self.lock();
        let first = state.queue.first();
        state.workers -= usize::from(first.is_none());
        first
    }

    /// No connection could be had for those who have waited on that pool since then or longer.
    fn refuse(&self, pool: &Arc<Pool>, since: Instant, error: &Error) {
        let refused = self.lock().queue.withdraw(pool, since);
        for call in refused {
            (call.respond)(Err(error.clone()));
        }
    }

    /// Counts a worker out although calls wait, when there are enough others, and a stall would be seen.
    fn leave_if_crowded(&self) -> bool {
        let mut state = self.lock();
        let leaves = state.workers > MAX_WORKERS && state.is_watched;
        state.workers -= usize::from(leaves);
        leaves
    }

    /// A further worker, counted already.
    fn start_worker(self: &Arc<Self>) {
        // Boxed, or the future would contain itself.
        let work: BoxFuture<'static, ()> = Box::pin(Worker::new(Arc::clone(self)).work());
        in_background(|| work);
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the queue until it is empty.
struct Worker<B: Batched> {
    batch: Arc<Batch<B>>,
    is_counted: bool,
    running: Option<Running>,
    /// Of what it serves.
    keys: Vec<String>,
}

impl<B: Batched> Worker<B> {
    /// One that has been counted already.
    fn new(batch: Arc<Batch<B>>) -> Self {
        Self { batch, is_counted: true, running: None, keys: Vec::new() }
    }

    async fn work(mut self) {
        let batch = Arc::clone(&self.batch);
        let mut db: Option<Db> = None;
        while let Some((work, since)) = batch.first() {
            let pool = Arc::clone(&work.pool);
            let db = match &mut db {
                Some(db) if db.is_on(&pool) => db,
                other => other.insert(Db::keeping_lease(work, batch.operation)),
            };
            let begun = Instant::now();
            // Before anything is taken: who waits for the connection can still give up, and is refused in time.
            match db.ready(since).await {
                Ok(()) => self.serve(db, &pool).await,
                Err(error) if error.code == Code::PoolTimeout => batch.refuse(&pool, since, &error),
                Err(error) => batch.refuse(&pool, begun, &error),
            }
            db.yield_lease();
            // Others may have started meanwhile.
            if begun.elapsed() >= STALL && batch.leave_if_crowded() {
                break;
            }
        }
        self.is_counted = false;
    }

    async fn serve(&mut self, db: &mut Db, pool: &Arc<Pool>) {
        let taken = self.take(pool);
        // Another worker was faster.
        if taken.is_empty() {
            return;
        }
        self.keys = keys(&taken);
        self.batch.serve(db, taken).await;
        self.served();
    }

    fn take(&mut self, pool: &Arc<Pool>) -> Vec<Waiting<B>> {
        let mut state = self.batch.lock();
        let taken = state.queue.take(pool);
        if !taken.is_empty() {
            let running = Running { calls: taken.len(), since: Instant::now() };
            state.last_taken_at = running.since;
            state.running.push(running);
            self.running = Some(running);
        }
        taken
    }

    fn served(&mut self) {
        let mut state = self.batch.lock();
        let mine = self.running.take();
        // One that is equal will do.
        if let Some(at) = state.running.iter().position(|running| Some(*running) == mine) {
            state.running.swap_remove(at);
        }
        state.queue.release(&std::mem::take(&mut self.keys));
    }
}

/// A worker that panicked is counted out too, and another goes on. Its calls are answered as they are dropped.
impl<B: Batched> Drop for Worker<B> {
    fn drop(&mut self) {
        self.served();
        if !self.is_counted {
            return;
        }
        let mut state = self.batch.lock();
        if state.queue.is_empty() {
            state.workers -= 1;
        } else {
            self.batch.start_worker();
        }
    }
}
