//! Converts sqlx's errors to ours. They are told apart by SQLSTATE and by the constraint's name, never by message text.
//! Source of the classes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.

use super::cause::{plain_cause, severity_name, with_cause};
use crate::error::{Cause, Code, Context, Error};
use sqlx::postgres::{PgDatabaseError, PgSeverity};
use std::time::Duration;

/// Whether another attempt can succeed after a failure, and what has to be done before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same call would fail again.
    None,
    /// The server undid the statement and asks for another attempt.
    Repeat,
    /// The server accepts no writes. A new connection may lead to another server, which does.
    RepeatOnceReconnected,
    /// The prepared statements of the connection are stale, so that it has to forget them first.
    RepeatOnceCleared,
    /// The connection ended while the statement ran, so that nobody knows whether it took effect.
    RepeatIfHarmless,
}

#[derive(Debug)]
pub struct Failure {
    pub error: Error,
    pub remedy: Remedy,
    /// Whether the connection can serve another statement.
    pub connection_survives: bool,
    /// Whether it is certain that the statement changed nothing.
    pub is_undone: bool,
}

/// The code for an SQLSTATE. `ran` is how long the statement had been running.
pub fn code_of(sql_state: &str, ran: Duration, statement_timeout: Option<Duration>) -> Code {
    match sql_state {
        "23505" | "23P01" => Code::Conflict,
        "23503" => Code::InvalidReference,
        "25006" => Code::ReadOnly,
        "40001" | "40P01" => Code::SerializationFailure,
        "55P03" => Code::LockTimeout,
        // The server uses one SQLSTATE for its time-out and for a cancel request.
        "57014" if statement_timeout.is_some_and(|limit| ran + Duration::from_millis(5) >= limit) => {
            Code::StatementTimeout
        }
        "57014" => Code::Cancelled,
        "3D000" | "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" => Code::ConnectionFailed,
        "42501" => Code::PermissionDenied,
        "3F000" | "42P01" | "42703" | "42883" => Code::SchemaMismatch,
        _ => match sql_state.get(..2) {
            Some("08") => Code::ConnectionFailed,
            // 54 means that a value exceeds a limit of the server, such as the depth of JSON.
            Some("22" | "23" | "54") => Code::InvalidInput,
            Some("28") => Code::AuthenticationFailed,
            Some("53") => Code::ResourceExhausted,
            _ => Code::QueryFailed,
        },
    }
}

fn remedy_of(sql_state: &str) -> Remedy {
    match sql_state {
        "40001" | "40P01" => Remedy::Repeat,
        "25006" => Remedy::RepeatOnceReconnected,
        "0A000" | "26000" | "42P05" => Remedy::RepeatOnceCleared,
        "57P01" | "57P02" | "57P05" => Remedy::RepeatIfHarmless,
        _ if sql_state.starts_with("08") => Remedy::RepeatIfHarmless,
        _ => Remedy::None,
    }
}

/// The failure of a statement.
pub fn statement_failure(error: &sqlx::Error, ran: Duration, statement_timeout: Option<Duration>) -> Failure {
    if let Some(server) = server_error(error) {
        let sql_state = server.code();
        let remedy = remedy_of(sql_state);
        let is_undone = server.severity() == PgSeverity::Error && remedy != Remedy::RepeatIfHarmless;
        let code = match code_of(sql_state, ran, statement_timeout) {
            // Where nobody has measured how long it ran, the server says it, if its messages are in English.
            Code::Cancelled if ran.is_zero() && server.message().ends_with("due to statement timeout") => {
                Code::StatementTimeout
            }
            code => code,
        };
        let mut error = from_server(server, code);
        error.retryable = is_undone && is_transient(error.code);
        return Failure {
            error,
            remedy,
            connection_survives: is_undone && remedy != Remedy::RepeatOnceReconnected,
            is_undone,
        };
    }
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => Failure {
            error: with_cause(Code::ConnectionFailed, "the connection to the server was lost", error),
            remedy: Remedy::RepeatIfHarmless,
            connection_survives: false,
            is_undone: false,
        },
        sqlx::Error::ColumnDecode { .. } => {
            Failure { error: unreadable(error), remedy: Remedy::None, connection_survives: true, is_undone: false }
        }
        other => Failure {
            error: with_cause(Code::Internal, "the database driver failed", other),
            remedy: Remedy::None,
            connection_survives: false,
            is_undone: false,
        },
    }
}

