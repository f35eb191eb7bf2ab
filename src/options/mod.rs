//! What a caller may set: the connection URL and the options, their defaults and their limits.

mod given;
mod hosts;
mod settings;
mod ssl;
mod url;
mod zones;

pub use given::{LogLevel, Natural};

use crate::db::Zones;
use crate::db::connect::{AskPassword, PROBE_SETTING, Password, SessionAttributes, Target};
use crate::db::pool::PoolOptions;
use crate::db::unit::settings_sql;
use crate::error::{Error, Result};
use crate::input::Text;
use given::{GivenPassword, Logger, NaturalOrFalse, Pooler, PostgresStorageAdapterOptions, Secret, read_options};
use hosts::{read_hosts, read_session_attributes};
use settings::{Limits, StartUp, start_up};
use ssl::read_tls;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;
use url::ConnectionUrl;
use zones::LegacyTimeZone;

/// The `PG*` variables, which fill what is missing. Not `Debug`: one of them is a password.
#[derive(Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    pub fn read(json: &str) -> Self {
        Self(serde_json::from_str(json).unwrap_or_default())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }
}

/// Everything the adapter needs to know.
#[derive(Debug)]
pub struct Options {
    pub pool: PoolOptions,
    pub schema: Option<String>,
    pub migrates: bool,
    pub legacy_zones: Zones,
    pub log_level: Option<LogLevel>,
}

impl Options {
    /// `ask` gets a password from a function of the caller's.
    pub fn read(connection_string: &str, json: &str, environment: &Environment, ask: AskPassword) -> Result<Self> {
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
            query_timeout: _,
            schema,
            pooler,
            logger,
            log_level,
            migrate,
            legacy_time_zone,
        } = read_options(json)?;
        let url = ConnectionUrl::read(connection_string)?;
        let limits = Limits {
            statement_timeout: statement_timeout_ms.or(statement_timeout.map(|NaturalOrFalse(limit)| limit)),
            lock_timeout,
            idle_in_transaction_session_timeout,
        };
        let schema = schema.map(|Text(schema)| schema_name(schema)).transpose()?;
        let start_up_options = start_up_options.map(|Text(options)| options);
        let start_up = start_up(start_up_options, &url, environment, &limits, schema.as_deref())?;
        let target = Target {
            hosts: read_hosts(given(host, "host")?.as_deref(), port.map(|Natural(port)| port), &url, environment)?,
            session: session_attributes(&url, environment)?,
            writable: AtomicUsize::new(0),
            user: given(user, "user")?.or(url.user.clone()).or(environment.owned("PGUSER")),
            database: given(database, "database")?.or(url.database.clone()).or(environment.owned("PGDATABASE")),
            password: match password {
                Some(GivenPassword::Function) => Password::Function(ask),
                Some(GivenPassword::Text(Secret(text))) => Password::Text(text),
                None => url.password.clone().or(environment.owned("PGPASSWORD")).map_or(Password::None, Password::Text),
            },
            tls: read_tls(ssl, &url, environment)?,
            application_name: application_name
                .map(|Text(name)| name)
                .or(url.application_name.clone())
                .or(environment.owned("PGAPPNAME"))
                .unwrap_or_else(|| "auth-postgres".to_owned()),
            keeps_alive: keep_alive.unwrap_or(false),
            unit_settings: unit_settings(pooler, &start_up)?,
            has_begun: AtomicBool::new(false),
            settings: start_up.settings,
            probe: start_up.probe,
        };
        refuse_on_this_platform(&target)?;
        let (max, min) = pool_size(max, min)?;
        Ok(Self {
            pool: PoolOptions {
                target: Arc::new(target),
                max,
                min,
                idle_timeout: limit(idle_timeout_millis, 10_000),
                connection_timeout: match connection_timeout_millis {
                    None => connect_timeout(&url, environment)?,
                    given => limit(given, 0),
                },
                max_lifetime: max_lifetime_seconds
                    .map_or(Some(1_800), |Natural(seconds)| (seconds > 0).then_some(seconds))
                    .map(|seconds| Duration::from_secs(seconds.into())),
                max_uses: max_uses.and_then(|Natural(uses)| (uses > 0).then_some(uses.into())),
                statement_timeout: start_up.statement_timeout,
                max_retries: max_retries.map_or(2, |Natural(retries)| retries),
            },
            schema,
            migrates: migrate.unwrap_or(true),
            legacy_zones: legacy_time_zone.map(|LegacyTimeZone(zones)| zones).unwrap_or_default(),
            log_level: logger.map(|Logger| log_level.unwrap_or(LogLevel::Debug)),
        })
    }
}

