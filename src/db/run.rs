//! Running statements: the one place that awaits sqlx. Retries, classification and the log live here.

use super::deadline::{Allowance, attempt_limit, until, within};
use super::error::{Failure, Remedy, silent_failure, statement_failure};
use super::give_up::GiveUp;
use super::lease::Lease;
use super::pool::{Pool, Work, aborted, millis};
use super::statement::{All, Counted, Execute, One, Statement, Together, Way};
use super::understood::understood;
use super::unit;
use crate::error::{Code, Error, Result};
use futures_core::future::BoxFuture;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{Connection as _, FromRow, PgConnection, Postgres};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What running a statement twice does; it decides what follows when the connection was lost under it and nobody
/// knows how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It changes nothing.
    Read,
    /// Twice is the same as once: deletes.
    Harmless,
    /// Twice with the same id is once, but the same call made again has another id.
    Create,
    /// It is reported with `outcome: 'unknown'`.
    Never,
}

impl Repeat {
    fn is_write(self) -> bool {
        self != Self::Read
    }
}

/// One call's way to the database. It takes a connection for each statement, or keeps one while
/// a batch worker has more to do.
pub struct Db {
    lease: Option<Lease>,
    keeps_lease: bool,
    operation: &'static str,
    /// How long the call may still wait for connections, all attempts together.
    connecting: Allowance,
    /// Who may give the call up.
    caller: Option<Arc<GiveUp>>,
    doubt: Doubt,
    /// Whether the last statement was told that an attempt before may have taken effect.
    was_in_doubt: bool,
    /// How often statements have been repeated.
    retries: u32,
    /// How long it has waited for connections.
    waited: Duration,
    /// How long statements wait for a lock; `None` when the server's own limits say.
    lock_limit: Option<Duration>,
    // After the lease, so that a connection is back before the call counts as ended.
    work: Work,
}

/// What is known of the call's writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Nothing has been written.
    None,
    /// A write has been sent, and no answer says how it ended.
    Sent,
    /// Some have taken effect.
    Written,
}

impl Db {
    pub fn new(work: Work, operation: &'static str, caller: Option<Arc<GiveUp>>) -> Self {
        let connecting = Allowance::new(work.pool.options.connection_timeout);
        Self {
            lease: None,
            keeps_lease: false,
            operation,
            connecting,
            caller,
            doubt: Doubt::None,
            was_in_doubt: false,
            retries: 0,
            waited: Duration::ZERO,
            lock_limit: None,
            work,
        }
    }

    /// Keeps the connection between statements; [`Self::yield_lease`] gives way to calls that wait.
    pub fn keeping_lease(work: Work, operation: &'static str) -> Self {
        Self { keeps_lease: true, ..Self::new(work, operation, None) }
    }

