//! What is known about the writes of a call. Its error must not say that nothing was written unless that is certain.

use super::retry::Repeat;
use crate::db::give_up::GiveUp;
use std::sync::Arc;

/// The writes of one call, over all of its statements and attempts.
pub struct Writes {
    /// Who may give the call up.
    pub caller: Option<Arc<GiveUp>>,
    doubt: Doubt,
    /// Whether the last statement was told that an attempt before may have taken effect.
    was_in_doubt: bool,
}

/// What is known about the writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Nothing has been written.
    None,
    /// A write has been sent, and no answer says how it ended.
    Sent,
    /// Some have taken effect.
    Written,
}

/// What was known about the writes before an attempt.
#[derive(Debug, Clone, Copy)]
pub struct BeforeAttempt(Doubt);

impl BeforeAttempt {
    /// Whether an earlier attempt may have taken effect.
    pub fn is_in_doubt(self) -> bool {
        self.0 == Doubt::Sent
    }
}

impl Writes {
    pub fn new(caller: Option<Arc<GiveUp>>) -> Self {
        Self { caller, doubt: Doubt::None, was_in_doubt: false }
    }

    /// Forgets everything, because the next statement is for other callers.
    pub fn reset(&mut self) {
        self.resume(false);
        self.was_in_doubt = false;
    }

    /// Continues with a statement that has been sent before. `is_in_doubt` says whether it may have taken effect.
    pub fn resume(&mut self, is_in_doubt: bool) {
        self.doubt = if is_in_doubt { Doubt::Sent } else { Doubt::None };
    }

    /// Whether a statement whose answer was lost may have taken effect, as far as the last one did not settle that.
    pub fn is_in_doubt(&self) -> bool {
        self.doubt == Doubt::Sent || self.was_in_doubt
    }

    /// Whether it is certain that nothing has been written.
    pub fn has_none(&self) -> bool {
        self.doubt == Doubt::None
    }

    /// Notes that the statement is sent now. If the caller has given up, this never returns, because the call is about to
    /// be dropped.
    pub async fn send(&mut self, repeat: Repeat) -> BeforeAttempt {
        let before = BeforeAttempt(self.doubt);
        if let Some(caller) = &self.caller
            && !caller.send(repeat.is_write())
        {
            return std::future::pending().await;
        }
        if repeat.is_write() && self.doubt == Doubt::None {
            self.doubt = Doubt::Sent;
        }
        self.was_in_doubt = before.is_in_doubt();
        before
    }

    /// Notes that the statement has succeeded.
    pub fn succeeded(&mut self, repeat: Repeat) {
        if repeat.is_write() {
            self.doubt = Doubt::Written;
        }
    }

    /// Notes that the server has undone the statement, so that what was known before it is true again.
    pub fn undone(&mut self, before: BeforeAttempt) {
        self.doubt = before.0;
        if let Some(caller) = &self.caller
            && before.0 == Doubt::None
        {
            caller.undone();
        }
    }
}
