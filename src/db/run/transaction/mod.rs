//! Transactions of the application's: several calls on one connection, which take effect together or not at all.
//!
//! [`Transaction`] knows how it ends, [`turns`] keeps the order of its calls, and [`call`] runs the statements of one of
//! them. What `run/mod.rs` does for a statement that stands alone does not apply here: nothing is repeated, since a failed
//! statement has undone the ones before it, and nothing is in doubt before `COMMIT`.

mod begin;
pub mod call;
mod failure;
pub mod plan;
mod state;
mod turns;

pub use call::{TransactionCall, TransactionTurn};
pub use plan::{Isolation, TransactionPlan};

use self::begin::begin;
use self::failure::{after_failure, after_silence};
use self::plan::OPERATION;
use self::state::TransactionState;
use self::turns::Turns;
use crate::db::deadline::{attempt_limit, millis, within};
use crate::db::driver_panic::catch_driver_panic;
use crate::db::error::{Failure, statement_failure};
use crate::db::give_up::GiveUp;
use crate::db::pool::calls::aborted;
use crate::db::pool::{CallGuard, Lease, Pool};
use crate::db::run::retry::Repeat;
use crate::db::run::statement::{Statement, Way};
use crate::db::run::statement_log::log_statement;
use crate::error::{Code, Error, Result};
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long a rollback may take if somebody waits for it.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(2);

/// `SELECT` without columns costs the server next to nothing, and fails in a transaction that has failed before. `COMMIT`
/// alone would roll such a transaction back and call that a success.
const COMMIT: &str = "SELECT; COMMIT";

pub struct Transaction {
    plan: TransactionPlan,
    pool: Arc<Pool>,
    pub turns: Turns,
    state: Mutex<TransactionState>,
    /// Given up when the transaction ends, which ends the statement that is running in it.
    ended: GiveUp,
    /// Notified when a call has failed: the transaction cannot be committed any more, so that its locks can be released.
    failed: Notify,
    /// Locked during the rollback, so that whoever waits for the end of the transaction also waits for the rollback.
    rolling_back: tokio::sync::Mutex<()>,
    since: Instant,
}

impl Transaction {
    /// Nothing is sent before the transaction begins.
    pub fn new(guard: CallGuard, plan: TransactionPlan) -> Arc<Self> {
        let pool = Arc::clone(&guard.pool);
        Arc::new(Self {
            plan,
            pool,
            turns: Turns::default(),
            state: Mutex::new(TransactionState::new(guard)),
            ended: GiveUp::default(),
            failed: Notify::new(),
            rolling_back: tokio::sync::Mutex::default(),
            since: Instant::now(),
        })
    }

    /// The guard of one of its calls. The call is never refused, because the transaction has been admitted.
    pub fn guard(&self) -> CallGuard {
        CallGuard::new(&self.pool)
    }

    /// Resolves when the transaction has ended. The result is an error if that was not by its own commit or rollback, but by
    /// its time limit, by `disconnect()`, or by [`Self::give_up`].
    pub async fn keep(&self) -> Result<()> {
        {
            // Dropped at the end of the transaction, and its connection with it.
            let mut releasing = pin!(self.release_after_failures());
            loop {
                tokio::select! {
                    biased;
                    () = self.ended.wait() => break,
                    () = self.pool.calls.aborted() => self.end(aborted()),
                    () = tokio::time::sleep_until(self.plan.end.into()) => {
                        self.end(cancelled(format!("gave up after {} ms", self.plan.limit_ms)));
                    }
                    never = &mut releasing => match never {},
                }
            }
        }
        let mut state = self.lock();
        let (reason, guard) = (state.reason(), state.take_guard());
        // After a commit or a rollback of its own, the function that sent it releases the connection.
        let lease = if reason.is_some() { state.take_for_rollback() } else { None };
        drop(state);
        // Dropping the lease rolls the transaction back. No statement is running that would have to be cancelled.
        drop(lease);
        drop(guard);
        let Some(reason) = reason else { return Ok(()) };
        self.log("transaction ended from outside");
        Err(reason)
    }

    /// Ends the transaction, also while its function is running. If no statement is running, [`Self::keep`] releases the
    /// connection.
    fn end(&self, mut reason: Error) {
        reason.context.attempts = Some(self.plan.attempt);
        if self.lock().end(reason.in_operation(OPERATION)) {
            self.ended.give_up();
        }
    }

    /// Ends the transaction because its caller has given it up.
    pub fn give_up(&self, reason: String) {
        self.end(cancelled(reason));
    }

    /// Notes that a call has failed.
    pub fn fail(&self) {
        self.lock().fail();
        self.failed.notify_one();
    }

