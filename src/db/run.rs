//! Running statements: the one place that awaits sqlx. Retries, classification and the log live here.

use super::error::{Failure, Remedy, statement_failure};
use super::pool::{Lease, Pool, Work, millis};
use crate::error::{Error, Result};
use futures_core::future::BoxFuture;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{Acquire, FromRow, PgConnection, Postgres};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whether a statement may run again when the connection was lost under it and nobody knows how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Reads, deletes, creates with an id of our making: once or twice is the same.
    Harmless,
    /// Everything else is reported with `outcome: 'unknown'`.
    Never,
}

/// One call's way to the database. It takes a connection for each statement, or keeps one while
/// a batch worker has more to do.
pub struct Db {
    lease: Option<Lease>,
    keeps_lease: bool,
    operation: &'static str,
    // After the lease, so that a connection is back before the call counts as ended.
    work: Work,
}

/// What a statement came to, and how many rows that were (for the log).
pub type Counted<T> = (T, u64);

impl Db {
    pub fn new(work: Work, operation: &'static str) -> Self {
        Self { lease: None, keeps_lease: false, operation, work }
    }

    /// Keeps the connection between statements; [`Self::yield_lease`] gives way to calls that wait.
    pub fn keeping_lease(work: Work, operation: &'static str) -> Self {
        Self { keeps_lease: true, ..Self::new(work, operation) }
    }

    pub fn is_on(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.work.pool, pool)
    }

    pub fn yield_lease(&mut self) {
        if self.work.pool.has_waiters() {
            self.lease = None;
        }
    }

    pub async fn optional<R, Q>(&mut self, repeat: Repeat, query: Q) -> Result<Option<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static,
        Q: Fn() -> QueryAs<'static, Postgres, R, PgArguments> + Send + Sync,
    {
        self.run(repeat, |connection| {
            let query = query();
            Box::pin(async move {
                let row = query.fetch_optional(connection).await?;
                let count = u64::from(row.is_some());
                Ok((row, count))
            })
        })
        .await
    }

    pub async fn all<R, Q>(&mut self, repeat: Repeat, query: Q) -> Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static,
        Q: Fn() -> QueryAs<'static, Postgres, R, PgArguments> + Send + Sync,
    {
        self.run(repeat, |connection| {
            let query = query();
            Box::pin(async move {
                let rows = query.fetch_all(connection).await?;
                let count = rows.len() as u64;
                Ok((rows, count))
            })
        })
        .await
    }

    /// How many rows the statement touched.
    pub async fn execute<Q>(&mut self, repeat: Repeat, query: Q) -> Result<u64>
    where
        Q: Fn() -> Query<'static, Postgres, PgArguments> + Send + Sync,
    {
        self.run(repeat, |connection| {
            let query = query();
            Box::pin(async move {
                let count = query.execute(connection).await?.rows_affected();
                Ok((count, count))
            })
        })
        .await
    }

    /// Several statements that take effect together or not at all. The log has one line for them, with the
    /// count of rows that comes with the result.
    pub async fn transaction<T, W>(&mut self, repeat: Repeat, work: W) -> Result<T>
    where
        T: Send + 'static,
        W: for<'t> Fn(&'t mut PgConnection) -> BoxFuture<'t, sqlx::Result<Counted<T>>> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        self.run(repeat, |connection| {
            let work = Arc::clone(&work);
            Box::pin(async move {
                let mut transaction = connection.begin().await?;
                let result = work(&mut transaction).await?;
                transaction.commit().await?;
                Ok(result)
            })
        })
        .await
    }

    async fn run<T, W>(&mut self, repeat: Repeat, work: W) -> Result<T>
    where
        T: Send,
        W: for<'t> Fn(&'t mut PgConnection) -> BoxFuture<'t, sqlx::Result<Counted<T>>> + Send + Sync,
    {
        let max_retries = self.work.pool.options.max_retries;
        let mut attempt = 1;
        loop {
            let (mut error, may_repeat) = match self.attempt(attempt, &work).await {
                Ok(result) => return Ok(result),
                Err(Stage::Connecting(error)) => {
                    let may_repeat = error.retryable && error.code != crate::error::Code::PoolTimeout;
                    (error, may_repeat)
                }
                Err(Stage::Running(failure)) => judge(failure, repeat, attempt),
            };
            if !may_repeat || attempt > max_retries {
                error.context.attempts = Some(attempt);
                return Err(error.in_operation(self.operation));
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
            attempt += 1;
        }
    }

    async fn attempt<T, W>(&mut self, attempt: u32, work: &W) -> Result<T, Stage>
    where
        T: Send,
        W: for<'t> Fn(&'t mut PgConnection) -> BoxFuture<'t, sqlx::Result<Counted<T>>> + Send + Sync,
    {
        let pool = &self.work.pool;
        let mut lease = match self.lease.take() {
            Some(lease) => lease,
            None => pool.acquire().await.map_err(Stage::Connecting)?,
        };
        let started = Instant::now();
        let result = work(lease.connection().map_err(Stage::Connecting)?).await;
        let ran = started.elapsed();
        match result {
            Ok((value, rows)) => {
                lease.settle(true);
                self.log(ran, rows, attempt, None);
                if self.keeps_lease {
                    self.lease = Some(lease);
                }
                Ok(value)
            }
            Err(error) => {
                let failure = statement_failure(&error, ran, pool.options.statement_timeout);
                lease.settle(failure.connection_survives);
                self.log(ran, 0, attempt, Some(&failure.error));
                if self.keeps_lease && lease.is_usable() {
                    self.lease = Some(lease);
                }
                Err(Stage::Running(failure))
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

/// Completes the error, and says whether another attempt is allowed.
fn judge(failure: Failure, repeat: Repeat, attempt: u32) -> (Error, bool) {
    let Failure { mut error, remedy, connection_survives: _ } = failure;
    match remedy {
        Remedy::None => (error, false),
        Remedy::Repeat => {
            error.retryable = true;
            (error, true)
        }
        Remedy::RepeatOnceReconnected => {
            error.retryable = error.code == crate::error::Code::ReadOnly;
            (error, attempt == 1)
        }
        Remedy::RepeatIfHarmless if repeat == Repeat::Harmless => {
            error.retryable = true;
            (error, true)
        }
        Remedy::RepeatIfHarmless => {
            error.context.outcome = Some("unknown");
            (error, false)
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
