//! The constructor's options, as the caller has given them.

use super::zones::LegacyTimeZone;
use crate::error::{Error, Result};
use crate::input::{Input, Natural, Path, Secret, Text, closed_set, input};
use serde_json::value::RawValue;

/// A time limit. As in node-postgres, `false` means that there is none.
#[derive(Debug, Clone, Copy)]
pub struct NaturalOrFalse(pub Natural);

impl Input for NaturalOrFalse {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        if json.is_some_and(|json| json.get() == "false") {
            return Ok(Self(Natural(0)));
        }
        Natural::read(json, path).map(Self)
    }
}

/// The facade keeps the caller's functions and sends `true` in their place.
#[derive(Debug, Clone)]
pub struct Logger;

impl Input for Logger {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        bool::read(json, path)
            .map(|_| Self)
            .map_err(|_| path.invalid("must be an object with the functions debug, info, warn and error"))
    }
}

/// A password: text, or a function that the facade keeps, sending `true` in its place.
#[derive(Debug, Clone)]
pub enum GivenPassword {
    Text(Secret),
    Function,
}

impl Input for GivenPassword {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        if json.is_some_and(|json| json.get() == "true") {
            return Ok(Self::Function);
        }
        Secret::read(json, path).map(Self::Text)
    }
}

closed_set! {
    /// Least level sent to the logger.
    LogLevel { Debug = "debug", Info = "info", Warn = "warn", Error = "error" }
}

closed_set! {
    /// What stands between us and the server.
    Pooler { None = "none", Transaction = "transaction" }
}

/// `true`, `false` or an object.
#[derive(Debug, Clone)]
pub enum Ssl {
    Off,
    On(SslOptions),
}

impl Input for Ssl {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match json.map(RawValue::get) {
            Some("true") => Ok(Self::On(SslOptions::default())),
            Some("false") => Ok(Self::Off),
            Some(text) if text.starts_with('{') => SslOptions::read(json, path).map(Self::On),
            _ => Err(path.invalid("must be true, false or an object")),
        }
    }
}

/// PEM text. It may hold a key, so it is never printed.
#[derive(Clone)]
pub struct Pem(pub String);

impl Input for Pem {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        Text::read(json, path).map(|Text(text)| Self(text))
    }
}

impl std::fmt::Debug for Pem {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Pem(…)")
    }
}

input! {
    /// How connections are encrypted, with the options of Node's `tls.connect`. A field that is absent is taken from the files
    /// that the URL names, or from the `PG*` variables.
    #[derive(Default)]
    SslOptions {
        /// Whether the server's certificate is verified. If `false`, the connection is encrypted, but with whoever answers.
        /// Default `true`.
        reject_unauthorized "rejectUnauthorized": Option<bool>,
        /// The certificate authorities to trust instead of the system's, in PEM.
        ca "ca": Option<Pem>,
        /// The client certificate, with the chain to its authority, in PEM.
        cert "cert": Option<Pem>,
        /// The private key of the client certificate, in PEM.
        key "key": Option<Pem>,
        /// The passphrase of the private key.
        passphrase "passphrase": Option<Secret>,
        /// The name for which the server's certificate must have been issued. Default: the host.
        servername "servername": Option<Text>,
    }
}

