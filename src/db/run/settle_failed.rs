//! Decides what happens to a connection on which a statement has failed.

use crate::db::deadline::{attempt_limit, within};
use crate::db::error::{Failure, Remedy};
use crate::db::pool::{Lease, Pool};
use sqlx::Connection as _;

/// Returns the connection if it can serve another statement.
pub async fn settle_failed(pool: &Pool, mut lease: Lease, failure: &Failure) -> Option<Lease> {
    match failure.remedy {
        Remedy::None | Remedy::Repeat => lease.settle(failure.connection_survives),
        Remedy::RepeatOnceCleared => {
            let Ok(connection) = lease.connection() else { return None };
            let cleared =
                within(attempt_limit(pool.options.statement_timeout), connection.clear_cached_statements()).await;
            lease.settle(matches!(cleared, Some(Ok(()))));
        }
        Remedy::RepeatOnceReconnected => {
            lease.settle(false);
            pool.replace_all();
        }
        Remedy::RepeatIfHarmless => {
            lease.settle(false);
            pool.suspect_idle();
        }
    }
    lease.is_usable().then_some(lease)
}
