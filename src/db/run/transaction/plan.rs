//! What a transaction is to be like.

use std::time::Instant;

/// What errors and the log call it.
pub const OPERATION: &str = "transaction";

/// What other transactions' changes a transaction sees.
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
    /// How often its function has been called, with this time.
    pub attempt: u32,
    /// When it is ended, wherever it is, and the time that it was given, in milliseconds.
    pub end: Instant,
    pub limit_ms: u32,
}

impl TransactionPlan {
    /// The level is always stated, because the role's default may be another one.
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
