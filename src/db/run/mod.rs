//! Runs statements, with retries, time limits and lines in the log. Nothing else in `src/` sends a statement of the store's.

pub mod acquire;
pub mod pooler;
mod retry;
mod settle_failed;
pub mod statement;
mod statement_log;
pub mod transaction;
mod writes;

pub use retry::Repeat;

use super::deadline::{Allowance, attempt_limit, within};
use super::error::{Failure, Remedy, silent_failure, statement_failure};
use super::give_up::GiveUp;
use super::pool::calls::aborted;
use super::pool::{CallGuard, Lease};
use crate::error::{Code, Error, Result};
use crate::origin;
use acquire::acquire;
use retry::{back_off, judge, may_reconnect};
use settle_failed::settle_failed;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use statement::{All, Execute, One, PgQuery, Rows, Statement, Together, TransactionBody, Way};
use statement_log::{log_retry, log_statement};
use std::sync::Arc;
use std::time::{Duration, Instant};
use transaction::TransactionCall;
use writes::Writes;

/// Runs the statements of one call. It acquires a connection for each statement, or keeps one while a batch worker has
/// more to do.
pub struct Db {
    lease: Option<Lease>,
    keeps_lease: bool,
    operation: &'static str,
    /// How long the call may still wait for connections, all attempts together.
    connecting: Allowance,
    writes: Writes,
    /// How often statements have been repeated.
    retries: u32,
    /// How long it has waited for connections.
    waited: Duration,
    /// How long statements wait for a lock. `None` leaves that to the server's own limits.
    lock_limit: Option<Duration>,
    /// Present if this is a call in a transaction of the application's.
    transaction: Option<TransactionCall>,
    // Dropped after the lease, so that the connection is back in the pool before the call counts as ended.
    guard: CallGuard,
}

impl Db {
    pub fn new(guard: CallGuard, operation: &'static str, caller: Option<Arc<GiveUp>>) -> Self {
        let connecting = Allowance::new(guard.pool.options.connection_timeout);
        Self {
            lease: None,
            keeps_lease: false,
            operation,
            connecting,
            writes: Writes::new(caller),
            retries: 0,
            waited: Duration::ZERO,
            lock_limit: None,
            transaction: None,
            guard,
        }
    }

    /// Runs the statements in a transaction.
    pub fn in_transaction(
        guard: CallGuard,
        operation: &'static str,
        caller: Option<Arc<GiveUp>>,
        call: TransactionCall,
    ) -> Self {
        Self { transaction: Some(call), ..Self::new(guard, operation, caller) }
    }

    /// Keeps the connection between statements; [`Self::yield_lease`] gives way to calls that wait.
    pub fn keeping_lease(guard: CallGuard, operation: &'static str) -> Self {
        Self { keeps_lease: true, ..Self::new(guard, operation, None) }
    }

    pub fn yield_lease(&mut self) {
        if self.guard.pool.has_waiters() {
            self.give_back();
        }
    }

    /// Returns the connection to the pool, if one is kept.
    pub fn give_back(&mut self) {
        self.lease = None;
    }

    /// Acquires the connection for the next statement, which is for other callers: `allowance` is how long they may still
    /// wait.
    pub async fn ready(&mut self, allowance: Allowance) -> Result<()> {
        let pool = Arc::clone(&self.guard.pool);
        self.connecting = allowance;
        self.writes.reset();
        self.retries = 0;
        if self.lease.is_none() {
            let operation = self.operation;
            let lease = tokio::select! {
                biased;
                lease = self.connect() => lease,
                () = pool.calls.aborted() => Err(aborted()),
            };
            self.lease = Some(lease.map_err(|error| error.in_operation(operation))?);
        }
        // While they waited for this connection, they also waited for their turn.
        self.waited = Duration::ZERO;
        Ok(())
    }

    /// How long the callers of the next statement may wait for another connection.
    pub fn wait_no_longer_than(&mut self, allowance: Allowance) {
        self.connecting = allowance;
    }

    pub fn is_out_of_time(&self) -> bool {
        self.connecting.is_spent()
    }

    /// For a statement that has been sent before: whether it may have taken effect, and how often it has been repeated.
    pub fn resume(&mut self, is_in_doubt: bool, retries: u32) {
        self.writes.resume(is_in_doubt);
        self.retries = retries;
    }

    /// For a call that makes one attempt, such as `healthCheck`.
    pub fn without_retries(mut self) -> Self {
        self.retries = self.guard.pool.options.max_retries;
        self
    }

    /// Whether a statement that is sent now takes no connection away from anybody who waits for one.
    pub fn finds_connection(&self) -> bool {
        self.guard.pool.has_free_connection()
    }

    /// The next statement is one of many of the same call, each of which has limits of its own.
    pub fn begin_batch(&mut self) {
        self.connecting = Allowance::new(self.guard.pool.options.connection_timeout);
        self.retries = 0;
    }

