//! Calls of one kind that wait together travel together. A call joins its kind's queue; a few workers each take
//! whatever waits, one or many, and run one statement for all of it. Nothing is delayed for company: a batch
//! forms only while all workers are busy. A read still sees every write acknowledged before it was made, since
//! its statement starts after it joined.

use super::pool::Work;
use super::run::Db;
use crate::error::{Code, Error, Result};
use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A statement that can serve several calls at once.
pub trait Batched: Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Output: Send + 'static;

    /// One output for each item, in order.
    fn run(&self, db: &mut Db, items: &[Self::Item]) -> impl Future<Output = Result<Vec<Self::Output>>> + Send;
}

/// The most calls that one statement serves.
const MAX_BATCH: usize = 256;

/// Workers of one kind. More of them make smaller batches, and more statements for the same calls.
const MAX_WORKERS: usize = 3;

type Respond<T> = Box<dyn FnOnce(Result<T>) + Send>;

struct Waiting<B: Batched> {
    item: B::Item,
    work: Work,
    respond: Respond<B::Output>,
}

struct State<B: Batched> {
    waiting: VecDeque<Waiting<B>>,
    workers: usize,
}

pub struct Batch<B: Batched> {
    operation: &'static str,
    statement: B,
    state: Mutex<State<B>>,
}

impl<B: Batched> Batch<B> {
    pub fn new(operation: &'static str, statement: B) -> Arc<Self> {
        Arc::new(Self { operation, statement, state: Mutex::new(State { waiting: VecDeque::new(), workers: 0 }) })
    }

    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Joins the queue. The worker to be started, when there is one, is returned for the caller to spawn.
    pub fn join(
        self: &Arc<Self>,
        work: Work,
        item: B::Item,
        respond: Respond<B::Output>,
    ) -> Option<impl Future<Output = ()> + Send + use<B>> {
        let mut state = self.lock();
        state.waiting.push_back(Waiting { item, work, respond });
        if state.workers >= MAX_WORKERS {
            return None;
        }
        state.workers += 1;
        drop(state);
        Some(Worker { batch: Arc::clone(self), has_left: false }.work())
    }

    async fn serve(&self, db: &mut Db, batch: Vec<Waiting<B>>) {
        let mut items = Vec::with_capacity(batch.len());
        let mut calls = Vec::with_capacity(batch.len());
        for Waiting { item, work, respond } in batch {
            items.push(item);
            calls.push((respond, work));
        }
        match self.statement.run(db, &items).await {
            Ok(outputs) if outputs.len() == calls.len() => {
                for ((respond, work), output) in calls.into_iter().zip(outputs) {
                    respond(Ok(output));
                    drop(work);
                }
            }
            Ok(_) => calls
                .into_iter()
                .for_each(|(respond, _)| respond(Err(Error::new(Code::Internal, "a batch lost count of its results")))),
            // The fault of one item: each on its own, so that the bad one fails alone.
            Err(error) if calls.len() > 1 && is_data_fault(&error) => {
                for ((respond, work), item) in calls.into_iter().zip(&items) {
                    let output = self.statement.run(db, std::slice::from_ref(item)).await;
                    respond(output.and_then(|mut outputs| {
                        outputs.pop().ok_or_else(|| Error::new(Code::Internal, "a statement lost its result"))
                    }));
                    drop(work);
                }
            }
            Err(error) => calls.into_iter().for_each(|(respond, _)| respond(Err(error.clone()))),
        }
    }

    /// What waits, as far as it is for one pool; `None`, and the worker is counted out, when nothing does.
    fn take(&self) -> Option<Vec<Waiting<B>>> {
        let mut state = self.lock();
        let Some(first) = state.waiting.front() else {
            state.workers -= 1;
            return None;
        };
        let pool = Arc::clone(&first.work.pool);
        let same =
            state.waiting.iter().take(MAX_BATCH).take_while(|waiting| Arc::ptr_eq(&waiting.work.pool, &pool)).count();
        Some(state.waiting.drain(..same).collect())
    }

    fn lock(&self) -> MutexGuard<'_, State<B>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the queue until it is empty.
struct Worker<B: Batched> {
    batch: Arc<Batch<B>>,
    has_left: bool,
}

impl<B: Batched> Worker<B> {
    async fn work(mut self) {
        let mut db: Option<Db> = None;
        while let Some(batch) = self.batch.take() {
            let work = &batch[0].work;
            let db = match &mut db {
                Some(db) if db.is_on(&work.pool) => db,
                other => other.insert(Db::keeping_lease(work.clone(), self.batch.operation)),
            };
            self.batch.serve(db, batch).await;
            db.yield_lease();
        }
        self.has_left = true;
    }
}

/// A worker that panicked is counted out too; its calls are answered as they are dropped.
impl<B: Batched> Drop for Worker<B> {
    fn drop(&mut self) {
        if !self.has_left {
            self.batch.lock().workers -= 1;
        }
    }
}

/// SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation).
fn is_data_fault(error: &Error) -> bool {
    error
        .context
        .sql_state
        .as_deref()
        .is_some_and(|sql_state| sql_state.starts_with("22") || sql_state.starts_with("23"))
}
