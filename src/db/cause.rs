//! Converts errors of the system, of the driver and of the server to the causes of our errors.

use crate::error::{Cause, Code, Error};
use sqlx::postgres::PgSeverity;

/// Our error with the code and the message, and as its cause an error of sqlx's that does not come from a server.
pub fn with_cause(code: Code, message: &'static str, cause: &sqlx::Error) -> Error {
    let mut error = Error::new(code, message);
    error.cause = Some(Box::new(match cause {
        sqlx::Error::Io(io) => system_cause(io),
        other => plain_cause("Error", other.to_string()),
    }));
    error
}

pub fn system_cause(io: &std::io::Error) -> Cause {
    let code = code_of_system(io).map(str::to_owned);
    Cause { code, ..plain_cause("SystemError", io.to_string()) }
}

/// The code that Node.js has for the same error.
pub fn code_of_system(io: &std::io::Error) -> Option<&'static str> {
    use std::io::ErrorKind;
    match (io.kind(), io.raw_os_error()) {
        // The standard library has no kinds for these.
        (_, Some(24)) if cfg!(unix) => return Some("EMFILE"),
        (_, Some(23)) if cfg!(unix) => return Some("ENFILE"),
        (ErrorKind::WouldBlock, _) => return Some("EAGAIN"),
        _ => {}
    }
    match io.kind() {
        ErrorKind::ConnectionRefused => Some("ECONNREFUSED"),
        ErrorKind::ConnectionReset => Some("ECONNRESET"),
        ErrorKind::ConnectionAborted => Some("ECONNABORTED"),
        ErrorKind::BrokenPipe => Some("EPIPE"),
        ErrorKind::TimedOut => Some("ETIMEDOUT"),
        ErrorKind::HostUnreachable => Some("EHOSTUNREACH"),
        ErrorKind::NetworkUnreachable => Some("ENETUNREACH"),
        ErrorKind::NotFound => Some("ENOENT"),
        ErrorKind::NetworkDown => Some("ENETDOWN"),
        ErrorKind::AddrNotAvailable => Some("EADDRNOTAVAIL"),
        ErrorKind::ReadOnlyFilesystem => Some("EROFS"),
        ErrorKind::PermissionDenied => Some("EACCES"),
        _ => None,
    }
}

pub fn plain_cause(name: &'static str, message: String) -> Cause {
    Cause {
        name,
        message,
        code: None,
        severity: None,
        sql_state: None,
        constraint: None,
        schema: None,
        table: None,
        column: None,
    }
}

/// An earlier error of ours, as the reason for a later one.
pub fn earlier_cause(error: &Error) -> Cause {
    Cause { code: Some(error.code.name().to_owned()), ..plain_cause("InternalError", error.message.to_string()) }
}

pub fn severity_name(severity: PgSeverity) -> &'static str {
    match severity {
        PgSeverity::Panic => "PANIC",
        PgSeverity::Fatal => "FATAL",
        PgSeverity::Error => "ERROR",
        PgSeverity::Warning => "WARNING",
        PgSeverity::Notice => "NOTICE",
        PgSeverity::Debug => "DEBUG",
        PgSeverity::Info => "INFO",
        PgSeverity::Log => "LOG",
    }
}