    /// Statements that wait for a lock longer than this are undone, with the code `lock_timeout`.
    pub fn give_up_on_locks_after(&mut self, limit: Option<Duration>) {
        self.lock_limit = limit;
    }

    /// Whether a statement whose answer was lost may have taken effect, as far as the last one did not settle that.
    pub fn is_in_doubt(&self) -> bool {
        self.writes.is_in_doubt()
    }

    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// How long it has waited for connections since it was ready.
    pub fn waited(&self) -> Duration {
        self.waited
    }

    /// A connection, if need be after further attempts.
    async fn connect(&mut self) -> Result<Lease> {
        loop {
            match self.acquire().await {
                Ok(lease) => return Ok(lease),
                Err(error) => {
                    let may_repeat = self.may_reconnect(&error);
                    self.pause(error, may_repeat).await?;
                }
            }
        }
    }

    /// The row of a statement that returns at most one.
    pub async fn optional<R, Q>(&mut self, repeat: Repeat, query: Q) -> Result<Option<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send,
        Q: Fn() -> PgQuery + Send + Sync,
    {
        let mut row = None;
        self.read_one(repeat, query, &mut row).await?;
        Ok(row)
    }

    /// Does the same for a row that the caller's `row` decodes. Returns how many rows there were, which is one or none.
    pub async fn read_one<Q>(&mut self, repeat: Repeat, query: Q, row: &mut dyn Rows) -> Result<u64>
    where
        Q: Fn() -> PgQuery + Send + Sync,
    {
        self.run(repeat, &mut One { query: &|_| query(), row }).await
    }

    /// All rows of a statement.
    pub async fn all<R, Q>(&mut self, repeat: Repeat, query: Q) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send,
        Q: Fn() -> PgQuery + Send + Sync,
    {
        let mut rows = Vec::new();
        self.read_all(repeat, query, &mut rows).await?;
        Ok(rows)
    }

    /// Does the same for rows that the caller's `rows` decode. Returns how many rows there were.
    pub async fn read_all<Q>(&mut self, repeat: Repeat, query: Q, rows: &mut dyn Rows) -> Result<u64>
    where
        Q: Fn() -> PgQuery + Send + Sync,
    {
        self.run(repeat, &mut All { query: &|_| query(), rows }).await
    }

    /// The row that an insert returns. `query` is told whether an earlier attempt, whose answer was lost, may have
    /// inserted it already.
    pub async fn create<R, Q>(&mut self, query: Q) -> Result<Option<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send,
        Q: Fn(bool) -> PgQuery + Send + Sync,
    {
        let mut row = None;
        self.run(Repeat::Create, &mut One { query: &query, row: &mut row }).await?;
        Ok(row)
    }

    /// Does the same for an insert of several rows.
    pub async fn create_all<R, Q>(&mut self, query: Q) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send,
        Q: Fn(bool) -> PgQuery + Send + Sync,
    {
        let mut rows = Vec::new();
        self.run(Repeat::Create, &mut All { query: &query, rows: &mut rows }).await?;
        Ok(rows)
    }

    /// How many rows a statement touched.
    pub async fn execute<Q>(&mut self, repeat: Repeat, query: Q) -> Result<u64>
    where
        Q: Fn() -> PgQuery + Send + Sync,
    {
        self.run(repeat, &mut Execute(&|_| query())).await
    }

    /// The result of several statements that take effect together or not at all. The log has one line for them, with the
    /// count of rows that comes with the result.
    pub async fn transaction<B: TransactionBody>(&mut self, repeat: Repeat, body: &B) -> Result<B::Output> {
        let mut statement = Together { body, result: None };
        self.run(repeat, &mut statement).await?;
        statement.result.ok_or_else(|| Error::new(Code::Internal, "a transaction ended without a result"))
    }

    /// Runs a statement, and returns how many rows it has returned or changed.
    async fn run(&mut self, repeat: Repeat, statement: &mut dyn Statement) -> Result<u64> {
        if let Some(call) = &mut self.transaction {
            // Boxed, because otherwise the future of every statement would be as large as this one.
            let result = Box::pin(call.run(self.operation, self.writes.caller.as_deref(), repeat, statement)).await;
            return result.map_err(|error| error.in_operation(self.operation));
        }
        let pool = Arc::clone(&self.guard.pool);
        let result = tokio::select! {
            biased;
            result = self.attempts(repeat, statement) => result,
            // The attempt is dropped while it runs. The drop of its lease cancels the statement.
            () = pool.calls.aborted() => Err(aborted()),
        };
        result.map_err(|mut error| {
            // Data that cannot be written at all was not written by an earlier attempt either.
            if !self.writes.has_none() && !error.is_unwritable() {
                error.context.outcome = Some("unknown");
                error.retryable &= repeat == Repeat::Harmless;
            }
            error.in_operation(self.operation)
        })
    }

