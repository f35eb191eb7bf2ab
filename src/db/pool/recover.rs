//! What becomes of a connection whose statement nobody waits for any more.
//!
//! Dropping a future stops nothing on the server. A call that stops waiting drops its lease in the middle of the
//! statement. The statement is then cancelled from another connection, and this one goes back to the pool only when the
//! server has confirmed the end.

use super::cancel::{Delivery, GRACE, Signal, signal_over};
use super::connection::Connection;
use super::guard::CallGuard;
use super::{Permit, Pool};
use crate::db::connect::Backend;
use crate::db::deadline::within;
use sqlx::{Connection as _, PgConnection};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A cancel that overtakes its statement does nothing. While the statement goes on, it is sent again, after so long or as
/// long as it took to send: the answer takes its time, too.
const AGAIN: Duration = Duration::from_millis(100);

/// The most errors that an unfinished statement leaves to be read: its own, and those of the statements after it.
const MAX_ERRORS: usize = 4;

/// Cancels the unfinished statement of a connection, and returns the connection to the pool. A transaction that several
/// calls use is rolled back.
pub async fn recover(guard: CallGuard, mut connection: Connection, permit: Permit, rolls_back: bool) {
    let pool = Arc::clone(&guard.pool);
    let Some(backend) = connection.backend else {
        // Nothing but the question which backend it is has been asked. Through a pooler that begins a transaction.
        let rolls_back = rolls_back || pool.options.target.is_pooled();
        if !pool.calls.is_closing()
            && within(Some(GRACE), is_drained(&mut connection.inner, rolls_back)).await == Some(true)
        {
            pool.put_back(connection);
            drop(permit);
        }
        return;
    };
    let started = Instant::now();
    if !pool.calls.is_closing()
        && signal(&pool, Signal::Cancel, backend).await
        && let again = AGAIN.max(started.elapsed())
        && within(Some(GRACE), is_ended(&pool, &mut connection.inner, backend, rolls_back, again)).await == Some(true)
    {
        tracing::debug!("statement cancelled on the server");
        pool.put_back(connection);
        drop(permit);
        return;
    }
    end_backend(guard, connection).await;
}

/// Rolls back a transaction that nobody uses any more, and returns its connection to the pool.
pub async fn roll_back(guard: CallGuard, mut connection: Connection, permit: Permit) {
    let rolled_back = within(Some(GRACE), sqlx::raw_sql("ROLLBACK").execute(&mut connection.inner)).await;
    if matches!(rolled_back, Some(Ok(_))) {
        guard.pool.put_back(connection);
        drop(permit);
    } else {
        end_backend(guard, connection).await;
    }
}

/// Closes a connection that does not answer any more, and ends its backend if the server can be reached.
pub async fn end_backend(guard: CallGuard, connection: Connection) {
    let backend = connection.backend;
    drop(connection);
    if let Some(backend) = backend {
        let is_done = signal(&guard.pool, Signal::Terminate, backend).await;
        if !is_done {
            guard.pool.suspect_idle();
        }
        tracing::warn!(isDone = is_done, "connection given up, its backend ended");
    }
}

/// Waits for the end of a statement whose cancel has been sent.
async fn is_ended(
    pool: &Pool,
    connection: &mut PgConnection,
    backend: Backend,
    rolls_back: bool,
    again: Duration,
) -> bool {
    // sqlx knows of no transaction that was begun by a plain statement.
    let mut drained = pin!(is_drained(connection, rolls_back || backend.since.is_some()));
    loop {
        if let Ok(is_fit) = timeout(again, &mut drained).await {
            return is_fit;
        }
        if !signal(pool, Signal::Cancel, backend).await {
            return false;
        }
    }
}

/// Reads what the server still has to say. `true` when the connection is fit for another statement.
async fn is_drained(connection: &mut PgConnection, rolls_back: bool) -> bool {
    for _ in 0..MAX_ERRORS {
        match connection.ping().await {
            Ok(()) if rolls_back => return sqlx::raw_sql("ROLLBACK").execute(connection).await.is_ok(),
            Ok(()) => return !connection.is_in_transaction(),
            Err(sqlx::Error::Database(_)) => {}
            Err(_) => return false,
        }
    }
    false
}

async fn signal(pool: &Pool, signal: Signal, backend: Backend) -> bool {
    match pool.cancelling.signal(&pool.options.target, signal, backend).await {
        Delivery::Done => true,
        Delivery::Failed => false,
        // A connection that is given up would keep its place on the server until its statement ends. Soon there would be none.
        Delivery::Full => within(Some(GRACE), signal_over_own(pool, signal, backend)).await.unwrap_or(false),
    }
}

/// Signals a backend over the next connection of the pool that is free.
async fn signal_over_own(pool: &Pool, signal: Signal, backend: Backend) -> bool {
    loop {
        let Some(mut connection) = pool.idle_at(backend.host) else {
            let _ = pool.returned(None).await;
            continue;
        };
        if let Some(is_told) = signal_over(&mut connection.inner, signal, &[backend]).await {
            pool.put_back(connection);
            return is_told;
        }
    }
}
