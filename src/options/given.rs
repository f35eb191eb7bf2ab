//! The options as they are given, field by field.

use super::zones::LegacyTimeZone;
use crate::error::{Error, Result};
use crate::input::{Input, Natural, Path, Secret, Text, closed_set, input};
use serde_json::value::RawValue;

/// A limit that node-postgres also takes as `false`: none.
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
    /// Encryption, as in Node's `tls.connect`. What is absent comes from the URL's files or the `PG*` variables.
    #[derive(Default)]
    SslOptions {
        /// `false` encrypts without verifying the server's certificate. Default `true`.
        reject_unauthorized "rejectUnauthorized": Option<bool>,
        /// The authorities to trust instead of the system's, in PEM.
        ca "ca": Option<Pem>,
        /// Our certificate, with the chain to its authority, in PEM.
        cert "cert": Option<Pem>,
        /// Its key, in PEM.
        key "key": Option<Pem>,
        /// Decrypts the key.
        passphrase "passphrase": Option<Secret>,
        /// The name that the server's certificate must be for. Default: the host.
        servername "servername": Option<Text>,
    }
}

input! {
    /// The options of node-postgres' `PoolConfig`, and our own. An unknown one is refused by name.
    PostgresStorageAdapterOptions {
        /// Most connections of the pool. Default 10.
        max "max": Option<Natural>,
        /// Connections that stay open when idle. Default 0.
        min "min": Option<Natural>,
        /// Closes a connection idle for so many milliseconds; 0 never. Default 10 000.
        idle_timeout_millis "idleTimeoutMillis": Option<Natural>,
        /// Waits so many milliseconds for a connection; 0 without limit. Default 30 000.
        connection_timeout_millis "connectionTimeoutMillis": Option<Natural>,
        /// Replaces a connection after so many seconds; 0 never. Default 1 800.
        max_lifetime_seconds "maxLifetimeSeconds": Option<Natural>,
        /// Replaces a connection after so many uses; 0 never. Default 0.
        max_uses "maxUses": Option<Natural>,
        /// The server ends a statement after so many milliseconds; 0 never. Default 5 000.
        statement_timeout_ms "statementTimeoutMs": Option<Natural>,
        /// The same, by node-postgres' name; `false` is 0.
        statement_timeout "statement_timeout": Option<NaturalOrFalse>,
        /// The server gives up waiting for a lock after so many milliseconds; 0 never. Default: the server's.
        lock_timeout "lock_timeout": Option<Natural>,
        /// The server ends a session that idles in a transaction for so many milliseconds; 0 never. Default: the server's.
        idle_in_transaction_session_timeout "idle_in_transaction_session_timeout": Option<Natural>,
        /// Gives a call up, and cancels it on the server, after so many milliseconds; 0 never. Default 0.
        query_timeout "query_timeout": Option<Natural>,
        /// Shown in `pg_stat_activity`. Default `auth-postgres`.
        application_name "application_name": Option<Text>,
        /// Lets the system probe idle connections to the server (TCP keepalive). Default `false`.
        keep_alive "keepAlive": Option<bool>,
        /// PostgreSQL's start-up options, such as `-c geqo=off`.
        options "options": Option<Text>,
        /// Further attempts after a transient failure. Default 2.
        max_retries "maxRetries": Option<Natural>,
        /// Overrides the URL's hosts: one, or several with commas between them, which are tried in turn. One that
        /// begins with `/` is the directory of a Unix socket.
        host "host": Option<Text>,
        /// Overrides the URL's ports.
        port "port": Option<Natural>,
        /// Overrides the URL's user.
        user "user": Option<Text>,
        /// Overrides the URL's password. A function is asked for each new connection, and may return a promise.
        password "password": Option<GivenPassword>,
        /// Overrides the URL's database.
        database "database": Option<Text>,
        /// Encryption: `true` verifies the server's certificate, `false` is none. Default: from the URL.
        ssl "ssl": Option<Ssl>,
        /// `true`: an idle pool does not hold the process open; `false`: it does while connected. Default `true`.
        allow_exit_on_idle "allowExitOnIdle": Option<bool>,
        /// PostgreSQL schema that holds our tables; created if missing. Default: the connection's own `search_path`.
        schema "schema": Option<Text>,
        /// A connection pooler on the way: `'transaction'` for PgBouncer and the like in transaction mode. Default `'none'`.
        pooler "pooler": Option<Pooler>,
        /// Gets the log: an object with `debug`, `info`, `warn` and `error(message, fields)`. Default: none.
        logger "logger": Option<Logger>,
        /// Least level sent to `logger`. Default `'debug'`.
        log_level "logLevel": Option<LogLevel>,
        /// Whether `connect()` runs pending migrations. Default `true`.
        migrate "migrate": Option<bool>,
        /// The zone of the times in a database of the TypeScript adapter, when `connect()` takes one over. Default `'UTC'`.
        legacy_time_zone "legacyTimeZone": Option<LegacyTimeZone>,
    }
}

/// `PoolConfig` keys that mean nothing here, and why.
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