    async fn attempts(&mut self, repeat: Repeat, statement: &mut dyn Statement) -> Result<u64> {
        let mut once = true;
        loop {
            let (error, may_repeat) = match self.attempt(repeat, statement).await {
                Ok(rows) => return Ok(rows),
                Err(AttemptError::Connecting(error)) => {
                    let may_repeat = self.may_reconnect(&error);
                    (error, may_repeat)
                }
                Err(AttemptError::Running(failure)) => judge(failure, repeat, &mut once),
            };
            self.pause(error, may_repeat).await?;
        }
    }

    fn may_reconnect(&self, error: &Error) -> bool {
        may_reconnect(error) || (self.retries == 0 && self.guard.pool.options.target.may_have_rotated(error))
    }

    /// Waits before the next attempt, or returns the error if there is none.
    async fn pause(&mut self, mut error: Error, may_repeat: bool) -> Result<()> {
        let attempt = self.retries + 1;
        if !may_repeat || attempt > self.guard.pool.options.max_retries {
            error.context.attempts = Some(attempt);
            return Err(error);
        }
        let pause = back_off(attempt);
        log_retry(self.operation, attempt, pause, &error);
        tokio::time::sleep(pause).await;
        self.retries = attempt;
        self.guard.pool.metrics.observed.retried(origin::call(), attempt + 1);
        Ok(())
    }

    async fn attempt(&mut self, repeat: Repeat, statement: &mut dyn Statement) -> Result<u64, AttemptError> {
        let mut lease = match self.lease.take() {
            Some(lease) => lease,
            None => self.acquire().await.map_err(AttemptError::Connecting)?,
        };
        // The connection may be one that was freed when running calls were ended.
        if self.guard.pool.calls.is_aborted() {
            return Err(AttemptError::Connecting(aborted()));
        }
        self.begin_unit(&mut lease, statement.is_snapshot()).await.map_err(AttemptError::Connecting)?;
        let attempt = self.retries + 1;
        let before = self.writes.send(repeat).await;
        let statement_timeout = self.guard.pool.options.statement_timeout;
        let pool = Arc::clone(&self.guard.pool);
        let running = pool.metrics.statement(self.operation, attempt);
        let started = Instant::now();
        let is_pooled = self.guard.pool.options.target.is_pooled();
        let way = Way { is_pooled, has_begun: is_pooled, is_in_doubt: before.is_in_doubt() };
        let connection = lease.connection().map_err(AttemptError::Connecting)?;
        let sending = pooler::send(connection, self.lock_limit, statement, way);
        let result = within(attempt_limit(statement_timeout), sending).await;
        let ran = started.elapsed();
        drop(running);
        let failure = match result {
            Some(Ok(rows)) => {
                lease.settle(true);
                log_statement(self.operation, ran, rows, attempt, None);
                self.keep(lease);
                self.writes.succeeded(repeat);
                return Ok(rows);
            }
            Some(Err(error)) => {
                let failure = statement_failure(&error, ran, statement_timeout);
                let usable = settle_failed(&pool, lease, &failure).await;
                // A connection whose stale statements were cleared is kept for the next attempt, because those of another
                // connection may be stale, too.
                if self.keeps_lease || failure.remedy == Remedy::RepeatOnceCleared {
                    self.lease = usable;
                }
                failure
            }
            None => {
                lease.abandon();
                silent_failure()
            }
        };
        log_statement(self.operation, ran, 0, attempt, Some(&failure.error));
        if failure.is_undone {
            self.writes.undone(before);
        }
        Err(AttemptError::Running(failure))
    }

    /// Begins a transaction for the statement if there is a transaction pooler. Before that the call has no server process.
    async fn begin_unit(&mut self, lease: &mut Lease, is_snapshot: bool) -> Result<()> {
        if !self.guard.pool.options.target.is_pooled() {
            return Ok(());
        }
        let started = Instant::now();
        let begin = if is_snapshot { statement::BEGIN_SNAPSHOT } else { pooler::BEGIN };
        let end = self.connecting.end();
        let begun = pooler::begin_unit(&self.guard.pool, lease, begin, self.lock_limit, end).await;
        self.spend(started.elapsed());
        begun
    }

    async fn acquire(&mut self) -> Result<Lease> {
        let started = Instant::now();
        let lease = acquire(&self.guard.pool, Some(self.operation), self.connecting.end()).await;
        self.spend(started.elapsed());
        lease
    }

    fn spend(&mut self, waited: Duration) {
        self.connecting.spend(waited);
        self.waited += waited;
    }

    fn keep(&mut self, lease: Lease) {
        if self.keeps_lease {
            self.lease = Some(lease);
        }
    }
}

/// Where an attempt has failed.
enum AttemptError {
    Connecting(Error),
    Running(Failure),
}
