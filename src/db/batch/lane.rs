//! The calls of one kind on one pool. Those of a pool that is being closed have a lane of their own, and delay no others.

use super::batched::Batched;
use super::call::{Call, Respond, WaitingCall};
use super::policy::{MAX_TRYING, MAX_WORKERS, STALL, max_patient};
use super::serve::{Outcome, serve, unless_given_up};
use super::state::{Mode, Running, State, Taken};
use crate::db::background::in_background;
use crate::db::deadline::{Allowance, SLACK, within};
use crate::db::give_up::GiveUp;
use crate::db::pool::calls::not_connected;
use crate::db::pool::{CallGuard, Pool, open_for_patience};
use crate::db::run::Db;
use crate::error::{Code, Error, Result};
use crate::origin::on_behalf_of;
use futures_core::future::BoxFuture;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;

/// Calls that have left the queue.
struct Departure<B: Batched> {
    taken: Taken<B>,
    number: u64,
}

pub struct Lane<B: Batched> {
    operation: &'static str,
    statement: Arc<B>,
    pool: Weak<Pool>,
    state: Mutex<State<B>>,
}

impl<B: Batched> Lane<B> {
    pub fn new(operation: &'static str, statement: Arc<B>, pool: &Arc<Pool>) -> Arc<Self> {
        Arc::new(Self { operation, statement, pool: Arc::downgrade(pool), state: Mutex::default() })
    }

    pub fn is_of(&self, pool: &Arc<Pool>) -> bool {
        std::ptr::eq(self.pool.as_ptr(), Arc::as_ptr(pool))
    }

    pub fn is_empty(&self) -> bool {
        self.lock().queue.len() == 0
    }

    /// Adds a call to the queue. [`Self::next_task`] must follow.
    pub fn join(&self, guard: CallGuard, caller: Option<Arc<GiveUp>>, item: B::Item, respond: Respond<B::Output>) {
        self.lock().queue.join(item, Call::new(guard, caller, respond));
    }

