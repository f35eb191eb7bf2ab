//! Opens new connections. One that is being opened for a call that gives up is not thrown away: where calls may take less
//! time than it takes to connect, there would never be a connection.

use super::connection::Connection;
use super::{Permit, Pool, lock};
use crate::db::background::in_background;
use crate::db::connect::Opened;
use crate::error::{Code, Error, Result};
use crate::origin::{self, on_behalf_of};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How much longer opening a connection may take when nobody waits for it any more. A server that does not answer would
/// otherwise keep others from trying.
const LEFT: Duration = Duration::from_secs(2);

/// A new connection, opened before `end`. If the caller gives up, it becomes an idle one.
pub async fn dial(pool: &Arc<Pool>, permit: Permit, end: Option<Instant>) -> Result<(Connection, Permit)> {
    let (mut answer, opened) = oneshot::channel();
    let pool = Arc::clone(pool);
    let dial = async move {
        let connection = tokio::select! {
            biased;
            connection = open(&pool, end) => connection,
            () = is_left(&pool, &mut answer) => return,
        };
        if let Err(Ok((connection, permit))) = answer.send(connection.map(|connection| (connection, permit))) {
            pool.put_back(connection);
            drop(permit);
        }
    };
    // The call hears what the log says about it.
    let call = origin::call();
    in_background(|| on_behalf_of(call, dial));
    opened.await.unwrap_or_else(|_| Err(Error::new(Code::Internal, "no connection was opened")))
}

async fn open(pool: &Arc<Pool>, end: Option<Instant>) -> Result<Connection> {
    let started = Instant::now();
    let opened = pool.options.target.open(end.map(|end| end.saturating_duration_since(started))).await;
    pool.metrics.connecting(opened.is_ok(), started.elapsed());
    match opened {
        Ok(Opened { inner, host, backend }) => {
            *lock(&pool.last_fault) = None;
            pool.reap_in_background();
            let now = Instant::now();
            Ok(Connection { inner, host, backend, opened_at: now, idle_since: now, uses: 0 })
        }
        Err(error) => {
            *lock(&pool.last_fault) = Some(error.clone());
            Err(error)
        }
    }
}

/// Resolves some time after the caller has given up, or at once when the pool closes.
async fn is_left<T>(pool: &Pool, answer: &mut oneshot::Sender<T>) {
    answer.closed().await;
    tokio::select! {
        () = tokio::time::sleep(LEFT) => {}
        () = pool.calls.closing() => {}
    }
}