    /// The output of the future, or an error if the transaction ends before.
    pub async fn unless_ended<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.ended.wait() => Err(self.lock().ended()),
            output = future => Ok(output),
        }
    }

    /// Acquires a connection, and begins on it.
    pub async fn begin(&self) -> Result<()> {
        let begun = tokio::select! {
            biased;
            begun = begin(&self.pool, &self.plan) => begun,
            () = self.ended.wait() => Err(self.why_ended()),
        };
        self.put_back(begun?);
        Ok(())
    }

    /// Runs a statement of the call whose turn it is. Returns how many rows it came to.
    pub async fn run(&self, operation: &'static str, repeat: Repeat, statement: &mut dyn Statement) -> Result<u64> {
        let mut lease = self.lock().take_for_statement()?;
        let statement_timeout = self.pool.options.statement_timeout;
        let way = Way { is_pooled: self.pool.options.target.is_pooled(), has_begun: true, is_in_doubt: false };
        let running = self.pool.metrics.statement(operation, 1);
        let started = Instant::now();
        let connection = lease.connection()?;
        let result = tokio::select! {
            biased;
            result = within(attempt_limit(statement_timeout), catch_driver_panic(statement.send(connection, way))) => result,
            // The statement is dropped in the middle; its lease sees to the rest.
            () = self.ended.wait() => return Err(self.why_ended()),
        };
        let ran = started.elapsed();
        drop(running);
        let error = match result {
            Some(Ok(rows)) => {
                lease.settle(true);
                if repeat.is_write() {
                    self.lock().note_write();
                }
                self.put_back(lease);
                log_statement(operation, ran, rows, self.plan.attempt, None);
                return Ok(rows);
            }
            Some(Err(error)) => self.release(lease, statement_failure(&error, ran, statement_timeout)),
            None => after_silence(&self.plan, lease),
        };
        self.fail();
        log_statement(operation, ran, 0, self.plan.attempt, Some(&error));
        Err(error)
    }

    /// A statement has failed. The connection stays until it has been rolled back, if it can be.
    fn release(&self, lease: Lease, failure: Failure) -> Error {
        let (lease, error) = after_failure(&self.pool, &self.plan, lease, failure);
        if let Some(lease) = lease {
            self.put_back(lease);
        }
        error
    }

    pub async fn commit(&self) -> Result<()> {
        let mut lease = self.lock().take_for_commit()?;
        let statement_timeout = self.pool.options.statement_timeout;
        let started = Instant::now();
        let connection = lease.connection()?;
        let committed = catch_driver_panic(sqlx::raw_sql(COMMIT).execute(connection));
        let result = tokio::select! {
            biased;
            result = within(attempt_limit(statement_timeout), committed) => result,
            () = self.ended.wait() => return Err(self.why_ended()),
        };
        let (mut error, is_undone) = match result {
            Some(Ok(_)) => {
                lease.leave_transaction();
                lease.settle(true);
                drop(lease);
                self.finish("transaction committed");
                return Ok(());
            }
            Some(Err(error)) => {
                let failure = statement_failure(&error, started.elapsed(), statement_timeout);
                let is_undone = failure.is_undone;
                (self.release(lease, failure), is_undone)
            }
            None => (after_silence(&self.plan, lease), false),
        };
        if is_undone {
            self.roll_back().await;
        } else {
            error.message = format!("{}; COMMIT had been sent", error.message).into();
            self.lock().doubt(&mut error);
            self.finish("transaction rolled back");
        }
        Err(error)
    }

    /// Rolls back. A statement that still runs is cancelled. If the transaction is ended from outside meanwhile, its connection
    /// is rolled back as it is dropped.
    pub async fn roll_back(&self) {
        let _guard = self.guard();
        self.lock().begin_rollback();
        tokio::select! {
            biased;
            () = self.ended.wait() => {}
            () = self.release_locks() => self.finish("transaction rolled back"),
        }
    }

    /// Releases locks at once when a call has failed, although the application's function is still running.
    async fn release_after_failures(&self) -> Infallible {
        loop {
            self.failed.notified().await;
            self.release_locks().await;
        }
    }

    /// Rolls back on the server, unless a statement runs.
    async fn release_locks(&self) {
        let _one = self.rolling_back.lock().await;
        let lease = self.lock().take_for_rollback();
        let Some(mut lease) = lease else { return };
        let Ok(connection) = lease.connection() else { return };
        let rolled_back = within(Some(ROLLBACK_LIMIT), sqlx::raw_sql("ROLLBACK").execute(connection)).await;
        if matches!(rolled_back, Some(Ok(_))) {
            lease.leave_transaction();
            lease.settle(true);
        } else {
            lease.abandon();
        }
    }

    fn finish(&self, message: &'static str) {
        if !self.lock().finish() {
            return;
        }
        self.ended.give_up();
        self.log(message);
    }

    fn log(&self, message: &'static str) {
        let attempt = self.plan.attempt;
        tracing::debug!(operation = OPERATION, durationMs = millis(self.since.elapsed()), attempt, "{message}");
    }

    /// If it has ended meanwhile, the connection is rolled back as it is dropped.
    fn put_back(&self, lease: Lease) {
        let mut state = self.lock();
        let left = state.put_back(lease);
        if state.has_failed() {
            self.failed.notify_one();
        }
        drop(state);
        drop(left);
    }

    /// What is told to a statement that was running at the end.
    fn why_ended(&self) -> Error {
        let state = self.lock();
        state.reason().unwrap_or_else(|| state.ended())
    }

    fn lock(&self) -> MutexGuard<'_, TransactionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever began it does not wait for it any more.
fn cancelled(reason: String) -> Error {
    let mut error = Error::new(Code::Cancelled, reason);
    error.retryable = true;
    error
}
