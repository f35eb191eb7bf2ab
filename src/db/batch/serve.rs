//! Running a statement for calls that have left the queue, and what follows for each of them from its result.

use super::batched::{Batched, LockKey};
use super::call::{Call, WaitingCall};
use super::policy::TRY_LOCKS_FOR;
use super::state::Mode;
use crate::db::give_up::{GiveUp, all_gave_up, given_up};
use crate::db::run::Db;
use crate::error::{Code, Error, Result};
use crate::origin::on_behalf_of;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// What a statement came to, for each of its calls.
pub enum Outcome<B: Batched> {
    Answer(Call<B>, Result<B::Output>),
    /// It goes again, with those that also go again, or in a statement of its own.
    Again {
        waiting: WaitingCall<B>,
        together: bool,
    },
    /// It waits for a lock, on that key if it is known.
    Stuck(WaitingCall<B>, Option<LockKey>),
}

/// Runs one statement for these calls.
pub async fn serve<B: Batched>(
    statement: &B,
    db: &mut Db,
    waiting: Vec<WaitingCall<B>>,
    mode: Mode,
) -> Vec<Outcome<B>> {
    let mut items = Vec::with_capacity(waiting.len());
    let mut calls = Vec::with_capacity(waiting.len());
    // Only when all callers may give up can the statement be left by all.
    let mut callers = Some(Vec::new());
    for WaitingCall { item, call } in waiting {
        callers = callers.zip(call.caller.clone()).map(|(mut callers, caller)| {
            callers.push(caller);
            callers
        });
        items.push(item);
        calls.push(call);
    }
    // A statement is logged once, for the call that has waited longest.
    let origin = calls.first().and_then(|call: &Call<B>| call.guard.call);
    if let [call] = calls.as_slice() {
        db.resume(call.is_in_doubt, call.retries);
    }
    if let Some(allowance) = calls.iter().map(Call::allowance).min() {
        db.wait_no_longer_than(allowance);
    }
    db.give_up_on_locks_after((mode == Mode::Try).then_some(TRY_LOCKS_FOR));
    let result = unless_given_up(callers, on_behalf_of(origin, run(statement, db, &items, mode))).await;
    db.give_up_on_locks_after(None);
    outcomes(statement, db, items, calls, mode, result).await
}

/// What the work comes to, if not all of these callers give up before.
pub async fn unless_given_up<T>(callers: Option<Vec<Arc<GiveUp>>>, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        result = work => result,
        () = all_gave_up(callers) => Err(given_up()),
    }
}

async fn run<B: Batched>(statement: &B, db: &mut Db, items: &[B::Item], mode: Mode) -> Result<Vec<Option<B::Output>>> {
    let result = async {
        match (mode, items) {
            (Mode::Try | Mode::Patient | Mode::Read, [item]) => {
                statement.one(db, item).await.map(|output| vec![Some(output)])
            }
            _ => statement.many(db, items).await,
        }
    };
    AssertUnwindSafe(result).catch_unwind().await.unwrap_or_else(|_| {
        Err(Error::new(Code::Internal, "the call ended without a result: please report this as a bug"))
    })
}

/// What follows for each call from the statement's result.
async fn outcomes<B: Batched>(
    statement: &B,
    db: &mut Db,
    items: Vec<B::Item>,
    mut calls: Vec<Call<B>>,
    mode: Mode,
    result: Result<Vec<Option<B::Output>>>,
) -> Vec<Outcome<B>> {
    for call in &mut calls {
        call.note(db.is_in_doubt(), db.retries(), db.waited());
        if call.retries > 0 {
            call.guard.pool.metrics.observed.retried(call.guard.call, call.retries + 1);
        }
    }
    let error = match result {
        Ok(outputs) if outputs.len() == calls.len() => {
            let settled = calls.into_iter().zip(items).zip(outputs);
            return settled
                .map(|((call, item), output)| match output {
                    Some(output) => Outcome::Answer(call, Ok(output)),
                    None => Outcome::Again { waiting: WaitingCall { item, call }, together: false },
                })
                .collect();
        }
        Ok(_) => Error::new(Code::Internal, "a batch lost count of its results"),
        Err(error) => error,
    };
    if matches!(mode, Mode::Shared | Mode::Try) && error.code == Code::LockTimeout {
        let origin = calls.first().and_then(|call| call.guard.call);
        let keys = if calls.iter().any(|call| call.holds.is_some()) {
            // A call that is tried again: what it waits for is known.
            items.iter().map(|_| None).collect()
        } else {
            // Boxed, since it is rare, and the future of every statement would have room for it.
            on_behalf_of(origin, Box::pin(statement.locked_keys(db, &items))).await
        };
        let is_explained = keys.iter().any(Option::is_some);
        let waiting = items.into_iter().zip(calls).map(|(item, call)| WaitingCall { item, call });
        return waiting
            .zip(keys)
            .map(|(waiting, key)| match key {
                _ if mode == Mode::Try && waiting.call.has_waited_for_lock() => {
                    Outcome::Answer(waiting.call, Err(error.clone()))
                }
                None if mode == Mode::Shared => Outcome::Again { waiting, together: is_explained },
                key => Outcome::Stuck(waiting, key),
            })
            .collect();
    }
    let separates = mode == Mode::Shared && may_concern_one(&error);
    let calls = items.into_iter().zip(calls);
    calls
        .map(|(item, call)| {
            // There was no connection in the time that another of them had left.
            let is_others = mode == Mode::Shared
                && db.is_out_of_time()
                && matches!(error.code, Code::PoolTimeout | Code::ConnectionFailed)
                && !call.is_overdue();
            if separates || is_others {
                Outcome::Again { waiting: WaitingCall { item, call }, together: false }
            } else {
                Outcome::Answer(call, Err(error.clone()))
            }
        })
        .collect()
}

/// Whether a failure of a shared statement may be the fault of one of its calls: the server has undone the statement,
/// and for a reason that is not the server's own state.
fn may_concern_one(error: &Error) -> bool {
    match error.code {
        Code::QueryFailed => true,
        Code::InvalidInput
        | Code::InvalidReference
        | Code::Conflict
        | Code::SerializationFailure
        | Code::LockTimeout
        | Code::PermissionDenied
        | Code::Cancelled => error.context.sql_state.is_some(),
        _ => false,
    }
}
