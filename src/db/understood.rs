//! sqlx panics on some messages that only a broken server or network sends.

use futures_util::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;

/// What `answer` comes to; a message that makes sqlx panic counts as a broken protocol. The connection is of no use
/// after either.
pub async fn understood<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    AssertUnwindSafe(answer)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Protocol("a message of the server makes no sense".to_owned())))
}
