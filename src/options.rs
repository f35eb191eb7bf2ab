//! What a caller may set: the connection URL and the options, their defaults and their limits.

use crate::db::connect::{Host, PROBE_SETTING, Target};
use crate::db::migrate::quote_identifier;
use crate::db::pool::PoolOptions;
use crate::error::{Error, Result};
use crate::input::{Input, Path, Text, closed_set, input};
use percent_encoding::percent_decode_str;
use serde_json::value::RawValue;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// A whole number from 0 to 2 147 483 647.
#[derive(Debug, Clone, Copy)]
pub struct Natural(pub u32);

impl From<Natural> for i32 {
    fn from(Natural(number): Natural) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
}

impl Input for Natural {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        u32::try_from(i32::read(json, path)?).map(Self).map_err(|_| path.invalid("must not be negative"))
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

/// A password as text; as a function it is not supported yet.
#[derive(Clone)]
pub struct Password(pub String);

impl std::fmt::Debug for Password {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Password(…)")
    }
}

impl Input for Password {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        if json.is_some_and(|json| json.get() == "true") {
            return Err(path.invalid("as a function is not supported yet: give a string"));
        }
        Text::read(json, path).map(|Text(text)| Self(text))
    }
}

/// `true`, `false` or an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ssl {
    Off,
    Verify,
    NoVerify,
}

impl Input for Ssl {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match json.map(RawValue::get) {
            Some("true") => Ok(Self::Verify),
            Some("false") => Ok(Self::Off),
            Some(text) if text.starts_with('{') => {
                let SslOptions { reject_unauthorized, ca, cert, key, passphrase, servername } =
                    SslOptions::read(json, path)?;
                for (name, option) in
                    [("ca", ca), ("cert", cert), ("key", key), ("passphrase", passphrase), ("servername", servername)]
                {
                    option.map_or(Ok(()), |Unsupported| {
                        Err(path.invalid(&format!("with `{name}` is not supported yet")))
                    })?;
                }
                Ok(if reject_unauthorized.unwrap_or(true) { Self::Verify } else { Self::NoVerify })
            }
            _ => Err(path.invalid("must be true, false or an object")),
        }
    }
}

/// Recognised, and refused by name when it is given.
#[derive(Debug, Clone, Copy)]
pub struct Unsupported;

