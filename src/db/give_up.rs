//! Giving up calls: a caller can stop waiting at any time, and learns whether a write may still take effect.

use crate::error::{Code, Error, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::sync::Notify;

/// A bit: a write has been sent, and it is not known yet how it ended.
const WRITING: u8 = 1;
/// A bit: nobody waits for the call any more.
const GIVEN_UP: u8 = 2;

/// What a call shares with the caller, who may give it up.
#[derive(Debug, Default)]
pub struct GiveUp {
    /// Both bits are in one atomic, so that either the write is sent first or the caller gives up first.
    state: AtomicU8,
    given_up: Notify,
}

impl GiveUp {
    /// Gives the call up. Returns whether a write may have taken effect. If not, none will be sent from now on.
    pub fn give_up(&self) -> bool {
        let state = self.state.fetch_or(GIVEN_UP, Ordering::AcqRel);
        self.given_up.notify_waiters();
        state & WRITING != 0
    }

    pub fn is_given_up(&self) -> bool {
        self.state.load(Ordering::Acquire) & GIVEN_UP != 0
    }

    /// Must be called before a statement is sent. Returns `false` if it must not be sent, because nobody waits for it.
    pub fn send(&self, is_write: bool) -> bool {
        let bit = if is_write { WRITING } else { 0 };
        self.state.fetch_or(bit, Ordering::AcqRel) & GIVEN_UP == 0
    }

    /// Notes that the write that was sent has changed nothing.
    pub fn undone(&self) {
        self.state.fetch_and(!WRITING, Ordering::AcqRel);
    }

    /// Resolves once the caller has given up.
    pub async fn wait(&self) {
        loop {
            let given_up = self.given_up.notified();
            tokio::pin!(given_up);
            given_up.as_mut().enable();
            if self.is_given_up() {
                return;
            }
            given_up.await;
        }
    }
}

/// From here on, a caller who gives up is told that the change may take effect. One who has given up already was told that it
/// does not.
pub fn begin_change(caller: Option<&GiveUp>) -> Result<()> {
    match caller {
        Some(caller) if !caller.send(true) => Err(given_up()),
        _ => Ok(()),
    }
}

/// What becomes of the work of a caller who has given up, and has been answered already.
pub fn given_up() -> Error {
    Error::new(Code::Cancelled, "the caller has given up")
}

/// Resolves once all of the callers have given up. `None` means that one of them cannot, so that this never resolves.
pub async fn all_gave_up(callers: Option<Vec<Arc<GiveUp>>>) {
    let Some(callers) = callers else { return std::future::pending().await };
    for caller in callers {
        caller.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use super::{GiveUp, all_gave_up};
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn a_write_and_its_caller_s_leaving_agree_on_who_was_first() {
        let sent_first = GiveUp::default();
        assert!(sent_first.send(true));
        assert!(sent_first.give_up());
        let left_first = GiveUp::default();
        assert!(!left_first.give_up());
        assert!(!left_first.send(true));
    }

    #[test]
    fn a_read_or_an_undone_write_leaves_no_doubt() {
        let reads = GiveUp::default();
        assert!(reads.send(false) && !reads.give_up());
        let undone = GiveUp::default();
        undone.send(true);
        undone.undone();
        assert!(!undone.give_up());
    }

    #[tokio::test]
    async fn a_shared_statement_is_given_up_by_the_last_of_its_callers() {
        let callers: Vec<Arc<GiveUp>> = (0..3).map(|_| Arc::default()).collect();
        callers[0].give_up();
        callers[2].give_up();
        assert!(tokio::time::timeout(Duration::from_millis(20), all_gave_up(Some(callers.clone()))).await.is_err());
        callers[1].give_up();
        all_gave_up(Some(callers)).await;
    }
}
