//! Ending on the server what nobody waits for any more, and what becomes of the connection it ran on.
//!
//! Dropping a future stops nothing on the server. Whoever stops waiting drops the lease in the middle of its
//! statement; from there on it goes its way here: the statement is cancelled from a connection beside it, and the
//! connection goes back to the pool only when the server has confirmed the end.

use super::connect::Backend;
use super::deadline::within;
use super::lease::Permit;
use super::pool::{Connection, Pool, Work};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long the server may take to hear of it, and then again to confirm it.
const GRACE: Duration = Duration::from_secs(2);

/// A cancel that overtakes its statement does nothing: while the statement goes on, it is sent again.
const AGAIN: Duration = Duration::from_millis(100);

/// The most errors that an unfinished statement leaves to be read: its own, and those of the statements after it.
const MAX_ERRORS: usize = 4;

/// The connection from which others are signalled, and the host it leads to, while there is need.
pub type Beside = tokio::sync::Mutex<Option<(usize, PgConnection)>>;

#[derive(Debug, Clone, Copy)]
enum Signal {
    /// Ends the statement.
    Cancel,
    /// Ends the backend.
    Terminate,
}

impl Signal {
    /// Behind a pooler the backend may by now be running a transaction of somebody else: that is left alone.
    fn sql(self, Backend { host: _, pid, since, has_tables: _, is_guarded: _ }: Backend) -> String {
        let function = match self {
            Self::Cancel => "pg_catalog.pg_cancel_backend",
            Self::Terminate => "pg_catalog.pg_terminate_backend",
        };
        match since {
            None => format!("SELECT {function}({pid})"),
            Some(since) => format!(
                "SELECT {function}(pid)
                   FROM pg_catalog.pg_stat_activity
                  WHERE pid OPERATOR(pg_catalog.=) {pid}
                    AND (extract(epoch FROM xact_start) OPERATOR(pg_catalog.*) 1000000)::int8 OPERATOR(pg_catalog.=) {since}"
            ),
        }
    }
}

/// A connection whose statement was left unfinished.
pub async fn recover(work: Work, mut connection: Connection, permit: Permit) {
    let pool = Arc::clone(&work.pool);
    let Some(backend) = connection.backend else { return };
    if !pool.is_closing()
        && pool.signal(Signal::Cancel, backend).await
        && within(Some(GRACE), is_ended(&pool, &mut connection.inner, backend)).await == Some(true)
    {
        tracing::debug!("statement cancelled on the server");
        pool.put_back(connection);
        drop(permit);
        return;
    }
    end_backend(work, connection).await;
}

/// A connection that answers no more: closed, and its backend ended, if the server can be reached at all.
pub async fn end_backend(work: Work, connection: Connection) {
    let backend = connection.backend;
    drop(connection);
    if let Some(backend) = backend {
        let is_done = work.pool.signal(Signal::Terminate, backend).await;
        tracing::warn!(isDone = is_done, "connection given up, its backend ended");
    }
}

/// Waits for the end of a statement whose cancel has been sent.
async fn is_ended(pool: &Pool, connection: &mut PgConnection, backend: Backend) -> bool {
    let mut drained = pin!(is_drained(connection, backend));
    loop {
        if let Ok(is_fit) = timeout(AGAIN, &mut drained).await {
            return is_fit;
        }
        if !pool.signal(Signal::Cancel, backend).await {
            return false;
        }
    }
}

/// Reads what the server still has to say. `true` when the connection is fit for another statement.
async fn is_drained(connection: &mut PgConnection, backend: Backend) -> bool {
    for _ in 0..MAX_ERRORS {
        match connection.ping().await {
            // sqlx knows nothing of a unit's transaction.
            Ok(()) if backend.since.is_some() => return sqlx::raw_sql("ROLLBACK").execute(connection).await.is_ok(),
            Ok(()) => return !connection.is_in_transaction(),
            Err(sqlx::Error::Database(_)) => {}
            Err(_) => return false,
        }
    }
    false
}

impl Pool {
    /// Signals one backend, from a connection beside it. `false` when the server could not be told within the grace.
    async fn signal(&self, signal: Signal, backend: Backend) -> bool {
        let told = within(Some(GRACE), async {
            // One after the other: many calls that are given up at once take one connection more, not many.
            let mut beside = self.beside.lock().await;
            let mut connection = match beside.take() {
                Some((host, connection)) if host == backend.host => connection,
                _ => self.options.target.open_beside(backend.host, None).await.ok()?,
            };
            let sql = AssertSqlSafe(signal.sql(backend));
            sqlx::raw_sql(sql).execute(&mut connection).await.ok()?;
            *beside = Some((backend.host, connection));
            Some(())
        })
        .await;
        self.close_beside().await;
        told.flatten().is_some()
    }

    /// Unless somebody else has use for it.
    async fn close_beside(&self) {
        let connection = self.beside.try_lock().ok().and_then(|mut beside| beside.take());
        if let Some((_, connection)) = connection {
            let _ = within(Some(GRACE), connection.close()).await;
        }
    }
}