input! {
    /// The options of node-postgres' `PoolConfig`, and further ones. The constructor throws if an option is unknown.
    PostgresStorageAdapterOptions {
        /// The maximum number of connections in the pool. Default 10.
        max "max": Option<Natural>,
        /// How many connections stay open even if they are idle. Default 0.
        min "min": Option<Natural>,
        /// After how many milliseconds an idle connection is closed. 0 keeps it open. Default 10 000.
        idle_timeout_millis "idleTimeoutMillis": Option<Natural>,
        /// How many milliseconds a call waits for a connection. 0 is no limit. Default 30 000.
        connection_timeout_millis "connectionTimeoutMillis": Option<Natural>,
        /// After how many seconds a connection is replaced by a new one. 0 is never. Default 1 800.
        max_lifetime_seconds "maxLifetimeSeconds": Option<Natural>,
        /// After how many uses a connection is replaced by a new one. 0 is never. Default 0.
        max_uses "maxUses": Option<Natural>,
        /// After how many milliseconds the server ends a statement. 0 is never. Default 5 000.
        statement_timeout_ms "statementTimeoutMs": Option<Natural>,
        /// The same by the name that node-postgres has for it. `false` means 0.
        statement_timeout "statement_timeout": Option<NaturalOrFalse>,
        /// After how many milliseconds the server ends a statement that waits for a lock. 0 is never. Default: the server's
        /// setting.
        lock_timeout "lock_timeout": Option<Natural>,
        /// After how many milliseconds the server ends a session that is idle inside a transaction. 0 is never. Default: the
        /// server's setting.
        idle_in_transaction_session_timeout "idle_in_transaction_session_timeout": Option<Natural>,
        /// After how many milliseconds a call is rejected, and cancelled on the server. 0 is never. Default 0.
        query_timeout "query_timeout": Option<Natural>,
        /// The name that `pg_stat_activity` shows for the connections. Default `auth-postgres`.
        application_name "application_name": Option<Text>,
        /// Whether the operating system probes idle connections to the server (TCP keepalive). Default `false`.
        keep_alive "keepAlive": Option<bool>,
        /// Command-line options for the server process, such as `-c geqo=off`.
        options "options": Option<Text>,
        /// How many more times a call is attempted after a transient failure. Default 2.
        max_retries "maxRetries": Option<Natural>,
        /// Overrides the hosts of the URL. Several hosts are separated by commas, and are tried in turn. A host that begins
        /// with `/` is the directory of a Unix socket.
        host "host": Option<Text>,
        /// Overrides the ports of the URL.
        port "port": Option<Natural>,
        /// Overrides the user of the URL.
        user "user": Option<Text>,
        /// Overrides the password of the URL. A function is called for each new connection, and may return a promise.
        password "password": Option<GivenPassword>,
        /// Overrides the database of the URL.
        database "database": Option<Text>,
        /// Whether connections are encrypted. `true` verifies the server's certificate. Default: what the URL says.
        ssl "ssl": Option<Ssl>,
        /// Whether the process may end while the pool is idle. If `false`, the adapter keeps the process running until
        /// `disconnect()`. Default `true`.
        allow_exit_on_idle "allowExitOnIdle": Option<bool>,
        /// The schema of the adapter's tables. `connect()` creates it if it does not exist. Default: the first schema of the
        /// connection's `search_path`.
        schema "schema": Option<Text>,
        /// The kind of connection pooler between the adapter and the server: `'transaction'` for PgBouncer and similar poolers
        /// in transaction mode. Default `'none'`.
        pooler "pooler": Option<Pooler>,
        /// Receives the log: an object with the methods `debug`, `info`, `warn` and `error`, which are called with a message and
        /// an object of fields. Default: nothing is logged.
        logger "logger": Option<Logger>,
        /// The lowest level that is sent to `logger`. Default `'debug'`.
        log_level "logLevel": Option<LogLevel>,
        /// Calls that take at least so many milliseconds are logged as `warn`, with the message `slow call`. 0 is never. Default 0.
        slow_call_ms "slowCallMs": Option<Natural>,
        /// Whether `connect()` runs pending migrations. Default `true`.
        migrate "migrate": Option<bool>,
        /// After how many milliseconds expired rows are deleted again in the background, as by `sweep()`, from `connect()` to
        /// `disconnect()`. Of all processes with this option, one does so at a time. At least 1 000; 0 is never. Default 0.
        sweep_interval_ms "sweepIntervalMs": Option<Natural>,
        /// How many days events are kept. `connect()` drops months that are older as a whole, so that an event stays up to a
        /// month longer. At least 1. Default: events are kept for ever.
        retain_events_for_days "retainEventsForDays": Option<Natural>,
        /// The time zone of the times in a database of version 3.x, for when `connect()` takes it over. Default `'UTC'`.
        legacy_time_zone "legacyTimeZone": Option<LegacyTimeZone>,
    }
}

/// Keys of node-postgres' `PoolConfig` that are refused, and what the error says.
const REFUSED: [(&str, &str); 20] = [
    ("connectionString", "is the first argument"),
    ("types", "is not supported: values are converted in the core"),
    ("keepAliveInitialDelayMillis", "is not supported: the system's setting holds"),
    ("Client", "is not supported: connections are made in the core"),
    ("Promise", "is not supported: promises are the platform's own"),
    ("stream", "is not supported: connections are made in the core"),
    ("binary", "is not supported: values always travel in binary"),
    ("client_encoding", "is not supported: it is always UTF8"),
    ("fallback_application_name", "is not supported: use `application_name`"),
    ("parseInputDatesAsUTC", "is not supported: times carry their zone"),
    ("replication", "is not supported"),
    ("pipeline", "is not supported: calls that wait share their statements"),
    ("scramMaxIterations", "is not supported"),
    ("poolSize", "is not supported: use `max`"),
    ("log", "is not supported: use `logger`"),
    ("onConnect", "is not supported: connections are made in the core"),
    ("verify", "is not supported: connections are made in the core"),
    ("enableChannelBinding", "is not supported"),
    ("sslnegotiation", "is not supported: TLS is negotiated as libpq does by default"),
    (
        "ssl.checkServerIdentity",
        "is not supported: name the host of the certificate as `servername`, or use sslmode=verify-ca&uselibpqcompat=true",
    ),
];

pub fn read_options(json: &str) -> Result<PostgresStorageAdapterOptions> {
    crate::input::parse(json, "options").map_err(|error| {
        let field = error.context.field.as_deref().unwrap_or_default();
        match REFUSED.iter().find(|(name, _)| *name == field) {
            Some((name, reason)) => Error::invalid_input(*name, reason),
            None => error,
        }
    })
}
