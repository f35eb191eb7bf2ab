//! How a method starts its work, and how the result becomes the answer to its call.

use super::PostgresStorageAdapter;
use crate::bridge::calls::Answer;
use crate::bridge::runtime::{self, BoxedTask};
use crate::bridge::{CallId, Nullable, Pending};
use crate::db::give_up::GiveUp;
use crate::db::pool::CallGuard;
use crate::db::{Batch, Batched, Db, TransactionCall};
use crate::error::{Error, Result};
use crate::input::check_text;
use crate::origin::on_behalf_of;
use crate::store::lookup::Lookup;
use serde::Serialize;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use std::future::Future;
use std::sync::Arc;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

impl PostgresStorageAdapter {
    /// Starts a call that needs the database. `work` gets a [`Db`] to run its statements with.
    pub(super) fn call<T, W, F>(&self, operation: &'static str, work: W) -> Pending<T>
    where
        T: Serialize + 'static,
        W: FnOnce(Db) -> F + Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let is_alone = self.calls.is_idle();
        let (pending, mut answer) = self.calls.begin(operation);
        match self.db(operation, &mut answer) {
            Ok(db) => {
                let work = async move { work(db).await.map_err(crate::store::explain) };
                self.run(is_alone, answer, work, |answer, result| answer.give(&result));
            }
            Err(error) => answer.give::<()>(&Err(error)),
        }
        pending
    }

