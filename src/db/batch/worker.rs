//! Serving calls: taking them from the queue, running their statement, and what follows for each from its result.

use super::policy::{self, MAX_WORKERS, STALL, TRY_LOCKS_FOR, max_patient};
use super::queue::{Call, Waiting};
use super::{Batch, Batched, Running, State};
use crate::db::deadline::Allowance;
use crate::db::give_up::all_gave_up;
use crate::db::pool::{CallGuard, Pool};
use crate::db::run::Db;
use crate::error::{Code, Error, Result};
use crate::origin::on_behalf_of;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

/// How calls are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// In one statement, which gives up on locks.
    Shared,
    /// One call, which gives up on locks.
    Try,
    /// One call, which waits for locks as long as it takes.
    Patient,
    /// One call that changes nothing.
    Read,
}

/// Calls that have left the queue.
struct Departure<B: Batched> {
    waiting: Vec<Waiting<B>>,
    mode: Mode,
    number: u64,
}

/// What a statement came to, for each of its calls.
enum Outcome<B: Batched> {
    Answer(Call<B>, Result<B::Output>),
    /// It goes again, with those that also go again, or in a statement of its own.
    Again {
        waiting: Waiting<B>,
        together: bool,
    },
    /// It waits for a lock, on that key if it is known.
    Stuck(Waiting<B>, Option<super::LockKey>),
}

impl<B: Batched> State<B> {
    pub(super) fn next_call(&self) -> Option<(CallGuard, Allowance)> {
        self.queue.next(self.may_try())
    }

    fn take(&mut self, pool: &Arc<Pool>) -> Option<(Vec<Waiting<B>>, Mode)> {
        if self.may_try()
            && let Some(waiting) = self.queue.take_single(pool)
        {
            let mode = if B::goes_alone(&waiting.item) { self.mode_of_one(pool) } else { Mode::Try };
            return Some((vec![waiting], if B::IS_WRITE { mode } else { Mode::Read }));
        }
        let waiting = self.queue.take_shared(pool);
        match waiting.len() {
            0 => None,
            1 => Some((waiting, self.mode_of_one(pool))),
            _ => Some((waiting, Mode::Shared)),
        }
    }

    fn mode_of_one(&self, pool: &Pool) -> Mode {
        if !B::IS_WRITE {
            Mode::Read
        } else if self.patient < max_patient(pool.share()) {
            Mode::Patient
        } else {
            Mode::Try
        }
    }
}

impl<B: Batched> Batch<B> {
    /// A worker, which has been counted already: it serves calls until none may leave.
    pub(super) async fn work(self: Arc<Self>) {
        let mut db: Option<Db> = None;
        while let Some((guard, allowance)) = self.next_call() {
            let (pool, origin) = (Arc::clone(&guard.pool), guard.call);
            let db = match &mut db {
                Some(db) if db.is_on(&pool) => db,
                other => other.insert(Db::keeping_lease(guard, self.operation)),
            };
            let begun = Instant::now();
            // Before anything is taken: who waits for the connection can still give up, and is refused in time.
            match on_behalf_of(origin, db.ready(allowance)).await {
                Ok(()) => self.serve_next(db, &pool).await,
                Err(error) if error.code == Code::PoolTimeout => self.refuse_overdue(),
                Err(error) => self.refuse(&pool, begun, &error),
            }
            db.yield_lease();
            // Others may have started meanwhile.
            if begun.elapsed() >= STALL && self.leave_if_crowded() {
                return;
            }
        }
    }

    /// Which call is next; `None`, and the worker is counted out, when none may leave.
    fn next_call(&self) -> Option<(CallGuard, Allowance)> {
        let mut state = self.lock();
        let next = state.next_call();
        state.workers -= usize::from(next.is_none());
        next
    }

    /// Counts a worker out although calls wait, when there are enough others, and a stall would be seen.
    fn leave_if_crowded(&self) -> bool {
        let mut state = self.lock();
        let leaves = state.workers > MAX_WORKERS && state.is_watched;
        state.workers -= usize::from(leaves);
        leaves
    }