impl Input for Unsupported {
    fn read(_: Option<&RawValue>, _: &Path) -> Result<Self> {
        Ok(Self)
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

input! {
    /// Encryption, as in Node's `tls.connect`.
    SslOptions {
        /// `false` encrypts without verifying the server's certificate. Default `true`.
        reject_unauthorized "rejectUnauthorized": Option<bool>,
        /// Not supported yet.
        ca "ca": Option<Unsupported>,
        /// Not supported yet.
        cert "cert": Option<Unsupported>,
        /// Not supported yet.
        key "key": Option<Unsupported>,
        /// Not supported yet.
        passphrase "passphrase": Option<Unsupported>,
        /// Not supported yet.
        servername "servername": Option<Unsupported>,
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
        /// The same, by node-postgres' name.
        statement_timeout "statement_timeout": Option<Natural>,
        /// The server gives up waiting for a lock after so many milliseconds; 0 never. Default: the server's.
        lock_timeout "lock_timeout": Option<Natural>,
        /// The server ends a session that idles in a transaction for so many milliseconds; 0 never. Default: the server's.
        idle_in_transaction_session_timeout "idle_in_transaction_session_timeout": Option<Natural>,
        /// Not supported yet.
        query_timeout "query_timeout": Option<Unsupported>,
        /// Shown in `pg_stat_activity`. Default `auth-postgres`.
        application_name "application_name": Option<Text>,
        /// Not supported yet.
        keep_alive "keepAlive": Option<Unsupported>,
        /// Not supported yet.
        options "options": Option<Unsupported>,
        /// Further attempts after a transient failure. Default 2.
        max_retries "maxRetries": Option<Natural>,
        /// Overrides the URL's host; one that begins with `/` is the directory of a Unix socket.
        host "host": Option<Text>,
        /// Overrides the URL's port.
        port "port": Option<Natural>,
        /// Overrides the URL's user.
        user "user": Option<Text>,
        /// Overrides the URL's password.
        password "password": Option<Password>,
        /// Overrides the URL's database.
        database "database": Option<Text>,
        /// Encryption: `true` verifies the server's certificate, `false` is none. Default: from the URL.
        ssl "ssl": Option<Ssl>,
        /// `true`: an idle pool does not hold the process open; `false`: it does while connected. Default `true`.
        allow_exit_on_idle "allowExitOnIdle": Option<bool>,
        /// PostgreSQL schema that holds our tables; created if missing. Default: the connection's own `search_path`.
        schema "schema": Option<Text>,
        /// A connection pooler on the way. Only `'none'` is supported yet. Default `'none'`.
        pooler "pooler": Option<Pooler>,
        /// Gets the log: an object with `debug`, `info`, `warn` and `error(message, fields)`. Default: none.
        logger "logger": Option<Logger>,
        /// Least level sent to `logger`. Default `'debug'`.
        log_level "logLevel": Option<LogLevel>,
        /// Whether `connect()` runs pending migrations. Default `true`.
        migrate "migrate": Option<bool>,
        /// Not supported yet.
        legacy_time_zone "legacyTimeZone": Option<Unsupported>,
    }
}

/// Everything the adapter needs to know.
#[derive(Debug)]
pub struct Options {
    pub pool: PoolOptions,
    pub schema: Option<String>,
    pub migrates: bool,
    pub log_level: Option<LogLevel>,
}

/// `PoolConfig` keys that mean nothing here, and why.
const REFUSED: [(&str, &str); 12] = [
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
    ("verify", "is not supported: connections are made in the core"),
];

impl Options {
    pub fn read(connection_string: &str, json: &str) -> Result<Self> {
        let options = read_options(json)?;
        let PostgresStorageAdapterOptions {
            max,
            min,
            idle_timeout_millis,
            connection_timeout_millis,
            max_lifetime_seconds,
            max_uses,
            statement_timeout_ms,
            statement_timeout,
            lock_timeout,
            idle_in_transaction_session_timeout,
            query_timeout,
            application_name,
            keep_alive,
            options: start_up_options,
            max_retries,
            host,
            port,
            user,
            password,
            database,
            ssl,
            // The facade's affair.
            allow_exit_on_idle: _,
            schema,
            pooler,
            logger,
            log_level,
            migrate,
            legacy_time_zone,
        } = options;
        for (name, option) in [
            ("query_timeout", query_timeout),
            ("keepAlive", keep_alive),
            ("options", start_up_options),
            ("legacyTimeZone", legacy_time_zone),
        ] {
            option.map_or(Ok(()), |Unsupported| Err(Error::invalid_input(name, "is not supported yet")))?;
        }
        if pooler == Some(Pooler::Transaction) {
            return Err(Error::invalid_input("pooler", "'transaction' is not supported yet"));
        }

        let url = ConnectionUrl::read(connection_string)?;
        let mut connect = url.connect;
        if let Some(Text(host)) = host {
            connect = set_host(connect, non_empty(host, "host")?);
        }
        if let Some(Natural(port)) = port {
            connect = connect.port(port_number(port)?);
        }
        if let Some(Text(user)) = user {
            connect = connect.username(&non_empty(user, "user")?);
        }
        if let Some(Password(password)) = password {
            connect = connect.password(&password);
        }
        if let Some(Text(database)) = database {
            connect = connect.database(&non_empty(database, "database")?);
        }
        connect = connect.ssl_mode(match ssl {
            Some(Ssl::Off) => PgSslMode::Disable,
            Some(Ssl::Verify) => PgSslMode::VerifyFull,
            Some(Ssl::NoVerify) => PgSslMode::Require,
            None => url.ssl_mode,
        });
        let application_name = application_name
            .map(|Text(name)| name)
            .or(url.application_name)
            .unwrap_or_else(|| "auth-postgres".to_owned());
        connect = connect
            .application_name(&application_name)
            .statement_cache_capacity(STATEMENT_CACHE)
            .disable_statement_logging();

        let statement_timeout = limit(statement_timeout_ms.or(statement_timeout), 5_000);
        let probe = crate::id::secret_handle();
        connect = connect.options([(PROBE_SETTING, probe.as_str())]);
        connect = connect.options([("statement_timeout", statement_timeout.map_or(0, |limit| limit.as_millis()))]);
        for (name, value) in [
            ("lock_timeout", lock_timeout),
            ("idle_in_transaction_session_timeout", idle_in_transaction_session_timeout),
        ] {
            if let Some(Natural(value)) = value {
                connect = connect.options([(name, value)]);
            }
        }
        let schema = schema.map(|Text(schema)| schema_name(schema)).transpose()?;
        if let Some(schema) = &schema {
            connect = connect.options([("search_path", quote_identifier(schema))]);
        }

        let hosts = vec![host_of(&connect)];
        let max = max.map_or(10, |Natural(max)| max) as usize;
        let min = min.map_or(0, |Natural(min)| min) as usize;
        if max == 0 || max > MAX_CONNECTIONS {
            return Err(Error::invalid_input("max", "must be between 1 and 10000"));
        }
        if min > max {
            return Err(Error::invalid_input("min", "must not be greater than `max`"));
        }
        Ok(Self {
            pool: PoolOptions {
                target: Arc::new(Target { hosts, options: connect, probe }),
                max,
                min,
                idle_timeout: limit(idle_timeout_millis, 10_000),
                connection_timeout: limit(connection_timeout_millis.or(url.connect_timeout), 30_000),
                max_lifetime: max_lifetime_seconds
                    .map_or(Some(1_800), |Natural(seconds)| (seconds > 0).then_some(seconds))
                    .map(|seconds| Duration::from_secs(seconds.into())),
                max_uses: max_uses.and_then(|Natural(uses)| (uses > 0).then_some(uses.into())),
                statement_timeout,
                max_retries: max_retries.map_or(2, |Natural(retries)| retries),
            },
            schema,
            migrates: migrate.unwrap_or(true),
            log_level: logger.map(|Logger| log_level.unwrap_or(LogLevel::Debug)),
        })
    }
}

/// Room for every statement of ours on each connection.
const STATEMENT_CACHE: usize = 256;

/// What PostgreSQL itself could at best be configured for.
const MAX_CONNECTIONS: usize = 10_000;

fn read_options(json: &str) -> Result<PostgresStorageAdapterOptions> {
    crate::input::parse(json, "options").map_err(|error| {
        let field = error.context.field.as_deref().unwrap_or_default();
        match REFUSED.iter().find(|(name, _)| *name == field) {
            Some((name, reason)) => Error::invalid_input(*name, reason),
            None => error,
        }
    })
}

/// A limit in milliseconds, where 0 means none.
fn limit(option: Option<Natural>, default: u32) -> Option<Duration> {
    let ms = option.map_or(default, |Natural(ms)| ms);
    (ms > 0).then(|| Duration::from_millis(ms.into()))
}

fn non_empty(text: String, field: &str) -> Result<String> {
    if text.is_empty() { Err(Error::invalid_input(field, "must not be empty")) } else { Ok(text) }
}

fn port_number(port: u32) -> Result<u16> {
    u16::try_from(port)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| Error::invalid_input("port", "must be between 1 and 65535"))
}

/// PostgreSQL cuts longer names off without a word.
fn schema_name(schema: String) -> Result<String> {
    if schema.is_empty() || schema.len() > 63 {
        return Err(Error::invalid_input("schema", "must have between 1 and 63 bytes of UTF-8"));
    }
    if schema.starts_with("pg_") {
        return Err(Error::invalid_input("schema", "must not begin with pg_, which PostgreSQL keeps for itself"));
    }
    Ok(schema)
}

fn set_host(connect: PgConnectOptions, host: String) -> PgConnectOptions {
    if host.starts_with('/') {
        connect.socket(host)
    } else {
        connect.host(host.trim_start_matches('[').trim_end_matches(']'))
    }
}

fn host_of(connect: &PgConnectOptions) -> Host {
    let name = connect.get_socket().map_or_else(|| connect.get_host().to_owned(), |path| path.display().to_string());
    Host { name, port: connect.get_port() }
}

struct ConnectionUrl {
    connect: PgConnectOptions,
    ssl_mode: PgSslMode,
    application_name: Option<String>,
    connect_timeout: Option<Natural>,
}

impl ConnectionUrl {
    /// The `PG*` variables fill what the URL leaves out, as in libpq. No error repeats any part of the URL: it holds a password.
    fn read(text: &str) -> Result<Self> {
        let fault = |reason: &str| Error::invalid_input("connectionString", reason);
        let url =
            Url::parse(text).map_err(|_| fault("must be a URL such as postgres://user:password@host:5432/database"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(fault("must begin with postgres:// or postgresql://"));
        }
        let decode = |part: &str| match percent_decode_str(part).decode_utf8() {
            Ok(text) if text.contains('\0') => Err(fault("must not contain NUL characters")),
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(fault("must be percent-encoded UTF-8")),
        };

        let mut connect = PgConnectOptions::new_without_pgpass();
        match url.host_str().map(decode).transpose()? {
            Some(host) if host.contains(',') => return Err(fault("with several hosts is not supported yet")),
            Some(host) if !host.is_empty() => connect = set_host(connect, host),
            _ => {}
        }
        if let Some(port) = url.port() {
            connect = connect.port(port);
        }
        if !url.username().is_empty() {
            connect = connect.username(&decode(url.username())?);
        }
        if let Some(password) = url.password() {
            connect = connect.password(&decode(password)?);
        }
        match decode(url.path().trim_start_matches('/'))? {
            database if database.is_empty() => {}
            database => connect = connect.database(&database),
        }

        let mut ssl_mode = std::env::var("PGSSLMODE").ok();
        let mut uses_libpq_meanings = false;
        let mut application_name = std::env::var("PGAPPNAME").ok();
        let mut connect_timeout = None;
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "host" => connect = set_host(connect, non_empty(value.into_owned(), "host")?),
                "port" => {
                    connect =
                        connect.port(port_number(value.parse().map_err(|_| fault("has a `port` that is no number"))?)?);
                }
                "user" => connect = connect.username(&value),
                "password" => connect = connect.password(&value),
                "dbname" => connect = connect.database(&value),
                "sslmode" => ssl_mode = Some(value.into_owned()),
                "uselibpqcompat" => uses_libpq_meanings = value == "true",
                "application_name" => application_name = Some(value.into_owned()),
                "connect_timeout" => {
                    let seconds: u32 =
                        value.parse().map_err(|_| fault("has a `connect_timeout` that is no number of seconds"))?;
                    connect_timeout = Some(Natural(seconds.saturating_mul(1_000)));
                }
                "sslrootcert" | "sslcert" | "sslkey" | "options" | "target_session_attrs" => {
                    return Err(fault(&format!("with the parameter `{name}` is not supported yet")));
                }
                _ => return Err(fault(&format!("has the unknown parameter `{name}`"))),
            }
        }
        let ssl_mode =
            read_ssl_mode(ssl_mode.as_deref(), uses_libpq_meanings).ok_or_else(|| fault("has an unknown `sslmode`"))?;
        Ok(Self { connect, ssl_mode, application_name, connect_timeout })
    }
}

