//! One call of a transaction.

use super::Transaction;
use super::turns::{Before, Turn};
use crate::db::give_up::GiveUp;
use crate::db::run::retry::Repeat;
use crate::db::run::statement::Statement;
use crate::error::Result;
use std::sync::Arc;

/// Runs the statements of a call when it is its turn.
pub struct TransactionCall {
    transaction: Arc<Transaction>,
    before: Before,
}

/// Held until the call has been answered, so that the next one knows whether it failed.
pub struct TransactionTurn {
    transaction: Arc<Transaction>,
    _turn: Turn,
}

impl TransactionCall {
    /// A call that is made now. Calls run in the order in which this is called.
    pub fn new(transaction: &Arc<Transaction>) -> (Self, TransactionTurn) {
        let (turn, before) = transaction.turns.next();
        let call = Self { transaction: Arc::clone(transaction), before };
        (call, TransactionTurn { transaction: Arc::clone(transaction), _turn: turn })
    }

    /// How many rows the statement came to.
    pub async fn run(
        &mut self,
        operation: &'static str,
        caller: Option<&GiveUp>,
        repeat: Repeat,
        statement: &mut dyn Statement,
    ) -> Result<u64> {
        self.wait().await?;
        // What is undone together with the transaction is not in doubt, so that it does not count as a write here.
        if caller.is_some_and(|caller| !caller.send(false)) {
            // The caller has given up: the call is about to be dropped.
            return std::future::pending().await;
        }
        self.transaction.run(operation, repeat, statement).await
    }

    /// Commits when all calls before have ended.
    pub async fn commit(mut self) -> Result<()> {
        // If it has ended, the commit says why.
        let _ = self.wait().await;
        self.transaction.commit().await
    }

    /// Fails the transaction when all calls before have ended: a call was refused before it came here.
    pub async fn fail(mut self) {
        if self.wait().await.is_ok() {
            self.transaction.fail();
        }
    }

    async fn wait(&mut self) -> Result<()> {
        self.transaction.unless_ended(self.before.wait()).await
    }
}

impl TransactionTurn {
    /// The call has failed, and with it the transaction.
    pub fn fail(&self) {
        self.transaction.fail();
    }
}
