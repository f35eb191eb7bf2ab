//! Beginning a transaction: a connection of its own, and `BEGIN`.

use super::failure::{after_silence, undone_error};
use super::plan::{OPERATION, TransactionPlan};
use crate::db::deadline::{attempt_limit, within};
use crate::db::driver_panic::catch_driver_panic;
use crate::db::error::statement_failure;
use crate::db::pool::{Lease, Pool};
use crate::db::run::acquire::acquire;
use crate::db::run::pooler;
use crate::db::run::retry::{back_off, may_reconnect};
use crate::db::run::statement_log::log_retry;
use crate::error::{Code, Error, Result};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection on which the transaction has begun. If its function has been called before, it waits a moment.
pub async fn begin(pool: &Arc<Pool>, plan: &TransactionPlan) -> Result<Lease> {
    let repeated = plan.attempt - 1;
    if repeated > 0 {
        let pause = back_off(repeated);
        log_retry(OPERATION, repeated, pause, &Error::new(Code::SerializationFailure, ""));
        tokio::time::sleep(pause).await;
    }
    connect(pool, plan).await
}

/// Makes further attempts if need be, because nothing of the application's has run yet.
async fn connect(pool: &Arc<Pool>, plan: &TransactionPlan) -> Result<Lease> {
    let end = pool.connecting_end();
    let mut attempt = 1;
    loop {
        let mut error = match open(pool, plan, end).await {
            Ok(lease) => return Ok(lease),
            Err(error) => error,
        };
        let may_repeat = may_reconnect(&error) || (attempt == 1 && pool.options.target.may_have_rotated(&error));
        if !may_repeat || attempt > pool.options.max_retries {
            error.context.attempts = Some(attempt);
            return Err(error);
        }
        let pause = back_off(attempt);
        log_retry(OPERATION, attempt, pause, &error);
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

async fn open(pool: &Arc<Pool>, plan: &TransactionPlan, end: Option<Instant>) -> Result<Lease> {
    let mut lease = acquire(pool, Some(OPERATION), end).await?;
    if pool.options.target.is_pooled() {
        pooler::begin_unit(pool, &mut lease, plan.begin_sql(), None, end).await?;
        lease.enter_transaction();
    } else {
        lease.enter_transaction();
        let begin = sqlx::raw_sql(plan.begin_sql()).execute(lease.connection()?);
        match within(attempt_limit(pool.options.statement_timeout), catch_driver_panic(begin)).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                lease.settle(false);
                // A connection that has rested may be dead, and then the others are as well.
                pool.suspect_idle();
                return Err(undone_error(plan, statement_failure(&error, Duration::ZERO, None)));
            }
            None => return Err(after_silence(plan, lease)),
        }
    }
    lease.settle(true);
    Ok(lease)
}
