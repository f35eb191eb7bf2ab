//! The order of a transaction's calls: each waits until the one before it has ended.

use std::sync::{Mutex, PoisonError};
use tokio::sync::oneshot;

#[derive(Default)]
pub struct Turns {
    /// Resolves when the last call made so far has ended.
    last: Mutex<Option<oneshot::Receiver<()>>>,
}

/// Held by a call until it has ended.
pub struct Turn {
    _is_over: oneshot::Sender<()>,
}

/// What a call waits for before its first statement.
pub struct Before(Option<oneshot::Receiver<()>>);

impl Turns {
    /// The place of a call that is made now.
    pub fn next(&self) -> (Turn, Before) {
        let (is_over, over) = oneshot::channel();
        let before = self.last.lock().unwrap_or_else(PoisonError::into_inner).replace(over);
        (Turn { _is_over: is_over }, Before(before))
    }
}

impl Before {
    /// Resolves when the calls before have ended.
    pub async fn wait(&mut self) {
        if let Some(before) = &mut self.0 {
            // Nothing is sent: the sender is dropped.
            let _ = before.await;
            self.0 = None;
        }
    }
}