/// The error for a stored value that cannot be read.
fn unreadable(error: &sqlx::Error) -> Error {
    let sqlx::Error::ColumnDecode { index, source } = error else {
        return with_cause(Code::Internal, "the database driver failed", error);
    };
    let mut failed = Error::new(Code::QueryFailed, format!("a stored value of {index} cannot be read: {source}"));
    failed.context.column = Some(index.trim_matches('"').to_owned());
    failed
}

/// The error for a row that a statement has written and that cannot be read.
pub fn unreadable_write(error: sqlx::Error) -> Error {
    let mut failed = unreadable(&error);
    failed.context.outcome = Some("unknown");
    failed
}

/// Whether the same statement may succeed a moment later, when this one has changed nothing.
fn is_transient(code: Code) -> bool {
    matches!(
        code,
        Code::StatementTimeout
            | Code::LockTimeout
            | Code::Cancelled
            | Code::SerializationFailure
            | Code::ReadOnly
            | Code::ResourceExhausted
    )
}

/// The failure of a statement for which the server gave no answer within the time of an attempt.
pub fn silent_failure() -> Failure {
    Failure {
        error: silence("the server gave no answer within statementTimeoutMs and a second more"),
        remedy: Remedy::RepeatIfHarmless,
        connection_survives: false,
        is_undone: false,
    }
}

/// The error for a server that did not answer in time.
pub fn silence(message: &'static str) -> Error {
    let mut error = Error::new(Code::ConnectionFailed, message);
    let cause =
        Cause { code: Some("ETIMEDOUT".to_owned()), ..plain_cause("SystemError", "connection timed out".to_owned()) };
    error.cause = Some(Box::new(cause));
    error
}

/// Whether a pooler has sent the error. PgBouncer uses one SQLSTATE for all of its errors, from a wrong password to a server
/// that is down.
pub fn is_from_pooler(error: &Error) -> bool {
    error.context.sql_state.as_deref() == Some("08P01")
}

/// Whether the server, or a pooler, ended the connection.
pub fn is_lost_connection(error: &sqlx::Error) -> bool {
    server_error(error).is_some_and(|server| remedy_of(server.code()) == Remedy::RepeatIfHarmless)
}

pub fn server_error(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    match error {
        sqlx::Error::Database(error) => error.try_downcast_ref(),
        _ => None,
    }
}

pub fn from_server(server: &PgDatabaseError, code: Code) -> Error {
    let sql_state = server.code();
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let context = Context {
        sql_state: Some(sql_state.to_owned()),
        constraint: owned(server.constraint()),
        table: owned(server.table()),
        column: owned(server.column()),
        ..Context::default()
    };
    let cause = Cause {
        name: "DatabaseError",
        message: safe_message(server).to_owned(),
        code: Some(sql_state.to_owned()),
        severity: Some(severity_name(server.severity())),
        sql_state: Some(sql_state.to_owned()),
        constraint: owned(server.constraint()),
        schema: owned(server.schema()),
        table: owned(server.table()),
        column: owned(server.column()),
    };
    let message = match (code, server.constraint()) {
        (Code::Conflict, Some(constraint)) => {
            format!("a row with the same value exists already (unique constraint {constraint})")
        }
        (Code::InvalidReference, Some(constraint)) => {
            format!("what is referred to does not exist (foreign key {constraint})")
        }
        (Code::InvalidInput, Some(constraint)) => format!("the value breaks the rule {constraint}"),
        (Code::SchemaMismatch, _) => {
            "the database lacks our tables, or they are of another version: call connect(), or run `auth-postgres migrate`"
                .to_owned()
        }
        (Code::PermissionDenied, _) => {
            "the role may not do this: it needs what `auth-postgres grants <role>` prints, which is CONNECT on the database, USAGE on the schema, SELECT, INSERT, UPDATE and DELETE on our tables, USAGE on their sequence and EXECUTE on the functions for months of events"
                .to_owned()
        }
        (Code::StatementTimeout, _) => "the statement ran into its time limit (statementTimeoutMs)".to_owned(),
        (Code::LockTimeout, _) => "a lock was not granted in time".to_owned(),
        (Code::Cancelled, _) => "the statement was cancelled on the server".to_owned(),
        (Code::AuthenticationFailed, _) => "the server refused the user or the password".to_owned(),
        (Code::ReadOnly, _) => "the server takes no writes".to_owned(),
        (Code::ResourceExhausted, _) => "the server has run out of a resource".to_owned(),
        (Code::SerializationFailure, _) => "the transaction lost against a concurrent one".to_owned(),
        (Code::ConnectionFailed, _) if sql_state == "3D000" => "the server has no such database".to_owned(),
        (Code::ConnectionFailed, _) if sql_state == "25P03" => {
            "the server ended the transaction, which was idle for longer than idle_in_transaction_session_timeout"
                .to_owned()
        }
        (Code::ConnectionFailed, _) if sql_state == "25P04" => {
            "the server ended the transaction, which took longer than transaction_timeout".to_owned()
        }
        (Code::ConnectionFailed, _) => "the server ended or refused the connection".to_owned(),
        _ => format!("the server refused the statement (SQLSTATE {sql_state})"),
    };
    let mut error = Error::new(code, message);
    error.context = Box::new(context);
    error.cause = Some(Box::new(cause));
    error
}

