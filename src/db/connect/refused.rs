//! Errors of opening a connection.

use crate::db::cause::{code_of_system, plain_cause, with_cause};
use crate::db::error::{code_of, from_server, server_error};
use crate::db::tls::explain;
use crate::error::{Cause, Code, Error};
use std::time::Duration;

/// The error if no connection could be opened. No statement has run.
pub fn connect_error(error: &sqlx::Error) -> Error {
    if let Some(server) = server_error(error) {
        if says_full(server.code(), server.message()) {
            let mut failed = from_server(server, Code::ResourceExhausted);
            failed.message = "the server, or the pooler before it, lets in no further connection".into();
            failed.retryable = true;
            return failed;
        }
        let code = match code_of(server.code(), Duration::ZERO, None) {
            // No statement of ours has failed. An example is 55000, a database that accepts no connections.
            Code::QueryFailed => Code::ConnectionFailed,
            code => code,
        };
        let mut failed = from_server(server, code);
        failed.retryable = matches!(server.code(), "57P01" | "57P02" | "57P03" | "57P05");
        // PgBouncer and poolers that imitate it refuse start-up options with 08P01, and RDS Proxy with 0A000.
        if matches!(server.code(), "08P01" | "0A000") {
            failed.message = "the server refused our start-up options: if a connection pooler stands in between, set pooler: 'transaction'".into();
        }
        return failed;
    }
    match error {
        sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => {
            with_cause(Code::TlsFailed, "no encrypted connection could be made", error)
        }
        sqlx::Error::Io(io) if is_about_tls(io) => tls_error(io),
        sqlx::Error::Io(io) if matches!(code_of_system(io), Some("EMFILE" | "ENFILE")) => {
            let mut failed = with_cause(Code::ResourceExhausted, "this process may open no more sockets", error);
            failed.retryable = true;
            failed
        }
        _ => {
            let mut failed = with_cause(Code::ConnectionFailed, "no connection to the server could be made", error);
            failed.retryable = true;
            failed
        }
    }
}

/// Whether there may be no further connection, be it for the server's or the system's sake.
pub fn is_full(error: &Error) -> bool {
    error.code == Code::ResourceExhausted && error.retryable
}

/// PgBouncer has one SQLSTATE for nearly everything, and so has Supavisor. Only the text says that clients are too many:
/// `max_client_conn`, `Max client connections reached`, `MaxClientsInSessionMode`.
fn says_full(sql_state: &str, message: &str) -> bool {
    let letters = message.chars().filter(char::is_ascii_alphabetic);
    sql_state == "53300" || letters.collect::<String>().to_ascii_lowercase().contains("maxclient")
}

/// The error if the host's name has no address, or if no name server could be asked for it.
pub fn unknown_name(error: &std::io::Error) -> Error {
    let message = error.to_string();
    // The standard library does not pass on the system's number. Only the text tells a temporary failure from a wrong name.
    let is_passing = message.contains("Temporary failure") || message.contains("Try again");
    let code = if is_passing { "EAI_AGAIN" } else { "ENOTFOUND" };
    let mut failed = Error::new(Code::ConnectionFailed, "the name of the host could not be resolved");
    failed.retryable = true;
    failed.cause = Some(Box::new(Cause { code: Some(code.to_owned()), ..plain_cause("SystemError", message) }));
    failed
}

/// Whether a server has answered, and the TLS handshake with it has failed.
pub fn is_about_tls(io: &std::io::Error) -> bool {
    rustls_error(io).is_some()
}

fn rustls_error(io: &std::io::Error) -> Option<&rustls::Error> {
    io.get_ref()?.downcast_ref()
}

fn tls_error(io: &std::io::Error) -> Error {
    let (reason, code) = rustls_error(io).map_or(("the TLS handshake failed", None), explain);
    let mut failed = Error::new(Code::TlsFailed, reason);
    let cause = Cause { code: code.map(str::to_owned), ..plain_cause("TlsError", io.to_string()) };
    failed.cause = Some(Box::new(cause));
    failed
}

#[cfg(test)]
mod tests {
    use super::says_full;

    #[test]
    fn knows_how_servers_and_poolers_say_that_clients_are_too_many() {
        for (sql_state, message) in [
            ("53300", "sorry, too many clients already"),
            ("08P01", "no more connections allowed (max_client_conn)"),
            ("XX000", "Max client connections reached"),
            ("XX000", "(EMAXCONN) max client connections reached, limit: 200"),
            ("XX000", "MaxClientsInSessionMode: max clients reached"),
        ] {
            assert!(says_full(sql_state, message), "{message}");
        }
        for (sql_state, message) in
            [("08P01", "unsupported startup parameter: options"), ("XX000", "Tenant or user not found")]
        {
            assert!(!says_full(sql_state, message), "{message}");
        }
    }
}
