//! What a caller may set: the connection URL and the options, their defaults and their limits.

mod environment;
mod given;
mod host_list;
mod hosts;
mod parameters;
mod settings;
mod ssl;
mod url;
mod zones;

pub use environment::Environment;
pub use given::LogLevel;

use crate::db::Zones;
use crate::db::connect::{
    AskPassword, HostOrder, PROBE_SETTING, Password, SessionAttributes, Target, driver_sends_options,
};
use crate::db::pool::PoolOptions;
use crate::db::run::pooler::settings_sql;
use crate::error::{Error, Result};
use crate::input::{Natural, Secret, Text};
use given::{GivenPassword, Logger, NaturalOrFalse, Pooler, PostgresStorageAdapterOptions, read_options};
use hosts::{read_hosts, read_session_attributes};
use parameters::check_variables;
use settings::{Limits, StartUp, limit, start_up};
use ssl::{check_channel_binding, read_tls};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::{ConnectionUrl, fault};
use zones::LegacyTimeZone;

/// The options of an adapter, read and checked.
#[derive(Debug)]
pub struct Options {
    pub pool: PoolOptions,
    pub schema: Option<String>,
    pub migrates: bool,
    /// How often expired rows are deleted in the background.
    pub sweep_interval: Option<Duration>,
    /// For how many days events are kept, if not for ever.
    pub retain_events_for_days: Option<u32>,
    pub legacy_zones: Zones,
    pub log_level: Option<LogLevel>,
    /// Warnings that are logged when the adapter is made.
    pub warnings: Vec<String>,
}

