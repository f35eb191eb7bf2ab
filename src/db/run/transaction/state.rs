//! What is known of a transaction: how far it is, and where its connection is.

use crate::db::pool::{CallGuard, Lease};
use crate::error::{Code, Error, Result};

pub struct TransactionState {
    stage: Stage,
    /// The connection, while no statement runs on it.
    lease: Option<Lease>,
    /// A call of it has failed, so that it cannot be committed any more.
    has_failed: bool,
    has_written: bool,
    /// Until it has ended, it counts as a call under way.
    guard: Option<CallGuard>,
}

enum Stage {
    Open,
    Committing,
    /// With the reason, if it was ended from outside.
    Ended(Option<Error>),
}

impl TransactionState {
    pub fn new(guard: CallGuard) -> Self {
        Self { stage: Stage::Open, lease: None, has_failed: false, has_written: false, guard: Some(guard) }
    }

    /// The connection, for the next statement of a call.
    pub fn take_for_statement(&mut self) -> Result<Lease> {
        if !matches!(self.stage, Stage::Open) {
            return Err(ended());
        }
        if self.has_failed {
            return Err(failed());
        }
        self.lease.take().ok_or_else(failed)
    }

    /// The connection, for `COMMIT`. If it comes too late, the error says why.
    pub fn take_for_commit(&mut self) -> Result<Lease> {
        match self.take_for_statement() {
            Ok(lease) => {
                self.stage = Stage::Committing;
                Ok(lease)
            }
            Err(error) => Err(self.reason().unwrap_or(error)),
        }
    }

    /// The connection, to be rolled back.
    pub fn take_for_rollback(&mut self) -> Option<Lease> {
        self.lease.take()
    }

    /// Returns the connection if the transaction has ended meanwhile.
    pub fn put_back(&mut self, lease: Lease) -> Option<Lease> {
        if matches!(self.stage, Stage::Ended(_)) {
            return Some(lease);
        }
        self.lease = Some(lease);
        None
    }

    pub fn note_write(&mut self) {
        self.has_written = true;
    }

    pub fn fail(&mut self) {
        self.has_failed = true;
    }

    pub fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Makes the error one of a `COMMIT` of which nobody knows whether it took effect.
    pub fn doubt(&self, error: &mut Error) {
        if self.has_written {
            error.retryable = false;
            error.context.outcome = Some("unknown");
        }
    }

    /// Ends it from outside. Returns whether it had not ended before.
    pub fn end(&mut self, mut reason: Error) -> bool {
        match self.stage {
            Stage::Ended(_) => return false,
            Stage::Committing => self.doubt(&mut reason),
            Stage::Open => {}
        }
        self.stage = Stage::Ended(Some(reason));
        true
    }

    /// Ends it by a commit or a rollback. Returns whether it had not ended before.
    pub fn finish(&mut self) -> bool {
        if matches!(self.stage, Stage::Ended(_)) {
            return false;
        }
        self.stage = Stage::Ended(None);
        true
    }

    /// Why it was ended from outside, if it was.
    pub fn reason(&self) -> Option<Error> {
        match &self.stage {
            Stage::Ended(reason) => reason.clone(),
            Stage::Open | Stage::Committing => None,
        }
    }

    /// Stops counting it as a call under way.
    pub fn take_guard(&mut self) -> Option<CallGuard> {
        self.guard.take()
    }
}

pub fn ended() -> Error {
    Error::new(Code::TransactionAborted, "the transaction has ended")
}

fn failed() -> Error {
    Error::new(Code::TransactionAborted, "an earlier call of the transaction has failed")
}
