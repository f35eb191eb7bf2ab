//! What follows from a failure inside of a transaction: for its connection, and for the error.

use super::plan::TransactionPlan;
use crate::db::error::{Failure, Remedy, silent_failure};
use crate::db::pool::{Lease, Pool};
use crate::error::Error;

/// A statement has failed. Returns its connection, if that is still of use, and the error.
pub fn after_failure(
    pool: &Pool,
    plan: &TransactionPlan,
    mut lease: Lease,
    failure: Failure,
) -> (Option<Lease>, Error) {
    let remedy = failure.remedy;
    let is_refused_write = remedy == Remedy::RepeatOnceReconnected && plan.is_read_only;
    // Statements that are stale stay so: the next transaction needs a connection without them.
    let survives = failure.connection_survives && remedy != Remedy::RepeatOnceCleared;
    let mut error = undone_error(plan, failure);
    if is_refused_write {
        error.message = "the transaction is read-only".into();
        error.retryable = false;
    } else if !survives {
        match remedy {
            Remedy::RepeatOnceReconnected => pool.replace_all(),
            Remedy::RepeatIfHarmless => pool.suspect_idle(),
            Remedy::None | Remedy::Repeat | Remedy::RepeatOnceCleared => {}
        }
    }
    let is_usable = survives || is_refused_write;
    lease.settle(is_usable);
    (is_usable.then_some(lease), error)
}

/// The server is silent: closes the connection, and ends its backend.
pub fn after_silence(plan: &TransactionPlan, lease: Lease) -> Error {
    lease.abandon();
    undone_error(plan, silent_failure())
}

/// What fails before `COMMIT` is undone, also if the connection was lost. So the transaction can be repeated.
pub fn undone_error(plan: &TransactionPlan, failure: Failure) -> Error {
    let mut error = failure.error;
    error.retryable |= matches!(failure.remedy, Remedy::RepeatIfHarmless | Remedy::RepeatOnceCleared);
    error.context.attempts = Some(plan.attempt);
    error
}