impl Options {
    /// Reads the options. `ask` calls the caller's password function.
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
            // The facade implements these.
            allow_exit_on_idle: _,
            query_timeout: _,
            slow_call_ms: _,
            schema,
            pooler,
            logger,
            log_level,
            migrate,
            sweep_interval_ms,
            retain_events_for_days,
            legacy_time_zone,
        } = read_options(json)?;
        // As in node-postgres, an empty string leaves everything to the options and the variables.
        let is_elsewhere = host.is_some() || user.is_some() || database.is_some() || environment.names_a_database();
        let is_empty = connection_string.trim().is_empty() && is_elsewhere;
        let url = ConnectionUrl::read(if is_empty { "postgres://" } else { connection_string })?;
        check_variables(environment)?;
        let limits = Limits {
            statement_timeout: statement_timeout_ms.or(statement_timeout.map(|NaturalOrFalse(limit)| limit)),
            lock_timeout,
            idle_in_transaction_session_timeout,
        };
        let schema = match (schema, &url.schema) {
            (Some(Text(schema)), _) => Some(schema_name(schema, "schema")?),
            (None, Some(schema)) => Some(schema_name(schema.clone(), "connectionString")?),
            (None, None) => None,
        };
        let pooler = pooler.map_or_else(|| pgbouncer(&url), |pooler| Ok(Some(pooler)))?;
        let start_up_options = start_up_options.map(|Text(options)| options);
        let start_up = start_up(start_up_options, &url, environment, &limits, schema.as_deref())?;
        let (tls, mut warnings) =
            read_tls(ssl, &url, environment)?.map_or((None, Vec::new()), |(tls, warnings)| (Some(tls), warnings));
        let requires_binding = check_channel_binding(&url, environment, tls.as_ref())?;
        warnings.extend(ignored_parameters(&url, requires_binding));
        let target = Target {
            hosts: read_hosts(given(host, "host")?.as_deref(), port.map(|Natural(port)| port), &url, environment)?,
            session: session_attributes(&url, environment)?,
            order: HostOrder::default(),
            user: given(user, "user")?.or(url.user.clone()).or(environment.owned("PGUSER")),
            database: given(database, "database")?.or(url.database.clone()).or(environment.owned("PGDATABASE")),
            password: match password {
                Some(GivenPassword::Function) => Password::Function { ask, last: Mutex::default() },
                Some(GivenPassword::Text(Secret(text))) => Password::Text(text),
                None => url.password.clone().or(environment.owned("PGPASSWORD")).map_or(Password::None, Password::Text),
            },
            password_file: url.password_file.clone().map(PathBuf::from).or_else(|| environment.password_file()),
            tls,
            application_name: application_name
                .map(|Text(name)| name)
                .or(url.application_name.clone())
                .or(environment.owned("PGAPPNAME"))
                .or(url.fallback_application_name.clone())
                .unwrap_or_else(|| "auth-postgres".to_owned()),
            keeps_alive: keep_alive.map_or_else(|| keepalives(&url), Ok)?,
            unit_settings: unit_settings(pooler, &start_up, environment)?,
            has_begun: AtomicBool::new(false),
            settings: start_up.settings,
            routing: start_up.routing,
            temporary_directory: environment.temporary_directory(),
            probe: start_up.probe,
        };
        refuse_on_this_platform(&target)?;
        let (max, min) = pool_size(max, min, &url)?;
        Ok(Self {
            pool: PoolOptions {
                target: Arc::new(target),
                max,
                min,
                idle_timeout: match (idle_timeout_millis, &url.max_idle_connection_lifetime) {
                    (None, Some(text)) => seconds(text, "max_idle_connection_lifetime")?,
                    (given, _) => limit(given, 10_000),
                },
                connection_timeout: match (connection_timeout_millis, &url.pool_timeout) {
                    (None, Some(text)) => seconds(text, "pool_timeout")?,
                    (None, None) => connect_timeout(&url, environment)?,
                    (given, _) => limit(given, 0),
                },
                max_lifetime: match (max_lifetime_seconds, &url.max_connection_lifetime) {
                    (None, Some(text)) => seconds(text, "max_connection_lifetime")?,
                    (None, None) => Some(Duration::from_mins(30)),
                    (Some(Natural(seconds)), _) => (seconds > 0).then(|| Duration::from_secs(seconds.into())),
                },
                max_uses: max_uses.and_then(|Natural(uses)| (uses > 0).then_some(uses.into())),
                statement_timeout: start_up.statement_timeout,
                lock_timeout: start_up.lock_timeout,
                max_retries: max_retries.map_or(2, |Natural(retries)| retries),
            },
            schema,
            migrates: migrate.unwrap_or(true),
            sweep_interval: sweep_interval(sweep_interval_ms)?,
            retain_events_for_days: retention(retain_events_for_days)?,
            legacy_zones: legacy_time_zone.map(|LegacyTimeZone(zones)| zones).unwrap_or_default(),
            log_level: logger.map(|Logger| log_level.unwrap_or(LogLevel::Debug)),
            warnings,
        })
    }
}

fn retention(days: Option<Natural>) -> Result<Option<u32>> {
    match days {
        Some(Natural(0)) => Err(Error::invalid_input("retainEventsForDays", "must be at least 1")),
        Some(Natural(days)) => Ok(Some(days)),
        None => Ok(None),
    }
}

/// One warning for all parameters of the URL that have no effect.
fn ignored_parameters(url: &ConnectionUrl, requires_binding: bool) -> Option<String> {
    let mut ignored = url.ignored.clone();
    if requires_binding {
        let remark = "the server's verified certificate takes its place";
        ignored.push(("channel_binding=require".to_owned(), Some(remark)));
    }
    let named: Vec<_> = ignored
        .into_iter()
        .map(|(name, remark)| remark.map_or_else(|| name.clone(), |remark| format!("{name} ({remark})")))
        .collect();
    (!named.is_empty()).then(|| format!("parameters without an effect on the connection: {}", named.join(", ")))
}

fn pgbouncer(url: &ConnectionUrl) -> Result<Option<Pooler>> {
    let is_pooled = switch(url.pgbouncer.as_deref(), "pgbouncer")?;
    Ok(is_pooled.map(|is_pooled| if is_pooled { Pooler::Transaction } else { Pooler::None }))
}

/// Where it cannot be heeded, as in libpq on such a system, it has no effect.
fn keepalives(url: &ConnectionUrl) -> Result<bool> {
    Ok(switch(url.keepalives.as_deref(), "keepalives")?.unwrap_or(false) && cfg!(unix))
}