    /// Looks up a row by its key, in one statement with the other calls that are waiting for the same kind of row.
    pub(super) fn find<R>(&self, lookup: &Lookup<R>, argument: &'static str, key: String) -> Pending<Nullable<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Serialize + Send + Sync + Unpin + 'static,
    {
        self.find_where(lookup, argument, key, |_| true)
    }

    /// The same, but a row that does not pass `test` counts as missing.
    pub(super) fn find_where<R>(
        &self,
        lookup: &Lookup<R>,
        argument: &'static str,
        key: String,
        test: impl FnOnce(&R) -> bool + Send + 'static,
    ) -> Pending<Nullable<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Serialize + Send + Sync + Unpin + 'static,
    {
        if let Err(error) = check_text(&key, argument) {
            return self.fail(lookup.batch.operation(), error);
        }
        self.join(&lookup.batch, key, |answer, found| {
            answer.give(&found.map(|found| Lookup::<R>::record(found).filter(|row| test(row))));
        })
    }

    /// Adds a call to the queue of a batch. `respond` turns its result into the answer.
    pub(super) fn join<B, T>(
        &self,
        batch: &Arc<Batch<B>>,
        item: B::Item,
        respond: impl FnOnce(Answer, Result<B::Output>) + Send + 'static,
    ) -> Pending<T>
    where
        B: Batched,
    {
        if self.transaction.is_some() {
            return self.join_alone(batch, item, Box::new(respond));
        }
        let is_alone = self.calls.is_idle();
        let (pending, answer) = self.calls.begin(batch.operation());
        match self.enter() {
            Err(error) => answer.give::<()>(&Err(error)),
            Ok(mut guard) => {
                guard.call = Some(answer.id());
                let caller = answer.give_up();
                let respond = move |result: Result<B::Output>| respond(answer, result.map_err(crate::store::explain));
                batch.join(guard, caller, item, Box::new(respond));
                if self.turn.is_open() {
                    self.gather(batch);
                } else if let Some(work) = batch.next_task() {
                    spawn(is_alone, self.log.as_ref(), work);
                }
            }
        }
        pending
    }

    /// In a transaction, where nothing travels together: runs the call's own statement.
    fn join_alone<B, T>(
        &self,
        batch: &Arc<Batch<B>>,
        item: B::Item,
        respond: Box<dyn FnOnce(Answer, Result<B::Output>) + Send>,
    ) -> Pending<T>
    where
        B: Batched,
    {
        let is_alone = self.calls.is_idle();
        let (pending, mut answer) = self.calls.begin(batch.operation());
        match self.db(batch.operation(), &mut answer) {
            Ok(mut db) => {
                let batch = Arc::clone(batch);
                let work = async move { batch.run_alone(&mut db, &item).await.map_err(crate::store::explain) };
                self.run(is_alone, answer, work, respond);
            }
            Err(error) => answer.give::<()>(&Err(error)),
        }
        pending
    }

    /// Starts a call that does its work in its own way.
    pub(super) fn start<T, F>(&self, operation: &'static str, work: F) -> Pending<T>
    where
        T: Serialize + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.start_change(operation, |_| work)
    }

    /// Starts a call that changes the tables themselves. Its work calls [`crate::db::give_up::begin_change`] before that.
    pub(super) fn start_change<T, W, F>(&self, operation: &'static str, work: W) -> Pending<T>
    where
        T: Serialize + 'static,
        W: FnOnce(Option<Arc<GiveUp>>) -> F + Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let is_alone = self.calls.is_idle();
        let (pending, answer) = self.calls.begin(operation);
        let work = work(answer.give_up());
        match runtime::runtime() {
            Ok(_) => self.run(is_alone, answer, work, |answer, result| answer.give(&result)),
            Err(error) => answer.give::<()>(&Err(error)),
        }
        pending
    }

    /// Starts a part of a call.
    pub(super) fn start_part<T, F>(&self, operation: &'static str, work: F) -> Pending<T>
    where
        T: Serialize + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let is_alone = self.calls.is_idle();
        let (pending, answer) = self.calls.begin_part(operation);
        self.run(is_alone, answer, work, |answer, result| answer.give(&result));
        pending
    }

    /// Starts a part of a call that lasts as long as the others, and is not counted among them.
    pub(super) fn accompany<T, F>(&self, operation: &'static str, work: F) -> Pending<T>
    where
        T: Serialize + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let (pending, answer) = self.calls.begin_part(operation);
        self.run(false, answer.uncounted(), work, |answer, result| answer.give(&result));
        pending
    }

    /// What runs the statements of a call that begins now.
    fn db(&self, operation: &'static str, answer: &mut Answer) -> Result<Db> {
        let caller = answer.give_up();
        let Some(transaction) = &self.transaction else { return Ok(Db::new(self.enter()?, operation, caller)) };
        let (call, turn) = TransactionCall::new(&transaction.0);
        answer.hold_turn(turn);
        Ok(Db::in_transaction(transaction.0.guard(), operation, caller, call))
    }

    /// Registers a call that is going to run.
    pub(super) fn enter(&self) -> Result<CallGuard> {
        runtime::runtime()?;
        self.database.enter()
    }

    /// Does the work and responds with its result, or drops the work when the caller gives up.
    fn run<T, F, R>(&self, is_alone: bool, answer: Answer, work: F, respond: R)
    where
        T: 'static,
        F: Future<Output = Result<T>> + Send + 'static,
        R: FnOnce(Answer, Result<T>) + Send + 'static,
    {
        let (call, caller) = (answer.id(), answer.give_up());
        // Boxed, so that what follows is compiled once, and not for each method.
        let answered = Box::pin(async move { respond(answer, work.await) });
        self.run_until_given_up(is_alone, call, caller, answered);
    }

    fn run_until_given_up(&self, is_alone: bool, call: CallId, caller: Option<Arc<GiveUp>>, work: BoxedTask) {
        let given_up = async move {
            match caller {
                Some(caller) => caller.wait().await,
                None => std::future::pending().await,
            }
        };
        let work = async move {
            tokio::select! {
                biased;
                () = work => {}
                () = given_up => {}
            }
        };
        spawn(is_alone, self.log.as_ref(), on_behalf_of(Some(call), work));
    }

    /// A call that has failed already.
    pub(super) fn fail<T>(&self, operation: &'static str, error: Error) -> Pending<T> {
        let (pending, mut answer) = self.calls.begin(operation);
        if let Some(transaction) = &self.transaction {
            answer.hold_turn(TransactionCall::new(&transaction.0).1);
        }
        answer.give::<()>(&Err(error));
        pending
    }

    /// Starts the statement for the calls of a batch when all calls of this turn of the event loop have been made.
    fn gather<B: Batched>(&self, batch: &Arc<Batch<B>>) {
        self.turn.gather(Arc::as_ptr(batch).addr(), || {
            let (batch, log) = (Arc::clone(batch), self.log.clone());
            move || {
                if let Some(work) = batch.next_task() {
                    spawn(true, log.as_ref(), work);
                }
            }
        });
    }
}

/// Spawns a task that writes to the log of the adapter.
fn spawn(begins_here: bool, log: Option<&Dispatch>, work: impl Future<Output = ()> + Send + 'static) {
    let work: BoxedTask = match log {
        None => Box::pin(work),
        Some(log) => Box::pin(work.with_subscriber(log.clone())),
    };
    runtime::spawn(begins_here, work);
}