/// node-postgres' meanings: whatever asks for encryption verifies the certificate and the host, but for `no-verify`.
/// libpq's, which are weaker, only on request. Source: node-postgres' connection-string documentation.
fn read_ssl_mode(mode: Option<&str>, uses_libpq_meanings: bool) -> Option<PgSslMode> {
    match (mode, uses_libpq_meanings) {
        (None | Some("disable"), _) => Some(PgSslMode::Disable),
        (Some("no-verify"), _) => Some(PgSslMode::Require),
        (Some("verify-full"), _) | (Some("prefer" | "require" | "verify-ca"), false) => Some(PgSslMode::VerifyFull),
        (Some("prefer"), true) => Some(PgSslMode::Prefer),
        (Some("require"), true) => Some(PgSslMode::Require),
        (Some("verify-ca"), true) => Some(PgSslMode::VerifyCa),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, read_ssl_mode};
    use sqlx::postgres::PgSslMode;
    use std::time::Duration;

    const URL: &str = "postgres://u:hunter2@localhost:5433/db";

    fn fault(url: &str, json: &str) -> (String, String) {
        match Options::read(url, json) {
            Ok(_) => panic!("accepted {json}"),
            Err(error) => (error.context.field.unwrap_or_default(), error.message.into_owned()),
        }
    }

    #[test]
    fn has_the_documented_defaults() {
        let options = Options::read(URL, "{}").unwrap();
        assert_eq!((options.pool.max, options.pool.min, options.pool.max_retries), (10, 0, 2));
        assert_eq!(options.pool.idle_timeout, Some(Duration::from_secs(10)));
        assert_eq!(options.pool.connection_timeout, Some(Duration::from_secs(30)));
        assert_eq!(options.pool.max_lifetime, Some(Duration::from_mins(30)));
        assert_eq!(options.pool.statement_timeout, Some(Duration::from_secs(5)));
        assert_eq!(options.pool.target.options.get_application_name(), Some("auth-postgres"));
        assert!(options.migrates && options.schema.is_none() && options.log_level.is_none());
    }

    #[test]
    fn zero_means_no_limit() {
        let options = Options::read(
            URL,
            r#"{"idleTimeoutMillis":0,"connectionTimeoutMillis":0,"maxLifetimeSeconds":0,"statementTimeoutMs":0}"#,
        )
        .unwrap()
        .pool;
        assert_eq!(
            (options.idle_timeout, options.connection_timeout, options.max_lifetime, options.statement_timeout),
            (None, None, None, None)
        );
    }

    #[test]
    fn reads_the_url() {
        let connect = Options::read("postgresql://us%40er:p%2Fw@[::1]:6543/d%20b?application_name=x", "{}")
            .unwrap()
            .pool
            .target
            .options
            .clone();
        assert_eq!((connect.get_host(), connect.get_port(), connect.get_username()), ("::1", 6543, "us@er"));
        assert_eq!((connect.get_database(), connect.get_application_name()), (Some("d b"), Some("x")));
        let connect = Options::read("postgres:///db?host=/run/postgresql", "{}").unwrap().pool.target.options.clone();
        assert_eq!(connect.get_socket().map(|path| path.display().to_string()).as_deref(), Some("/run/postgresql"));
    }

    #[test]
    fn refuses_by_name() {
        for (json, field) in [
            (r#"{"maxx":1}"#, "maxx"),
            (r#"{"max":0}"#, "max"),
            (r#"{"max":-1}"#, "max"),
            (r#"{"max":"10"}"#, "max"),
            (r#"{"min":11}"#, "min"),
            (r#"{"port":70000}"#, "port"),
            (r#"{"schema":""}"#, "schema"),
            (r#"{"schema":"pg_x"}"#, "schema"),
            (r#"{"pooler":"transaction"}"#, "pooler"),
            (r#"{"pooler":"session"}"#, "pooler"),
            (r#"{"ssl":{"ca":"x"}}"#, "ssl"),
            (r#"{"ssl":{"cert_":"x"}}"#, "ssl.cert_"),
            (r#"{"logLevel":"loud"}"#, "logLevel"),
            (r#"{"types":{}}"#, "types"),
            (r#"{"password":true}"#, "password"),
            (r#"{"legacyTimeZone":"UTC"}"#, "legacyTimeZone"),
            ("[]", "options"),
        ] {
            assert_eq!(fault(URL, json).0, field, "{json}");
        }
        assert!(fault(URL, r#"{"idleTimeoutMilis":1}"#).1.contains("`idleTimeoutMillis`"));
    }

    #[test]
    fn never_repeats_the_url() {
        for url in [
            "",
            "hunter2",
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h:99999/d",
            "postgres://u:hunter2@h/d?x=hunter2",
            "postgres://u:hunter2%ff@h/d",
            "postgres://u:hunter2@a,b/d",
            "postgres://u:hunter2@h/d?sslmode=hunter2",
        ] {
            let (field, message) = fault(url, "{}");
            assert_eq!(field, "connectionString", "{url}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn is_never_weaker_than_node_postgres() {
        for mode in ["prefer", "require", "verify-ca", "verify-full"] {
            assert!(matches!(read_ssl_mode(Some(mode), false), Some(PgSslMode::VerifyFull)), "{mode}");
        }
        assert!(matches!(read_ssl_mode(Some("require"), true), Some(PgSslMode::Require)));
        assert!(read_ssl_mode(Some("allow"), false).is_none());
    }
}