    pub fn is_on(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.work.pool, pool)
    }

    pub fn yield_lease(&mut self) {
        if self.work.pool.has_waiters() {
            self.give_back();
        }
    }

    /// The connection, if one is kept, serves others.
    pub fn give_back(&mut self) {
        self.lease = None;
    }

    /// Takes the connection for the next statement, which is of other callers: so long may they still wait.
    pub async fn ready(&mut self, allowance: Allowance) -> Result<()> {
        let pool = Arc::clone(&self.work.pool);
        self.connecting = allowance;
        self.resume(false, 0);
        self.was_in_doubt = false;
        if self.lease.is_none() {
            let operation = self.operation;
            let lease = tokio::select! {
                biased;
                lease = self.connect() => lease,
                () = pool.aborted() => Err(aborted()),
            };
            self.lease = Some(lease.map_err(|error| error.in_operation(operation))?);
        }
        // While they waited for this connection, they also waited for their turn.
        self.waited = Duration::ZERO;
        Ok(())
    }

    /// The next statement has been sent before: it may have taken effect, and has been repeated so often.
    pub fn resume(&mut self, is_in_doubt: bool, retries: u32) {
        self.doubt = if is_in_doubt { Doubt::Sent } else { Doubt::None };
        self.retries = retries;
    }

    /// The next statement is one of many of the same call, each of which has limits of its own.
    pub fn begin_batch(&mut self) {
        self.connecting = Allowance::new(self.work.pool.options.connection_timeout);
        self.retries = 0;
    }

    /// Statements that wait for a lock longer than this are undone, with the code `lock_timeout`.
    pub fn give_up_on_locks_after(&mut self, limit: Option<Duration>) {
        self.lock_limit = limit;
    }

    /// Whether a statement whose answer was lost may have taken effect, as far as the last one did not settle that.
    pub fn is_in_doubt(&self) -> bool {
        self.doubt == Doubt::Sent || self.was_in_doubt
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

    pub async fn optional<R, Q>(&mut self, repeat: Repeat, query: Q) -> Result<Option<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static,
        Q: Fn() -> QueryAs<'static, Postgres, R, PgArguments> + Send + Sync,
    {
        self.fetch_optional(repeat, |_| query()).await
    }

    pub async fn all<R, Q>(&mut self, repeat: Repeat, query: Q) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static,
        Q: Fn() -> QueryAs<'static, Postgres, R, PgArguments> + Send + Sync,
    {
        self.fetch_all(repeat, |_| query()).await
    }

    /// An insert, told whether the row may be there already by an attempt before, whose answer was lost.
    pub async fn create<R, Q>(&mut self, query: Q) -> Result<Option<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static,
        Q: Fn(bool) -> QueryAs<'static, Postgres, R, PgArguments> + Send + Sync,
    {
        self.fetch_optional(Repeat::Create, query).await
    }

    /// The same for many rows.
    pub async fn create_all<R, Q>(&mut self, query: Q) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static,
        Q: Fn(bool) -> QueryAs<'static, Postgres, R, PgArguments> + Send + Sync,
    {
        self.fetch_all(Repeat::Create, query).await
    }

    async fn fetch_optional<R, Q>(&mut self, repeat: Repeat, query: Q) -> Result<Option<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static,
        Q: Fn(bool) -> QueryAs<'static, Postgres, R, PgArguments> + Send,
    {
        let mut statement = One { query, row: None };
        self.run(repeat, &mut statement).await?;
        Ok(statement.row)
    }

    async fn fetch_all<R, Q>(&mut self, repeat: Repeat, query: Q) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static,
        Q: Fn(bool) -> QueryAs<'static, Postgres, R, PgArguments> + Send,
    {
        let mut statement = All { query, rows: Vec::new() };
        self.run(repeat, &mut statement).await?;
        Ok(statement.rows)
    }

    /// How many rows the statement touched.
    pub async fn execute<Q>(&mut self, repeat: Repeat, query: Q) -> Result<u64>
    where
        Q: Fn() -> Query<'static, Postgres, PgArguments> + Send,
    {
        self.run(repeat, &mut Execute(query)).await
    }

    /// Several statements, none of them persistent, that take effect together or not at all. `work` is told whether
    /// they may have taken effect already by an attempt before, whose answer was lost. The log has one line for them,
    /// with the count of rows that comes with the result.
    pub async fn transaction<T, W>(&mut self, repeat: Repeat, work: W) -> Result<T>
    where
        T: Send,
        W: for<'t> Fn(&'t mut PgConnection, bool) -> BoxFuture<'t, sqlx::Result<Counted<T>>> + Send + Sync,
    {
        let mut statement = Together { work, result: None };
        self.run(repeat, &mut statement).await?;
        statement.result.ok_or_else(|| Error::new(Code::Internal, "a transaction ended without a result"))
    }

    /// How many rows the statement came to.
    async fn run(&mut self, repeat: Repeat, statement: &mut dyn Statement) -> Result<u64> {
        let pool = Arc::clone(&self.work.pool);
        let result = tokio::select! {
            biased;
            result = self.attempts(repeat, statement) => result,
            // The attempt is dropped in the middle; its lease sees to the rest.
            () = pool.aborted() => Err(aborted()),
        };
        result.map_err(|mut error| {
            // Data that cannot be written at all was not written by an earlier attempt either.
            if self.doubt != Doubt::None && !error.is_unwritable() {
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
                Err(Stage::Connecting(error)) => {
                    let may_repeat = self.may_reconnect(&error);
                    (error, may_repeat)
                }
                Err(Stage::Running(failure)) => judge(failure, repeat, &mut once),
            };
            self.pause(error, may_repeat).await?;
        }
    }

    fn may_reconnect(&self, error: &Error) -> bool {
        may_reconnect(error) || (self.retries == 0 && self.work.pool.options.target.may_have_rotated(error))
    }

    /// Waits before the next attempt, or says with the error that there is none.
    async fn pause(&mut self, mut error: Error, may_repeat: bool) -> Result<()> {
        let attempt = self.retries + 1;
        if !may_repeat || attempt > self.work.pool.options.max_retries {
            error.context.attempts = Some(attempt);
            return Err(error);
        }
        let pause = back_off(attempt);
        tracing::warn!(
            operation = self.operation,
            attempt,
            pauseMs = millis(pause),
            code = error.code.name(),
            sqlState = error.context.sql_state.as_deref().unwrap_or_default(),
            "retry"
        );
        tokio::time::sleep(pause).await;
        self.retries = attempt;
        Ok(())
    }

    async fn attempt(&mut self, repeat: Repeat, statement: &mut dyn Statement) -> Result<u64, Stage> {
        let mut lease = match self.lease.take() {
            Some(lease) => lease,
            None => self.acquire().await.map_err(Stage::Connecting)?,
        };
        self.begin_unit(&mut lease).await.map_err(Stage::Connecting)?;
        let attempt = self.retries + 1;
        let doubt = self.doubt;
        self.send(repeat).await;
        let statement_timeout = self.work.pool.options.statement_timeout;
        let started = Instant::now();
        let way = Way { is_pooled: self.work.pool.options.target.is_pooled(), is_in_doubt: doubt == Doubt::Sent };
        self.was_in_doubt = way.is_in_doubt;
        let lock_limit = self.lock_limit;
        let connection = lease.connection().map_err(Stage::Connecting)?;
        let result = within(attempt_limit(statement_timeout), async move {
            match lock_limit {
                Some(limit) if !way.is_pooled => {
                    // Boxed, since it is rare, and the future of every statement would have room for it.
                    understood(Box::pin(unit::with_lock_limit(connection, limit, statement, way))).await
                }
                _ => {
                    let result = understood(statement.send(connection, way)).await;
                    if way.is_pooled { understood(unit::end(connection, result)).await } else { result }
                }
            }
        })
        .await;
        let ran = started.elapsed();
        let failure = match result {
            Some(Ok(rows)) => {
                lease.settle(true);
                self.log(ran, rows, attempt, None);
                self.keep(lease);
                if repeat.is_write() {
                    self.doubt = Doubt::Written;
                }
                return Ok(rows);
            }
            Some(Err(error)) => {
                let failure = statement_failure(&error, ran, statement_timeout);
                self.release(lease, &failure).await;
                failure
            }
            None => {
                lease.abandon();
                silent_failure()
            }
        };
        self.log(ran, 0, attempt, Some(&failure.error));
        if failure.is_undone {
            self.undone(doubt);
        }
        Err(Stage::Running(failure))
    }

    /// Through a transaction pooler a call has a connection only when it has a transaction.
    async fn begin_unit(&mut self, lease: &mut Lease) -> Result<()> {
        let pool = Arc::clone(&self.work.pool);
        let Some(settings) = &pool.options.target.unit_settings else { return Ok(()) };
        let started = Instant::now();
        let seen = until(self.connecting.end(), Box::pin(pool.check_sight(lease))).await;
        seen.unwrap_or_else(|| Err(pool.timed_out()))?;
        let begun = until(self.connecting.end(), unit::begin(lease, settings, self.lock_limit)).await;
        self.spend(started.elapsed());
        let begun = begun.unwrap_or_else(|| Err(pool.timed_out()));
        if begun.is_err() {
            // The pooler may have gone, and all connections with it.
            pool.suspect_idle();
        }
        begun?;
        unit::check_tables(lease).await
    }

    async fn acquire(&mut self) -> Result<Lease> {
        let started = Instant::now();
        let lease = self.work.pool.acquire(Some(self.operation), self.connecting.end()).await;
        self.spend(started.elapsed());
        lease
    }

    fn spend(&mut self, waited: Duration) {
        self.connecting.spend(waited);
        self.waited += waited;
    }

    /// The statement goes out now, unless the caller has left: then it waits for its own end, which has begun.
    async fn send(&mut self, repeat: Repeat) {
        if let Some(caller) = &self.caller
            && !caller.send(repeat.is_write())
        {
            return std::future::pending().await;
        }
        if repeat.is_write() && self.doubt == Doubt::None {
            self.doubt = Doubt::Sent;
        }
    }

    /// The server has undone the statement: what is known is what was known before it.
    fn undone(&mut self, before: Doubt) {
        self.doubt = before;
        if let Some(caller) = &self.caller
            && before == Doubt::None
        {
            caller.undone();
        }
    }

    fn keep(&mut self, lease: Lease) {
        if self.keeps_lease {
            self.lease = Some(lease);
        }
    }

    /// What becomes of a connection on which a statement failed.
    async fn release(&mut self, mut lease: Lease, failure: &Failure) {
        match failure.remedy {
            Remedy::None | Remedy::Repeat => {
                lease.settle(failure.connection_survives);
                if lease.is_usable() {
                    self.keep(lease);
                }
            }
            Remedy::RepeatOnceCleared => {
                let Ok(connection) = lease.connection() else { return };
                let limit = attempt_limit(self.work.pool.options.statement_timeout);
                let cleared = within(limit, connection.clear_cached_statements()).await;
                lease.settle(matches!(cleared, Some(Ok(()))));
                // For the next attempt: another one's statements may be as stale.
                if lease.is_usable() {
                    self.lease = Some(lease);
                }
            }
            Remedy::RepeatOnceReconnected => {
                lease.settle(false);
                self.work.pool.replace_all();
            }
            Remedy::RepeatIfHarmless => {
                lease.settle(false);
                self.work.pool.suspect_idle();
            }
        }
    }

    fn log(&self, ran: Duration, rows: u64, attempt: u32, error: Option<&Error>) {
        let operation = self.operation;
        match error {
            None => tracing::debug!(operation, durationMs = millis(ran), rows, attempt, "statement"),
            Some(error) => tracing::debug!(
                operation,
                durationMs = millis(ran),
                rows,
                attempt,
                code = error.code.name(),
                sqlState = error.context.sql_state.as_deref().unwrap_or_default(),
                "statement failed"
            ),
        }
    }
}