    async fn serve_next(self: &Arc<Self>, db: &mut Db, pool: &Arc<Pool>) {
        // Otherwise another worker was faster.
        if let Some(Departure { waiting, mode, number }) = self.take(pool) {
            let outcomes = self.serve(db, waiting, mode).await;
            {
                let mut state = self.lock();
                state.running.retain(|running| running.number != number);
                state.patient -= usize::from(mode == Mode::Patient);
            }
            self.settle(db, outcomes, pool);
        }
    }

    fn take(self: &Arc<Self>, pool: &Arc<Pool>) -> Option<Departure<B>> {
        let mut state = self.lock();
        let (waiting, mode) = state.take(pool)?;
        state.next_statement += 1;
        let number = state.next_statement;
        let since = Instant::now();
        state.last_taken_at = since;
        state.running.push(Running { number, calls: waiting.len(), since, is_try: mode == Mode::Try });
        state.patient += usize::from(mode == Mode::Patient);
        self.watch_if_needed(&mut state);
        Some(Departure { waiting, mode, number })
    }

    /// One stuck call, which has been counted already.
    pub(super) async fn serve_stuck(self: Arc<Self>, waiting: Waiting<B>) {
        let pool = Arc::clone(&waiting.call.guard.pool);
        let mut db = Db::keeping_lease(waiting.call.guard.clone(), self.operation);
        let outcomes = match on_behalf_of(waiting.call.guard.call, db.ready(waiting.call.allowance())).await {
            Ok(()) => self.serve(&mut db, vec![waiting], Mode::Patient).await,
            Err(error) => vec![Outcome::Answer(waiting.call, Err(error))],
        };
        self.lock().patient -= 1;
        self.settle(&mut db, outcomes, &pool);
        // For those behind it.
        let mut state = self.lock();
        if state.is_worth_a_worker() {
            state.workers += 1;
            self.in_background(Self::work);
        }
    }

    async fn serve(&self, db: &mut Db, waiting: Vec<Waiting<B>>, mode: Mode) -> Vec<Outcome<B>> {
        let mut items = Vec::with_capacity(waiting.len());
        let mut calls = Vec::with_capacity(waiting.len());
        // Only when all callers may give up can the statement be left by all.
        let mut callers = Some(Vec::new());
        for Waiting { item, call } in waiting {
            callers = callers.zip(call.caller.clone()).map(|(mut callers, caller)| {
                callers.push(caller);
                callers
            });
            items.push(item);
            calls.push(call);
        }
        // A statement is logged once, for the call that has waited longest.
        let origin = calls.first().and_then(|call: &Call<B>| call.guard.call);
        if let [call] = calls.as_slice() {
            db.resume(call.is_in_doubt, call.retries);
        }
        db.give_up_on_locks_after((mode == Mode::Try).then_some(TRY_LOCKS_FOR));
        let result = tokio::select! {
            biased;
            result = on_behalf_of(origin, self.run(db, &items, mode)) => result,
            () = all_gave_up(callers) => Err(Error::new(Code::Cancelled, "the caller has given up")),
        };
        db.give_up_on_locks_after(None);
        self.outcomes(db, items, calls, mode, result).await
    }

    async fn run(&self, db: &mut Db, items: &[B::Item], mode: Mode) -> Result<Vec<Option<B::Output>>> {
        let statement = async {
            match (mode, items) {
                (Mode::Try | Mode::Patient | Mode::Read, [item]) => {
                    self.statement.one(db, item).await.map(|output| vec![Some(output)])
                }
                _ => self.statement.many(db, items).await,
            }
        };
        AssertUnwindSafe(statement).catch_unwind().await.unwrap_or_else(|_| {
            Err(Error::new(Code::Internal, "the call ended without a result: please report this as a bug"))
        })
    }

