//! sqlx panics on some messages that only a broken server or network sends.

use futures_util::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;

/// The result of `answer`, a future of sqlx's. If sqlx panics because of a message from the server, that counts as a
/// protocol error: in both cases the connection cannot be used any more.
pub async fn catch_driver_panic<T>(answer: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    AssertUnwindSafe(answer)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::Protocol("a message of the server makes no sense".to_owned())))
}
