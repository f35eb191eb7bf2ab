//! What the log is told of statements.

use crate::db::deadline::millis;
use crate::error::Error;
use std::time::Duration;

pub fn log_statement(operation: &'static str, ran: Duration, rows: u64, attempt: u32, error: Option<&Error>) {
    match error {
        None => tracing::debug!(operation, durationMs = millis(ran), rows, attempt, "statement"),
        Some(error) => tracing::debug!(
            operation,
            durationMs = millis(ran),
            rows,
            attempt,
            code = error.code.name(),
            sqlState = error.context.sql_state.as_deref().unwrap_or_default(),
            "statement failed"
        ),
    }
}

pub fn log_retry(operation: &'static str, attempt: u32, pause: Duration, error: &Error) {
    tracing::warn!(
        operation,
        attempt,
        pauseMs = millis(pause),
        code = error.code.name(),
        sqlState = error.context.sql_state.as_deref().unwrap_or_default(),
        "retry"
    );
}