fn switch(text: Option<&str>, name: &str) -> Result<Option<bool>> {
    match text {
        None => Ok(None),
        Some("1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        Some(_) => Err(fault(&format!("has a `{name}` that is neither true nor false"))),
    }
}

/// A limit of Prisma's in seconds, where 0 means none.
fn seconds(text: &str, name: &str) -> Result<Option<Duration>> {
    let seconds: u32 =
        text.parse().map_err(|_| fault(&format!("has a `{name}` that is no whole number of seconds")))?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds.into())))
}

/// With a transaction pooler, what makes our settings in each transaction.
fn unit_settings(pooler: Option<Pooler>, start_up: &StartUp, environment: &Environment) -> Result<Option<String>> {
    match pooler {
        None | Some(Pooler::None) => Ok(None),
        // The driver sends it by itself.
        Some(Pooler::Transaction) if driver_sends_options() || environment.get("PGOPTIONS").is_some() => {
            Err(Error::invalid_input(
                "PGOPTIONS",
                "cannot be sent through a transaction pooler: unset it, and use the option `options`",
            ))
        }
        Some(Pooler::Transaction) => {
            let settings: Vec<_> =
                start_up.settings.iter().filter(|(name, _)| name != PROBE_SETTING).cloned().collect();
            Ok(Some(settings_sql(&settings)))
        }
    }
}

/// Refuses options that need a Unix socket of ours, on a system without Unix sockets.
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

fn pool_size(max: Option<Natural>, min: Option<Natural>, url: &ConnectionUrl) -> Result<(usize, usize)> {
    let (max, field) = match (max, &url.connection_limit) {
        (Some(Natural(max)), _) => (max, "max"),
        (None, Some(text)) => {
            (text.parse().map_err(|_| fault("has a `connection_limit` that is no whole number"))?, "connectionString")
        }
        (None, None) => (10, "max"),
    };
    let (max, min) = (max as usize, min.map_or(0, |Natural(min)| min) as usize);
    if max == 0 || max > MAX_CONNECTIONS {
        return Err(Error::invalid_input(field, "must allow between 1 and 10000 connections"));
    }
    if min > max {
        return Err(Error::invalid_input("min", "must not be greater than `max`"));
    }
    Ok((max, min))
}

fn sweep_interval(given: Option<Natural>) -> Result<Option<Duration>> {
    match given {
        None | Some(Natural(0)) => Ok(None),
        Some(Natural(ms)) if ms < MIN_SWEEP_INTERVAL_MS => {
            Err(Error::invalid_input("sweepIntervalMs", "must be 0 or at least 1000"))
        }
        Some(Natural(ms)) => Ok(Some(Duration::from_millis(ms.into()))),
    }
}

/// A shorter interval is a mistake in the unit.
const MIN_SWEEP_INTERVAL_MS: u32 = 1_000;

/// The most connections that are accepted as `max`: no PostgreSQL server can be expected to take more.
const MAX_CONNECTIONS: usize = 10_000;

/// Reads an option that must not be empty.
fn given(option: Option<Text>, field: &str) -> Result<Option<String>> {
    match option {
        Some(Text(text)) if text.is_empty() => Err(Error::invalid_input(field, "must not be empty")),
        option => Ok(option.map(|Text(text)| text)),
    }
}

/// Checks the name of a schema. PostgreSQL would truncate a longer one.
fn schema_name(schema: String, field: &str) -> Result<String> {
    if schema.is_empty() || schema.len() > 63 {
        return Err(Error::invalid_input(field, "must have a schema of between 1 and 63 bytes of UTF-8"));
    }
    if schema.starts_with("pg_") {
        return Err(Error::invalid_input(field, "must not have a schema that begins with pg_: those are PostgreSQL's"));
    }
    if schema == "$user" {
        return Err(Error::invalid_input(field, "must not have the schema $user, which is another one for each user"));
    }
    Ok(schema)
}

#[cfg(test)]
mod tests;