/// With a transaction pooler, what makes our settings in each transaction.
fn unit_settings(pooler: Option<Pooler>, start_up: &StartUp) -> Result<Option<String>> {
    match pooler {
        None | Some(Pooler::None) => Ok(None),
        // The driver sends it by itself.
        Some(Pooler::Transaction) if std::env::var_os("PGOPTIONS").is_some() => Err(Error::invalid_input(
            "PGOPTIONS",
            "cannot be sent through a transaction pooler: unset it, and use the option `options`",
        )),
        Some(Pooler::Transaction) => {
            let settings: Vec<_> =
                start_up.settings.iter().filter(|(name, _)| name != PROBE_SETTING).cloned().collect();
            Ok(Some(settings_sql(&settings)))
        }
    }
}

/// What is done through a Unix socket of ours cannot be done without them.
fn refuse_on_this_platform(target: &Target) -> Result<()> {
    const REASON: &str = "is not supported on Windows, where the driver's sockets are out of reach";
    if cfg!(unix) {
        Ok(())
    } else if target.keeps_alive {
        Err(Error::invalid_input("keepAlive", REASON))
    } else if target.tls.as_ref().is_some_and(|tls| tls.server_name.is_some()) {
        Err(Error::invalid_input("ssl.servername", REASON))
    } else {
        Ok(())
    }
}

fn session_attributes(url: &ConnectionUrl, environment: &Environment) -> Result<SessionAttributes> {
    match (&url.target_session_attrs, environment.get("PGTARGETSESSIONATTRS")) {
        (Some(text), _) => read_session_attributes(text, "connectionString"),
        (None, Some(text)) => read_session_attributes(text, "PGTARGETSESSIONATTRS"),
        (None, None) => Ok(SessionAttributes::Any),
    }
}

/// libpq's limit in seconds, where 0 or less means none.
fn connect_timeout(url: &ConnectionUrl, environment: &Environment) -> Result<Option<Duration>> {
    let (text, field) = match (&url.connect_timeout, environment.get("PGCONNECT_TIMEOUT")) {
        (Some(text), _) => (text.as_str(), "connectionString"),
        (None, Some(text)) => (text, "PGCONNECT_TIMEOUT"),
        (None, None) => return Ok(limit(None, 30_000)),
    };
    let seconds: i32 = text
        .parse()
        .map_err(|_| Error::invalid_input(field, "has a connect_timeout that is no whole number of seconds"))?;
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

fn pool_size(max: Option<Natural>, min: Option<Natural>) -> Result<(usize, usize)> {
    let max = max.map_or(10, |Natural(max)| max) as usize;
    let min = min.map_or(0, |Natural(min)| min) as usize;
    if max == 0 || max > MAX_CONNECTIONS {
        return Err(Error::invalid_input("max", "must be between 1 and 10000"));
    }
    if min > max {
        return Err(Error::invalid_input("min", "must not be greater than `max`"));
    }
    Ok((max, min))
}

/// What PostgreSQL itself could at best be configured for.
const MAX_CONNECTIONS: usize = 10_000;

/// A limit in milliseconds, where 0 means none.
fn limit(option: Option<Natural>, default: u32) -> Option<Duration> {
    let ms = option.map_or(default, |Natural(ms)| ms);
    (ms > 0).then(|| Duration::from_millis(ms.into()))
}

/// An option that must not be empty.
fn given(option: Option<Text>, field: &str) -> Result<Option<String>> {
    match option {
        Some(Text(text)) if text.is_empty() => Err(Error::invalid_input(field, "must not be empty")),
        option => Ok(option.map(|Text(text)| text)),
    }
}

/// PostgreSQL cuts longer names off without a word.
fn schema_name(schema: String) -> Result<String> {
    if schema.is_empty() || schema.len() > 63 {
        return Err(Error::invalid_input("schema", "must have between 1 and 63 bytes of UTF-8"));
    }
    if schema.starts_with("pg_") {
        return Err(Error::invalid_input("schema", "must not begin with pg_, which PostgreSQL keeps for itself"));
    }
    if schema == "$user" {
        return Err(Error::invalid_input("schema", "must not be $user, which means another schema to each user"));
    }
    Ok(schema)
}

#[cfg(test)]
mod tests;
