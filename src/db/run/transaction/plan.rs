//! The isolation level, the access mode and the time limit of a transaction.

use std::time::Instant;

/// The name of the operation in errors and in the log.
pub const OPERATION: &str = "transaction";

/// An isolation level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

#[derive(Debug, Clone, Copy)]
pub struct TransactionPlan {
    pub isolation: Isolation,
    pub is_read_only: bool,
    /// How often the application's function has been called, including this time.
    pub attempt: u32,
    /// When the transaction is ended, even if its function is still running.
    pub end: Instant,
    /// The time limit in milliseconds, for the error's message.
    pub limit_ms: u32,
}

impl TransactionPlan {
    /// The statement that begins it. It always states the level, because the role may have another default.
    pub const fn begin_sql(self) -> &'static str {
        match (self.isolation, self.is_read_only) {
            (Isolation::ReadCommitted, false) => "BEGIN ISOLATION LEVEL READ COMMITTED",
            (Isolation::ReadCommitted, true) => "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY",
            (Isolation::RepeatableRead, false) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
            (Isolation::RepeatableRead, true) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            (Isolation::Serializable, false) => "BEGIN ISOLATION LEVEL SERIALIZABLE",
            (Isolation::Serializable, true) => "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
        }
    }
}
