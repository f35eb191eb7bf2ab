//! A transaction that ends with the native half that is bound to it.

use crate::db::Transaction;
use std::sync::Arc;

/// The transaction of a native half. If a worker thread is terminated, nobody but this ends it before its time limit.
pub struct BoundTransaction(pub Arc<Transaction>);

impl Drop for BoundTransaction {
    fn drop(&mut self) {
        self.0.give_up("nobody waits for the transaction any more".to_owned());
    }
}
