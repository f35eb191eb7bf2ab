//! Opening one connection: where to, as whom, and the proof that our start-up options arrived.

use super::error::{connect_error, plain_cause};
use super::pool::{millis, within};
use crate::error::{Cause, Code, Error, Result};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{Connection as _, PgConnection, Row};
use std::time::{Duration, Instant};

/// A setting of ours among the start-up options; a pooler that swallows them makes it read back empty.
pub const PROBE_SETTING: &str = "auth_postgres.probe";

/// The two columns that [`Target::identify`] reads come first in the first statement of a connection.
const IDENTIFY: &str = "SELECT pg_backend_pid(), current_setting('auth_postgres.probe', true)";

/// One server; a name that begins with `/` is the directory of its Unix socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    pub name: String,
    pub port: u16,
}

/// A server process of ours, on one of the target's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backend {
    pub host: usize,
    pub pid: i32,
}

/// Where connections lead to.
#[derive(Debug, Clone)]
pub struct Target {
    pub hosts: Vec<Host>,
    /// All but the host.
    pub options: PgConnectOptions,
    /// The value of [`PROBE_SETTING`].
    pub probe: String,
}

/// A new connection.
pub struct Opened {
    pub inner: PgConnection,
    pub host: usize,
}

impl Target {
    /// A new connection; `None` as a limit waits as long as the system does.
    pub async fn open(&self, limit: Option<Duration>) -> Result<Opened> {
        self.open_to(0, limit).await
    }

    /// A further connection to a host that has backends of ours, to end what they do.
    pub async fn open_beside(&self, host: usize, limit: Option<Duration>) -> Result<PgConnection> {
        self.open_to(host, limit).await.map(|opened| opened.inner)
    }

    async fn open_to(&self, host: usize, limit: Option<Duration>) -> Result<Opened> {
        let Host { name, port } =
            self.hosts.get(host).ok_or_else(|| Error::new(Code::Internal, "a target without a host"))?;
        let options = self.options.clone().host(name).port(*port);
        let started = Instant::now();
        match within(limit, PgConnection::connect_with(&options)).await {
            Some(Ok(inner)) => {
                tracing::debug!(durationMs = millis(started.elapsed()), "connection opened");
                Ok(Opened { inner, host })
            }
            Some(Err(error)) => Err(connect_error(&error)),
            None => Err(unanswered("the server did not answer within connectionTimeoutMillis")),
        }
    }

    /// Learns which backend serves the connection, and checks that our start-up options reached it.
    pub async fn ask_identity(&self, connection: &mut PgConnection, host: usize) -> Result<Backend> {
        let row = sqlx::query(IDENTIFY).persistent(false).fetch_one(connection).await;
        self.identify(&row.map_err(|error| connect_error(&error))?, host)
    }

    /// The same for a row whose first two columns are those that were asked for.
    pub fn identify(&self, row: &PgRow, host: usize) -> Result<Backend> {
        let pid: i32 = row.try_get(0).map_err(|error| connect_error(&error))?;
        let probe: Option<String> = row.try_get(1).map_err(|error| connect_error(&error))?;
        if probe.as_deref() == Some(self.probe.as_str()) {
            Ok(Backend { host, pid })
        } else {
            Err(Error::new(
                Code::ConnectionFailed,
                "a connection pooler on the way drops our start-up options, so no statement timeout and no schema would hold: set pooler: 'transaction'",
            ))
        }
    }
}

fn unanswered(message: &'static str) -> Error {
    let mut error = Error::new(Code::ConnectionFailed, message);
    error.retryable = true;
    let cause =
        Cause { code: Some("ETIMEDOUT".to_owned()), ..plain_cause("SystemError", "connection timed out".to_owned()) };
    error.cause = Some(Box::new(cause));
    error
}
