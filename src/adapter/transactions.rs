//! Transactions of the application's. A transaction is an adapter too: one whose calls run on one connection.

use super::bound_transaction::BoundTransaction;
use super::{Json, Pending, PostgresStorageAdapter, Void, as_reason, options_or};
use crate::db::{Isolation, Transaction, TransactionCall, TransactionPlan};
use crate::error::{Code, Error, Result};
use crate::input::{Natural, closed_set, input};
use napi_derive::napi;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

const OPERATION: &str = "transaction";

closed_set! {
    /// What other transactions' changes a transaction sees.
    IsolationLevel {
        ReadCommitted = "read committed",
        RepeatableRead = "repeatable read",
        Serializable = "serializable",
    }
}

input! {
    /// The options of `transaction`.
    TransactionOptions {
        /// What the transaction sees of others, as PostgreSQL defines it. Default: `'read committed'`.
        isolation_level "isolationLevel": Option<IsolationLevel>,
        /// Whether writes are refused. Default: `false`.
        read_only "readOnly": Option<bool>,
        /// How often the function is called again after PostgreSQL has undone the transaction because of a concurrent
        /// one (SQLSTATE 40001 or 40P01). Default: 0, because the function may do more than what is undone.
        retries "retries": Option<Natural>,
        /// After how many milliseconds the transaction is ended, including waits and retries. Default: 30 000.
        timeout_ms "timeoutMs": Option<Natural>,
    }
}

#[napi]
impl PostgresStorageAdapter {
    /// Calls a function with a transaction, `tx`, which has the methods of this adapter. What is done by calls on `tx`
    /// takes effect together when the function's promise resolves, and not at all if it rejects. Resolves with what the
    /// function returns.
    ///
    /// Calls on `tx` run in their order, on one connection. The first one that rejects ends the transaction, also if
    /// the function catches its error: later calls reject with `transaction_aborted`, and `transaction` with that first
    /// error. If the function rejects with an error of its own, `transaction` rejects with the same error.
    ///
    /// Rejects with `serialization_failure` if a concurrent transaction won (see `retries`), with `cancelled` when
    /// `timeoutMs` has passed or the signal is aborted, and with `pool_timeout` if no connection becomes free. If the
    /// answer to `COMMIT` was lost, `context.outcome` is `'unknown'`.
    #[napi(
        ts_generic_types = "T",
        ts_args_type = "work: (tx: PostgresTransaction) => PromiseLike<T> | T, options?: TransactionOptions | null | undefined",
        ts_return_type = "Promise<T>"
    )]
    pub fn transaction(
        &self,
        options: Option<Json<TransactionOptions>>,
        attempt: u32,
        left_ms: u32,
    ) -> napi::Result<Self> {
        self.open_transaction(options, attempt, left_ms).map_err(|error| as_reason(error, OPERATION))
    }

    /// For the facade: a call of `transaction`, which may have several attempts, has begun.
    #[napi(skip_typescript)]
    pub fn begin_transaction_call(&self) -> u32 {
        self.metrics.calls.begin_open(OPERATION)
    }

    /// For the facade: such a call has ended, with the code of an error if it failed.
    #[napi(skip_typescript)]
    pub fn end_transaction_call(&self, id: u32, code: Option<String>) {
        self.metrics.calls.end_open(id, code);
    }

    /// For the facade: acquires a connection, and begins the transaction.
    #[napi(skip_typescript)]
    pub fn begin_transaction(&self) -> Pending<Void> {
        self.control(|transaction| async move { transaction.begin().await })
    }

    /// For the facade: is answered when the transaction has ended, with an error if that was from outside.
    #[napi(skip_typescript)]
    pub fn keep_transaction(&self) -> Pending<Void> {
        match &self.transaction {
            Some(transaction) => {
                let transaction = Arc::clone(&transaction.0);
                self.accompany(OPERATION, async move { transaction.keep().await.map(|()| Void) })
            }
            None => self.fail(OPERATION, no_transaction()),
        }
    }

    /// For the facade: commits the transaction when its calls have ended.
    #[napi(skip_typescript)]
    pub fn commit_transaction(&self) -> Pending<Void> {
        self.control(|transaction| {
            // This must happen before the call returns, so that later calls come later.
            let (call, turn) = TransactionCall::new(&transaction);
            async move {
                let committed = call.commit().await;
                drop(turn);
                committed
            }
        })
    }

    /// For the facade: a call has been refused before it was made, so that the transaction cannot be committed any more.
    #[napi(skip_typescript)]
    pub fn fail_transaction(&self) -> Pending<Void> {
        self.control(|transaction| {
            let (call, turn) = TransactionCall::new(&transaction);
            async move {
                call.fail().await;
                drop(turn);
                Ok(())
            }
        })
    }

    /// For the facade: rolls the transaction back.
    #[napi(skip_typescript)]
    pub fn roll_back_transaction(&self) -> Pending<Void> {
        self.control(|transaction| async move {
            transaction.roll_back().await;
            Ok(())
        })
    }

    /// For the facade: the caller has given the transaction up.
    #[napi(skip_typescript)]
    pub fn give_up_transaction(&self, reason: String) {
        if let Some(transaction) = &self.transaction {
            transaction.0.give_up(reason);
        }
    }
}

impl PostgresStorageAdapter {
    fn open_transaction(&self, options: Option<Json<TransactionOptions>>, attempt: u32, left_ms: u32) -> Result<Self> {
        let none = TransactionOptions { isolation_level: None, read_only: None, retries: None, timeout_ms: None };
        let TransactionOptions { isolation_level, read_only, retries: _, timeout_ms } =
            options_or(options.as_ref(), none)?;
        let isolation = match isolation_level {
            None | Some(IsolationLevel::ReadCommitted) => Isolation::ReadCommitted,
            Some(IsolationLevel::RepeatableRead) => Isolation::RepeatableRead,
            Some(IsolationLevel::Serializable) => Isolation::Serializable,
        };
        let plan = TransactionPlan {
            isolation,
            is_read_only: read_only.unwrap_or(false),
            attempt,
            end: Instant::now() + Duration::from_millis(left_ms.into()),
            limit_ms: timeout_ms.map_or(left_ms, |Natural(ms)| ms),
        };
        let transaction = Transaction::new(self.enter()?, plan);
        Ok(Self { transaction: Some(Arc::new(BoundTransaction(transaction))), ..self.clone() })
    }

    fn control<F: Future<Output = Result<()>> + Send + 'static>(
        &self,
        work: impl FnOnce(Arc<Transaction>) -> F,
    ) -> Pending<Void> {
        match &self.transaction {
            Some(transaction) => {
                let work = work(Arc::clone(&transaction.0));
                self.start_part(OPERATION, async move { work.await.map(|()| Void) })
            }
            None => self.fail(OPERATION, no_transaction()),
        }
    }
}

fn no_transaction() -> Error {
    Error::new(Code::Internal, "there is no transaction: please report this as a bug")
}
