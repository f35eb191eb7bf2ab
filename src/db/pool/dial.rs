//! Opens new connections. One that is being opened for a call that gives up is not thrown away: where calls may take less
//! time than it takes to connect, there would never be a connection.

use super::connection::{Connection, Rest};
use super::{Permit, Pool, lock};
use crate::db::background::in_background;
use crate::db::connect::{NO_ANSWER, Opened, is_full, unanswered};
use crate::db::deadline::{Allowance, SLACK, until};
use crate::db::give_up::GiveUp;
use crate::error::{Code, Error, Result};
use crate::origin::{self, on_behalf_of};
use futures_core::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;
use tokio::sync::oneshot;

/// A new connection, opened before `end`. If the caller gives up, or has waited for its turn so long that little time is left,
/// it may become an idle one.
pub async fn dial(pool: &Arc<Pool>, permit: Permit, end: Option<Instant>) -> Result<(Connection, Permit)> {
    let (mut answer, opened) = oneshot::channel();
    let limit = pool.options.connection_timeout;
    let left = Allowance::until(end);
    // With a time of its own it outlives such a caller. Where calls wait long for their turn, each of them would otherwise take
    // its connection with it, and there would never be one.
    let (limit, caller_end) =
        if left.is_spent() || left.is_fresh(limit, SLACK) { (left, None) } else { (Allowance::new(limit), end) };
    let shared = Arc::clone(pool);
    let dial = async move {
        let pool = shared;
        let left = GiveUp::default();
        let connection = tokio::select! {
            biased;
            connection = open(&pool, limit, &left) => connection,
            () = is_unwanted(&pool, &mut answer, &left) => return,
        };
        if let Err(Ok((connection, permit))) = answer.send(connection.map(|connection| (connection, permit))) {
            pool.put_back(connection);
            drop(permit);
        }
    };
    // The call hears what the log says about it.
    let call = origin::call();
    in_background(|| on_behalf_of(call, dial));
    match until(caller_end, opened).await {
        Some(opened) => opened.unwrap_or_else(|_| Err(Error::new(Code::Internal, "no connection was opened"))),
        None => Err(lock(&pool.last_fault).clone().unwrap_or_else(|| unanswered(NO_ANSWER))),
    }
}

async fn open(pool: &Arc<Pool>, limit: Allowance, left: &GiveUp) -> Result<Connection> {
    let started = Instant::now();
    let _opening = Arc::clone(&pool.opening);
    let opened = pool.options.target.open(limit.left(), left).await;
    pool.metrics.connecting(opened.is_ok(), started.elapsed());
    match opened {
        Ok(Opened { inner, host, backend }) => {
            *lock(&pool.last_fault) = None;
            pool.reap_in_background(open_idle);
            let counted = Arc::clone(&pool.open);
            pool.room.let_in(started, pool.open());
            Ok(Connection { inner, host, backend, opened_at: Instant::now(), rest: Rest::begin(), uses: 0, counted })
        }
        Err(error) => {
            if is_full(&error) {
                pool.room.refused(pool.open());
            }
            *lock(&pool.last_fault) = Some(error.clone());
            Err(error)
        }
    }
}

/// Opens a connection that nobody waits for, unless calls need all that there may be, or the server has just refused one.
/// Returns whether it could.
fn open_idle(pool: Arc<Pool>) -> BoxFuture<'static, bool> {
    Box::pin(async move {
        let opening = async {
            let end = pool.connecting_end();
            if !pool.has_free_connection() || !pool.room.may_ask(pool.open()) {
                return None;
            }
            let permit = pool.permit(None, end).await.ok()?;
            let (connection, _permit) = dial(&pool, permit, end).await.ok()?;
            pool.put_back(connection);
            Some(())
        };
        tokio::select! {
            opened = opening => opened.is_some(),
            () = pool.calls.closing() => false,
        }
    })
}

/// Opens another connection if too few are open for one more call to wait for its lock with one.
pub fn open_for_patience(pool: &Arc<Pool>) {
    if pool.lacks_connection_for_patience() && !pool.is_growing.swap(true, Ordering::AcqRel) {
        let pool = Arc::clone(pool);
        in_background(|| async move {
            open_idle(Arc::clone(&pool)).await;
            pool.is_growing.store(false, Ordering::Release);
        });
    }
}

/// Says so when the caller has given up, and resolves when the pool closes after that.
async fn is_unwanted<T>(pool: &Pool, answer: &mut oneshot::Sender<T>, left: &GiveUp) {
    answer.closed().await;
    left.give_up();
    pool.calls.closing().await;
}