/// The server's message, or a text of ours for classes of errors whose messages contain values.
fn safe_message(server: &PgDatabaseError) -> &str {
    match server.code().get(..2) {
        // Data exceptions quote the value that is wrong.
        Some("22") => "data exception",
        // The author of a trigger's function chooses its messages, and may have put the row into them.
        Some("P0") => "exception raised by a function",
        _ => server.message(),
    }
}

/// The message that a function has raised. This is for migrations alone, in which no message is about rows: it comes from an
/// event trigger of the administrator's, and says why something is forbidden.
pub fn raised_text(error: &sqlx::Error) -> Option<String> {
    server_error(error).filter(|server| server.code().starts_with("P0")).map(|server| server.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Code, Remedy, code_of, remedy_of};
    use std::time::Duration;

    #[test]
    fn classifies_by_sqlstate() {
        for (sql_state, code, remedy) in [
            ("08003", Code::ConnectionFailed, Remedy::RepeatIfHarmless),
            ("08006", Code::ConnectionFailed, Remedy::RepeatIfHarmless),
            ("0A000", Code::QueryFailed, Remedy::RepeatOnceCleared),
            ("22001", Code::InvalidInput, Remedy::None),
            ("23502", Code::InvalidInput, Remedy::None),
            ("23503", Code::InvalidReference, Remedy::None),
            ("23505", Code::Conflict, Remedy::None),
            ("23514", Code::InvalidInput, Remedy::None),
            ("23P01", Code::Conflict, Remedy::None),
            ("25006", Code::ReadOnly, Remedy::RepeatOnceReconnected),
            ("25P03", Code::ConnectionFailed, Remedy::None),
            ("25P04", Code::ConnectionFailed, Remedy::None),
            ("26000", Code::QueryFailed, Remedy::RepeatOnceCleared),
            ("28000", Code::AuthenticationFailed, Remedy::None),
            ("28P01", Code::AuthenticationFailed, Remedy::None),
            ("3D000", Code::ConnectionFailed, Remedy::None),
            ("3F000", Code::SchemaMismatch, Remedy::None),
            ("40001", Code::SerializationFailure, Remedy::Repeat),
            ("40P01", Code::SerializationFailure, Remedy::Repeat),
            ("42P01", Code::SchemaMismatch, Remedy::None),
            ("42P05", Code::QueryFailed, Remedy::RepeatOnceCleared),
            ("42501", Code::PermissionDenied, Remedy::None),
            ("42601", Code::QueryFailed, Remedy::None),
            ("42703", Code::SchemaMismatch, Remedy::None),
            ("42883", Code::SchemaMismatch, Remedy::None),
            ("53100", Code::ResourceExhausted, Remedy::None),
            ("53300", Code::ResourceExhausted, Remedy::None),
            ("54001", Code::InvalidInput, Remedy::None),
            ("55P03", Code::LockTimeout, Remedy::None),
            ("57P01", Code::ConnectionFailed, Remedy::RepeatIfHarmless),
            ("57P02", Code::ConnectionFailed, Remedy::RepeatIfHarmless),
            ("57P03", Code::ConnectionFailed, Remedy::None),
            ("57P05", Code::ConnectionFailed, Remedy::RepeatIfHarmless),
            ("XX000", Code::QueryFailed, Remedy::None),
        ] {
            assert_eq!(code_of(sql_state, Duration::ZERO, None), code, "{sql_state}");
            assert_eq!(remedy_of(sql_state), remedy, "{sql_state}");
        }
    }

    #[test]
    fn tells_a_time_out_from_a_cancel_request() {
        let limit = Some(Duration::from_secs(5));
        assert_eq!(code_of("57014", Duration::from_secs(5), limit), Code::StatementTimeout);
        assert_eq!(code_of("57014", Duration::from_secs(1), limit), Code::Cancelled);
        assert_eq!(code_of("57014", Duration::from_mins(1), None), Code::Cancelled);
    }
}