    /// The task that the waiting calls need now, if any. The caller has to spawn it.
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
        let lane = Arc::clone(self);
        Some(async move { if is_worker { lane.work().await } else { lane.watch().await } })
    }

    /// Ends the wait of calls that have waited too long or that nobody waits for, starts a worker whenever the queue
    /// stalls, and tries stuck calls again with which no connection may wait, until the queue is empty. Costs nothing while calls come one by one.
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
            // Calls of other kinds may have ended, with which connections waited.
            self.send_stuck(&mut state);
            self.try_stuck(&mut state);
            drop(state);
            answer_overdue(overdue);
            if is_over {
                return;
            }
        }
    }

    /// Starts watching the waiting calls, unless they are being watched already.
    fn watch_if_needed(self: &Arc<Self>, state: &mut State<B>) {
        if !state.is_watched && state.queue.len() > 0 {
            state.is_watched = true;
            self.in_background(Self::watch);
        }
    }

    /// A worker, which has been counted already. It serves calls until none may leave.
    async fn work(self: Arc<Self>) {
        let mut db: Option<Db> = None;
        while let Some((guard, allowance)) = self.next_call() {
            let (pool, origin) = (Arc::clone(&guard.pool), guard.call);
            let db = db.get_or_insert_with(|| Db::keeping_lease(guard, self.operation));
            let begun = Instant::now();
            // A call that has little time left is refused in time, and must not have the others' connection given up.
            let limit = pool.options.connection_timeout;
            let allowance = if allowance.is_fresh(limit, SLACK) { allowance } else { Allowance::new(limit) };
            // The connection comes first, so that calls that wait for it can still give up.
            match self.connected(&pool, begun, on_behalf_of(origin, db.ready(allowance))).await {
                Ok(()) => self.serve_next(db, &pool).await,
                Err(error) if error.code == Code::PoolTimeout => self.refuse_overdue(),
                Err(error) => self.refuse(begun, &error),
            }
            db.yield_lease();
            // Others may have started meanwhile.
            if begun.elapsed() >= STALL && self.leave_if_crowded() {
                return;
            }
        }
    }

    /// Waits for the connection of a worker, which does not count any more if that takes long.
    async fn connected(
        self: &Arc<Self>,
        pool: &Arc<Pool>,
        since: Instant,
        ready: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let mut ready = pin!(async {
            tokio::select! {
                biased;
                result = ready => result,
                // It would keep disconnect() waiting.
                () = self.is_left(pool) => Err(not_connected()),
            }
        });
        let mut is_late = false;
        loop {
            if let Some(result) = within(Some(STALL), &mut ready).await {
                if is_late {
                    let mut state = self.lock();
                    state.late -= 1;
                    state.workers += 1;
                }
                return result;
            }
            is_late = is_late || self.count_late(pool, since);
            // Those that wait for the whole of this are told why there is no connection.
            if pool.options.connection_timeout.is_some_and(|limit| since.elapsed() + SLACK < limit) {
                self.refuse_overdue();
            }
        }
    }

    /// Resolves when the pool closes and no call waits.
    async fn is_left(&self, pool: &Arc<Pool>) {
        pool.calls.closing().await;
        loop {
            self.refuse_overdue();
            if self.is_empty() {
                return;
            }
            sleep(STALL).await;
        }
    }

    /// Counts out a worker that has been connecting since then, and starts another. Not if that would not help.
    fn count_late(self: &Arc<Self>, pool: &Pool, since: Instant) -> bool {
        let mut state = self.lock();
        let is_late = state.count_late(pool, self.operation, since);
        if is_late && state.is_worth_a_worker() {
            state.workers += 1;
            self.in_background(Self::work);
        }
        is_late
    }

    /// Which call is next. If none may leave, returns `None` and counts the worker out.
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
        // If there is nothing to take, another worker was faster.
        if let Some(Departure { taken: Taken { waiting, mode, patience }, number }) = self.take(pool) {
            let outcomes = serve(self.statement.as_ref(), db, waiting, mode).await;
            {
                let mut state = self.lock();
                state.running.retain(|running| running.number != number);
                state.patient -= usize::from(patience.is_some());
            }
            drop(patience);
            self.settle(db, outcomes);
        }
    }

    fn take(self: &Arc<Self>, pool: &Arc<Pool>) -> Option<Departure<B>> {
        let mut state = self.lock();
        let taken = state.take(pool)?;
        pool.metrics.batch(taken.waiting.len());
        state.next_statement += 1;
        let number = state.next_statement;
        let since = Instant::now();
        state.last_taken_at = since;
        state.running.push(Running { number, calls: taken.waiting.len(), since, is_try: taken.mode == Mode::Try });
        state.patient += usize::from(taken.patience.is_some());
        self.watch_if_needed(&mut state);
        Some(Departure { taken, number })
    }

    /// One stuck call, which has been counted already: it waits for its lock as long as it takes, or tries again.
    async fn serve_stuck(self: Arc<Self>, waiting: WaitingCall<B>, patience: Option<OwnedSemaphorePermit>) {
        let is_patient = patience.is_some();
        let pool = Arc::clone(&waiting.call.guard.pool);
        let mut db = Db::keeping_lease(waiting.call.guard.clone(), self.operation);
        let ready = on_behalf_of(waiting.call.guard.call, db.ready(waiting.call.allowance()));
        let ready = unless_given_up(waiting.call.caller.clone().map(|caller| vec![caller]), ready).await;
        // While it got its connection, the server may have refused the others theirs.
        let mode = if is_patient && pool.affords_patience() { Mode::Patient } else { Mode::Try };
        let outcomes = match ready {
            Ok(()) => serve(self.statement.as_ref(), &mut db, vec![waiting], mode).await,
            Err(error) => vec![Outcome::Answer(waiting.call, Err(error))],
        };
        let is_stuck = matches!(outcomes.as_slice(), [Outcome::Stuck(..)]);
        {
            let mut state = self.lock();
            if is_patient {
                state.patient -= 1;
            } else {
                state.is_trying_stuck = false;
            }
        }
        drop(patience);
        self.settle(&mut db, outcomes);
        let mut state = self.lock();
        // What held up one of them may have held up others.
        if !is_stuck {
            self.try_stuck(&mut state);
        }
        // The calls that waited behind it may need a worker.
        if state.is_worth_a_worker() {
            state.workers += 1;
            self.in_background(Self::work);
        }
    }

    /// Answers calls, and puts those that go again back into the queue.
    fn settle(self: &Arc<Self>, db: &mut Db, outcomes: Vec<Outcome<B>>) {
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
        self.send_stuck(&mut state);
        if state.queue.single() > 0 {
            while state.workers < MAX_TRYING {
                state.workers += 1;
                self.in_background(Self::work);
            }
        }
        self.watch_if_needed(&mut state);
        let is_idle = state.next_call().is_none();
        drop(state);
        // This happens before the answers, so that a call that follows from one of them finds an idle connection.
        if is_idle {
            db.give_back();
        }
        for (call, result) in answers {
            call.answer(result);
        }
    }

    /// Sends stuck calls, as many as may hold a connection while they wait for their locks.
    fn send_stuck(self: &Arc<Self>, state: &mut State<B>) {
        while let Some(pool) = state.queue.pool_of_stuck()
            && let Some(patience) = state.patience(&pool, Pool::patience)
            && let Some(waiting) = state.queue.take_stuck()
        {
            state.patient += 1;
            self.in_background(|lane| lane.serve_stuck(waiting, Some(patience)));
        }
        if let Some(pool) = state.queue.pool_of_stuck()
            && state.patient < max_patient(pool.share())
        {
            open_for_patience(&pool);
        }
    }

    /// Tries a stuck call again that may not hold a connection while it waits for its lock.
    fn try_stuck(self: &Arc<Self>, state: &mut State<B>) {
        if !state.is_trying_stuck
            && let Some(waiting) = state.queue.take_stuck()
        {
            state.is_trying_stuck = true;
            self.in_background(|lane| lane.serve_stuck(waiting, None));
        }
    }

    fn in_background<F: Future<Output = ()> + Send + 'static>(self: &Arc<Self>, task: impl FnOnce(Arc<Self>) -> F) {
        // Boxed, or the future would contain itself.
        let task: BoxFuture<'static, ()> = Box::pin(task(Arc::clone(self)));
        in_background(|| task);
    }

    /// No connection could be had for those who have waited since then or longer.
    fn refuse(&self, since: Instant, error: &Error) {
        let refused = self.lock().queue.withdraw(since);
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