    /// What follows for each call from the statement's result.
    async fn outcomes(
        &self,
        db: &mut Db,
        items: Vec<B::Item>,
        mut calls: Vec<Call<B>>,
        mode: Mode,
        result: Result<Vec<Option<B::Output>>>,
    ) -> Vec<Outcome<B>> {
        for call in &mut calls {
            call.note(db.is_in_doubt(), db.retries(), db.waited());
        }
        let error = match result {
            Ok(outputs) if outputs.len() == calls.len() => {
                let settled = calls.into_iter().zip(items).zip(outputs);
                return settled
                    .map(|((call, item), output)| match output {
                        Some(output) => Outcome::Answer(call, Ok(output)),
                        None => Outcome::Again { waiting: Waiting { item, call }, together: false },
                    })
                    .collect();
            }
            Ok(_) => Error::new(Code::Internal, "a batch lost count of its results"),
            Err(error) => error,
        };
        if matches!(mode, Mode::Shared | Mode::Try) && error.code == Code::LockTimeout {
            let origin = calls.first().and_then(|call| call.guard.call);
            // Boxed, since it is rare, and the future of every statement would have room for it.
            let keys = on_behalf_of(origin, Box::pin(self.statement.locked_keys(db, &items))).await;
            let is_explained = keys.iter().any(Option::is_some);
            let waiting = items.into_iter().zip(calls).map(|(item, call)| Waiting { item, call });
            return waiting
                .zip(keys)
                .map(|(waiting, key)| match key {
                    None if mode == Mode::Shared => Outcome::Again { waiting, together: is_explained },
                    key => Outcome::Stuck(waiting, key),
                })
                .collect();
        }
        let separates = mode == Mode::Shared && may_concern_one(&error);
        let calls = items.into_iter().zip(calls);
        calls
            .map(|(item, call)| {
                let is_others = mode == Mode::Shared && error.code == Code::PoolTimeout && !call.is_overdue();
                if separates || is_others {
                    Outcome::Again { waiting: Waiting { item, call }, together: false }
                } else {
                    Outcome::Answer(call, Err(error.clone()))
                }
            })
            .collect()
    }

    /// Answers calls, and puts those that go again back into the queue.
    fn settle(self: &Arc<Self>, db: &mut Db, outcomes: Vec<Outcome<B>>, pool: &Arc<Pool>) {
        let mut answers = Vec::with_capacity(outcomes.len());
        let (mut together, mut single) = (Vec::new(), Vec::new());
        let mut state = self.lock();
        for outcome in outcomes {
            match outcome {
                Outcome::Answer(mut call, result) => {
                    state.queue.release(call.serial_key.take(), call.holds.take());
                    answers.push((call, result));
                }
                Outcome::Again { waiting, together: true } => together.push(waiting),
                Outcome::Again { waiting, together: false } => single.push(waiting),
                Outcome::Stuck(waiting, key) => state.queue.wait_for_lock(waiting, key),
            }
        }
        state.queue.rejoin(together, true);
        state.queue.rejoin(single, false);
        self.send_stuck(&mut state, pool);
        if state.queue.single() > 0 {
            while state.workers < policy::MAX_TRYING {
                state.workers += 1;
                self.in_background(Self::work);
            }
        }
        self.watch_if_needed(&mut state);
        let is_idle = state.next_call().is_none();
        drop(state);
        // Before the answers: the call that follows from one of them finds the connection at rest.
        if is_idle {
            db.give_back();
        }
        for (call, result) in answers {
            call.answer(result);
        }
    }
}

/// Whether a failure of a shared statement may be the fault of one of its calls: the server has undone the statement,
/// and for a reason that is not the server's own state.
fn may_concern_one(error: &Error) -> bool {
    match error.code {
        Code::QueryFailed => true,
        Code::InvalidInput
        | Code::InvalidReference
        | Code::Conflict
        | Code::SerializationFailure
        | Code::LockTimeout
        | Code::PermissionDenied
        | Code::Cancelled => error.context.sql_state.is_some(),
        _ => false,
    }
}
