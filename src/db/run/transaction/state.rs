//! The state of a transaction: whether it is open, whether a call has failed, and its connection.

use crate::db::cause::earlier_cause;
use crate::db::pool::{CallGuard, Lease};
use crate::error::{Code, Error, Result};

pub struct TransactionState {
    stage: Stage,
    /// The connection, unless a statement is running on it.
    lease: Option<Lease>,
    /// Whether one of its calls has failed, so that it cannot be committed any more.
    has_failed: bool,
    has_written: bool,
    /// A transaction counts as a running call until it has ended.
    guard: Option<CallGuard>,
}

enum Stage {
    Open,
    Committing,
    RollingBack,
    /// The error says why it was ended, if that was not by its own commit or rollback.
    Ended(Option<Error>),
}

impl TransactionState {
    pub fn new(guard: CallGuard) -> Self {
        Self { stage: Stage::Open, lease: None, has_failed: false, has_written: false, guard: Some(guard) }
    }

    /// Takes the connection for the next statement of a call.
    pub fn take_for_statement(&mut self) -> Result<Lease> {
        if !matches!(self.stage, Stage::Open) {
            return Err(self.ended());
        }
        if self.has_failed {
            return Err(failed());
        }
        self.lease.take().ok_or_else(failed)
    }

    /// Takes the connection for `COMMIT`. If the transaction has ended already, the error says why.
    pub fn take_for_commit(&mut self) -> Result<Lease> {
        match self.take_for_statement() {
            Ok(lease) => {
                self.stage = Stage::Committing;
                Ok(lease)
            }
            Err(error) => Err(self.reason().unwrap_or(error)),
        }
    }

    /// Takes the connection for a rollback.
    pub fn take_for_rollback(&mut self) -> Option<Lease> {
        self.lease.take()
    }

    /// Its own rollback begins, and no statement follows.
    pub fn begin_rollback(&mut self) {
        if !matches!(self.stage, Stage::Ended(_)) {
            self.stage = Stage::RollingBack;
        }
    }

    /// Puts the connection back after a statement. Returns it if the transaction has ended meanwhile.
    pub fn put_back(&mut self, lease: Lease) -> Option<Lease> {
        if matches!(self.stage, Stage::RollingBack | Stage::Ended(_)) {
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

    /// Adds to the error that nobody knows whether the `COMMIT` took effect.
    pub fn doubt(&self, error: &mut Error) {
        if self.has_written {
            error.retryable = false;
            error.context.outcome = Some("unknown");
        }
    }

    /// Ends the transaction for another reason than its own commit or rollback. Returns `false` if it had ended before.
    pub fn end(&mut self, mut reason: Error) -> bool {
        match self.stage {
            Stage::Ended(_) => return false,
            Stage::Committing => self.doubt(&mut reason),
            Stage::Open | Stage::RollingBack => {}
        }
        self.stage = Stage::Ended(Some(reason));
        true
    }

    /// Ends the transaction after its own commit or rollback. Returns `false` if it had ended before.
    pub fn finish(&mut self) -> bool {
        if matches!(self.stage, Stage::Ended(_)) {
            return false;
        }
        self.stage = Stage::Ended(None);
        true
    }

    /// Why it was ended, if that was not by its own commit or rollback.
    pub fn reason(&self) -> Option<Error> {
        match &self.stage {
            Stage::Ended(reason) => reason.clone(),
            Stage::Open | Stage::Committing | Stage::RollingBack => None,
        }
    }

    /// What is told to a call that comes too late.
    pub fn ended(&self) -> Error {
        let mut error = Error::new(Code::TransactionAborted, "the transaction has ended");
        error.cause = self.reason().map(|reason| Box::new(earlier_cause(&reason)));
        error
    }

    /// What makes it count as a running call. It does not count any more when this is dropped.
    pub fn take_guard(&mut self) -> Option<CallGuard> {
        self.guard.take()
    }
}

/// The facade adds which error that was.
fn failed() -> Error {
    Error::new(Code::TransactionAborted, "an earlier call of the transaction has failed")
}
