//! How many calls of one kind wait and are being served, and what may start because of that.

use super::batched::Batched;
use super::call::WaitingCall;
use super::policy::{CONNECTING_LONG, MAX_TRYING, STALL, is_worth_a_worker, max_patient};
use super::queue::CallQueue;
use crate::db::deadline::Allowance;
use crate::db::pool::{CallGuard, Pool};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;

/// How calls are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// In one statement, which gives up on locks.
    Shared,
    /// One call, which gives up on locks.
    Try,
    /// One call, which waits for locks as long as it takes.
    Patient,
    /// One call that changes nothing.
    Read,
}

/// The calls of one kind that wait or are being served, and how many statements serve them.
pub struct State<B: Batched> {
    pub queue: CallQueue<B>,
    pub workers: usize,
    /// Workers that are not counted, because they have been connecting for long.
    pub late: u32,
    pub running: Vec<Running>,
    /// The number that the next statement gets.
    pub next_statement: u64,
    /// Statements that wait for locks as long as it takes.
    pub patient: usize,
    /// Whether a stuck call is being tried again, as no connection may wait with it.
    pub is_trying_stuck: bool,
    /// Whether waiting calls are being watched.
    pub is_watched: bool,
    pub last_taken_at: Instant,
}

impl<B: Batched> Default for State<B> {
    fn default() -> Self {
        Self {
            queue: CallQueue::default(),
            workers: 0,
            late: 0,
            running: Vec::new(),
            next_statement: 0,
            patient: 0,
            is_trying_stuck: false,
            is_watched: false,
            last_taken_at: Instant::now(),
        }
    }
}

/// A statement of a worker.
#[derive(Debug, Clone, Copy)]
pub struct Running {
    pub number: u64,
    pub calls: usize,
    pub since: Instant,
    pub is_try: bool,
}

impl Running {
    pub fn has_stalled(&self) -> bool {
        self.since.elapsed() >= STALL
    }
}

impl<B: Batched> State<B> {
    fn may_try(&self) -> bool {
        self.running.iter().filter(|running| running.is_try && !running.has_stalled()).count() < MAX_TRYING
    }

    pub fn is_worth_a_worker(&self) -> bool {
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

    /// Counts a worker out that has been connecting since then, if another connection could be opened. Each one that is
    /// late has the next one wait a second longer, so that a server that does not answer is not asked more and more often.
    pub fn count_late(&mut self, pool: &Pool, kind: &'static str, since: Instant) -> bool {
        let is_late = since.elapsed() >= CONNECTING_LONG * (self.late + 1) && pool.has_free_connection_for(kind);
        if is_late {
            self.workers -= 1;
            self.late += 1;
        }
        is_late
    }

    pub fn next_call(&self) -> Option<(CallGuard, Allowance)> {
        self.queue.next(self.may_try())
    }

    pub fn take(&mut self, pool: &Arc<Pool>) -> Option<Taken<B>> {
        if self.may_try()
            && let Some(waiting) = self.queue.take_single()
        {
            let patience =
                if B::goes_alone(&waiting.item) { self.patience(pool, Pool::hopeful_patience) } else { None };
            let mode = match &patience {
                _ if !B::IS_WRITE => Mode::Read,
                Some(_) => Mode::Patient,
                None => Mode::Try,
            };
            return Some(Taken { waiting: vec![waiting], mode, patience });
        }
        let waiting = self.queue.take_shared();
        let patience = if waiting.len() == 1 { self.patience(pool, Pool::hopeful_patience) } else { None };
        let mode = match (waiting.len(), &patience) {
            (0, _) => return None,
            (1, _) if !B::IS_WRITE => Mode::Read,
            (_, Some(_)) => Mode::Patient,
            // For one call, too: it costs one round trip, and a try of its own would cost three.
            (_, None) => Mode::Shared,
        };
        Some(Taken { waiting, mode, patience })
    }

    /// The right to wait for a lock as long as it takes, if another statement of this kind may have it, and the pool gives it.
    pub fn patience(
        &self,
        pool: &Pool,
        of_pool: fn(&Pool) -> Option<OwnedSemaphorePermit>,
    ) -> Option<OwnedSemaphorePermit> {
        if B::IS_WRITE && self.patient < max_patient(pool.share()) { of_pool(pool) } else { None }
    }
}

/// Calls that leave the queue, and how.
pub struct Taken<B: Batched> {
    pub waiting: Vec<WaitingCall<B>>,
    pub mode: Mode,
    /// Held by a statement that waits for locks as long as it takes.
    pub patience: Option<OwnedSemaphorePermit>,
}