/// No connection could be made. One that did not become free has been waited for long enough.
fn may_reconnect(error: &Error) -> bool {
    error.retryable && error.code != Code::PoolTimeout
}

/// Completes the error, and says whether another attempt is allowed. `once` holds what may be tried only once.
fn judge(failure: Failure, repeat: Repeat, once: &mut bool) -> (Error, bool) {
    let Failure { mut error, remedy, connection_survives: _, is_undone: _ } = failure;
    match remedy {
        Remedy::None => (error, false),
        Remedy::Repeat => (error, true),
        Remedy::RepeatOnceReconnected | Remedy::RepeatOnceCleared => (error, std::mem::take(once)),
        Remedy::RepeatIfHarmless => {
            error.retryable = matches!(repeat, Repeat::Read | Repeat::Harmless);
            (error, repeat != Repeat::Never)
        }
    }
}

/// How far an attempt came.
enum Stage {
    Connecting(Error),
    Running(Failure),
}

/// 25 ms, 50 ms, 100 ms … at most 1 s, of which a random half is waited at least.
fn back_off(attempt: u32) -> Duration {
    let full =
        Duration::from_millis(25).saturating_mul(1 << attempt.saturating_sub(1).min(6)).min(Duration::from_secs(1));
    let share = f64::from(crate::id::random_byte()) / 255.0;
    full.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::back_off;
    use std::time::Duration;

    #[test]
    fn backs_off_further_each_time_up_to_a_second() {
        for (attempt, full) in [(1, 25), (2, 50), (3, 100), (7, 1000), (40, 1000)] {
            let pause = back_off(attempt);
            let full = Duration::from_millis(full);
            assert!(pause >= full / 2 && pause <= full, "{attempt}: {pause:?}");
        }
    }
}
