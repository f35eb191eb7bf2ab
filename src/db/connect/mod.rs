//! Opening one connection: choosing the host, logging in, setting the options, and checking that the server received
//! them.

mod dial;
mod driver_defaults;
mod host;
mod order;
mod pgpass;
mod refused;
#[cfg(unix)]
mod relay;
pub mod search_path;

pub use driver_defaults::driver_sends_options;
pub use host::Host;
pub use order::HostOrder;
pub use refused::is_full;

use super::deadline::{millis, within};
use super::driver_panic::catch_driver_panic;
use super::error::{is_from_pooler, is_lost_connection, silence};
use super::give_up::GiveUp;
use super::tls::{self, Tls};
use crate::error::{Code, Error, Result};
use dial::{Dialer, Fault};
use driver_defaults::DRIVER_DEFAULTS;
use futures_core::future::BoxFuture;
use refused::{connect_error, unknown_name};
use search_path::{narrow_search_path, own_schema};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, Row};
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How much longer a password, or a host, may take when nobody waits for the connection any more. One that does not answer
/// would otherwise keep the next host, and other attempts, from their turn.
const LEFT: Duration = Duration::from_secs(2);

/// How long a host may take while there is another one to be tried: the connection of a worker whose calls are given up, one
/// after the other, is never left.
const NEXT_HOST: Duration = Duration::from_secs(5);

/// How long a password function may take when statements have to be cancelled.
const PASSWORD_LIMIT: Duration = Duration::from_secs(30);

/// A setting of ours among the start-up options. If a pooler drops these options, the setting reads back empty.
pub const PROBE_SETTING: &str = "auth_postgres.probe";

/// How many prepared statements a connection keeps: more than there are statements of ours.
const STATEMENT_CACHE: usize = 256;

/// The first two columns are those that [`Target::identify`] reads, the others say what the server is.
const IDENTIFY: &str = concat!(
    "SELECT pg_catalog.pg_backend_pid()
          , pg_catalog.current_setting('auth_postgres.probe', true)
          , pg_catalog.pg_is_in_recovery()
          , pg_catalog.current_setting('transaction_read_only') OPERATOR(pg_catalog.=) 'on'
          , ",
    narrow_search_path!(of a connection),
    " FROM ",
    own_schema!()
);

/// libpq's `target_session_attrs`: which kind of server is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAttributes {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

/// A server process that serves one of our connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backend {
    pub host: usize,
    pub pid: i32,
    /// When its transaction began, in microseconds. Only behind a pooler, which gives the process to others afterwards.
    pub since: Option<i64>,
    /// Whether our tables were there when the connection was last asked.
    pub has_tables: bool,
    /// Whether row security applied to the role then.
    pub is_guarded: bool,
}

/// Asks the caller's function, and waits for what it returns.
pub type AskPassword = Arc<dyn Fn() -> BoxFuture<'static, Result<String>> + Send + Sync>;

pub enum Password {
    /// None was given. There may be one in `.pgpass`.
    None,
    Text(String),
    /// A function of the caller's, which is called for each connection.
    Function {
        ask: AskPassword,
        /// What it gave last.
        last: Mutex<Option<String>>,
    },
}

impl std::fmt::Debug for Password {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Password(…)")
    }
}

/// Where connections lead to, and how.
#[derive(Debug)]
pub struct Target {
    /// Tried in turn; never empty.
    pub hosts: Vec<Host>,
    pub session: SessionAttributes,
    pub order: HostOrder,
    pub user: Option<String>,
    pub database: Option<String>,
    pub password: Password,
    /// The `.pgpass` file, which is read if no other password was given.
    pub password_file: Option<PathBuf>,
    pub tls: Option<Tls>,
    pub application_name: String,
    /// Whether the system probes idle connections to the server.
    pub keeps_alive: bool,
    /// Server settings by name. If a name occurs twice, the later one wins.
    pub settings: Vec<(String, String)>,
    /// Words among the start-up options that are not settings.
    pub routing: Vec<String>,
    /// The directory for the Unix sockets of `relay.rs`, on systems where a socket needs a file.
    pub temporary_directory: PathBuf,
    /// The value of [`PROBE_SETTING`].
    pub probe: String,
    /// The statement that makes the settings in each transaction. Only for a transaction pooler.
    pub unit_settings: Option<String>,
    /// Whether such a transaction has ever begun.
    pub has_begun: AtomicBool,
}

/// A new connection.
pub struct Opened {
    pub inner: PgConnection,
    pub host: usize,
    /// Present if the host has already been asked which kind of server it is.
    pub backend: Option<Backend>,
}

impl Target {
    /// Opens a connection to the first host that answers and is of the wanted kind. Without a `limit` it waits as long
    /// as the operating system does. Each host gets a share of the time, so that one that does not answer leaves enough
    /// for the others: no more than [`NEXT_HOST`], and no more than [`LEFT`] once the caller has `left`.
    pub async fn open(&self, limit: Option<Duration>, left: &GiveUp) -> Result<Opened> {
        let started = Instant::now();
        let remaining = || limit.map(|limit| limit.saturating_sub(started.elapsed()));
        let password = unless_left(left, self.password(remaining())).await?;
        let mut attempts = self.wanted().len() * self.hosts.len();
        let mut fault = None;
        for wanted in self.wanted() {
            for host in self.order() {
                let share = remaining().map(|time| time / u32::try_from(attempts).unwrap_or(1));
                attempts -= 1;
                let share = if attempts == 0 { share } else { share.or(Some(NEXT_HOST)).min(Some(NEXT_HOST)) };
                let opening = self.open_fitting(host, *wanted, password.as_deref());
                match unless_left(left, self.unless_silent(host, share, opening)).await {
                    Ok(Some(opened)) => {
                        self.order.opened(host);
                        return Ok(opened);
                    }
                    Ok(None) => {}
                    // As in libpq, because the password would be as wrong for the next host.
                    Err(error) if error.code == Code::AuthenticationFailed => return Err(error),
                    Err(error) => fault = Some(error),
                }
            }
        }
        Err(fault.unwrap_or_else(no_host_fits))
    }

    /// Opens a further connection to a host, from which the statements of our backends there can be cancelled. The limit is
    /// the server's: a password function is asked only if what it gave last is refused, and may take longer.
    pub async fn open_beside(&self, host: usize, limit: Option<Duration>) -> Result<PgConnection> {
        if let Some(last) = self.last_password() {
            let opened = self.unless_silent(host, limit, self.open_to(host, Some(&last))).await;
            if !opened.as_ref().is_err_and(|error| self.may_have_rotated(error)) {
                return opened;
            }
        }
        let password = self.password(Some(PASSWORD_LIMIT)).await?;
        self.unless_silent(host, limit, self.open_to(host, password.as_deref())).await
    }

    /// What the caller's function gave last.
    fn last_password(&self) -> Option<String> {
        match &self.password {
            Password::Function { last, .. } => last.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            _ => None,
        }
    }

    /// What comes of the attempt, unless the host is silent for that long.
    async fn unless_silent<T>(
        &self,
        host: usize,
        limit: Option<Duration>,
        attempt: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let answer = self.order.watched(host, limit, attempt).await;
        answer.unwrap_or_else(|| Err(self.at_host(host, unanswered(NO_ANSWER))))
    }

    fn at_host(&self, host: usize, error: Error) -> Error {
        match self.hosts.get(host) {
            Some(host) => error.at_host(&host.name, host.port),
            None => error,
        }
    }

    /// The host that the last connection leads to, or the first one that is tried, its port, and the database if it is named.
    pub fn server(&self) -> (&str, u16, Option<&str>) {
        let at = self.order.latest().or_else(|| self.order().first().copied());
        let host = at.and_then(|at| self.hosts.get(at));
        let (name, port) = host.map_or(("", 0), |host| (host.name.as_str(), host.port));
        (name, port, self.database.as_deref().or(self.user.as_deref()))
    }

    /// The requirements that are tried, one after the other.
    fn wanted(&self) -> &[SessionAttributes] {
        match self.session {
            SessionAttributes::PreferStandby => &[SessionAttributes::Standby, SessionAttributes::Any],
            _ => std::slice::from_ref(&self.session),
        }
    }

    fn order(&self) -> Vec<usize> {
        let wants_writes = matches!(self.session, SessionAttributes::ReadWrite | SessionAttributes::Primary);
        self.order.of(self.hosts.len(), wants_writes)
    }

    /// Returns `None` if the host is not of the wanted kind.
    async fn open_fitting(
        &self,
        host: usize,
        wanted: SessionAttributes,
        password: Option<&str>,
    ) -> Result<Option<Opened>> {
        let mut inner = self.open_to(host, password).await?;
        if wanted == SessionAttributes::Any {
            return Ok(Some(Opened { inner, host, backend: None }));
        }
        let row = catch_driver_panic(sqlx::raw_sql(IDENTIFY).fetch_one(&mut inner)).await;
        let row = row.map_err(|error| connect_error(&error))?;
        let backend = self.identify(&row, host)?;
        let state = |column: usize| row.try_get::<bool, _>(column).map_err(|error| connect_error(&error));
        let (is_standby, is_read_only) = (state(2)?, state(3)?);
        let fits = match wanted {
            SessionAttributes::Any | SessionAttributes::PreferStandby => true,
            SessionAttributes::ReadWrite => !is_read_only,
            SessionAttributes::ReadOnly => is_read_only,
            SessionAttributes::Primary => !is_standby,
            SessionAttributes::Standby => is_standby,
        };
        if !fits {
            let _ = inner.close().await;
            return Ok(None);
        }
        // A pooler may give the backend to somebody else by now.
        Ok(Some(Opened { inner, host, backend: (!self.is_pooled()).then_some(backend) }))
    }

    async fn open_to(&self, at: usize, password: Option<&str>) -> Result<PgConnection> {
        let host = self.hosts.get(at).ok_or_else(|| Error::new(Code::Internal, "a target without a host"))?;
        let started = Instant::now();
        let refused = match Box::pin(self.dialer().dial(host, self.options(host, password))).await {
            Ok(connection) => {
                tracing::debug!(durationMs = millis(started.elapsed()), "connection opened");
                return Ok(connection);
            }
            Err(Fault::Name(error)) => unknown_name(&error),
            Err(Fault::Driver(error)) => self.refusal(&error),
        };
        Err(self.at_host(at, refused))
    }

    fn dialer(&self) -> Dialer<'_> {
        Dialer { tls: self.tls.as_ref(), keeps_alive: self.keeps_alive, temporary_directory: &self.temporary_directory }
    }

    fn options(&self, host: &Host, password: Option<&str>) -> PgConnectOptions {
        // Everything that the driver has read from the environment is replaced.
        let user = self.user.as_deref().unwrap_or_else(|| DRIVER_DEFAULTS.get_username());
        let database = self.database.as_deref().unwrap_or(user);
        let file = || pgpass::look_up(self.password_file.as_deref()?, host, user, database);
        let password = password.map(str::to_owned).or_else(file).unwrap_or_default();
        let options = DRIVER_DEFAULTS.clone().username(user).database(database).password(&password);
        let options = tls::configure(options, self.tls.as_ref())
            .host(&host.name)
            .port(host.port)
            .application_name(&self.application_name)
            .disable_statement_logging();
        if self.is_pooled() {
            // PgBouncer refuses start-up parameters that it does not know.
            options.extra_float_digits(None).statement_cache_capacity(0)
        } else {
            options
                .options(self.settings.iter().map(|(name, value)| (name, value.clone())).chain(self.routing_option()))
                .statement_cache_capacity(STATEMENT_CACHE)
        }
    }

    /// The driver can only send settings. It escapes spaces in their values but not tabs, which separate words, too.
    fn routing_option(&self) -> Option<(&String, String)> {
        let (name, value) = self.settings.last().filter(|_| !self.routing.is_empty())?;
        Some((name, format!("{value}\t{}", self.routing.join("\t"))))
    }

    /// Whether every transaction may get another server process.
    pub fn is_pooled(&self) -> bool {
        self.unit_settings.is_some()
    }

    /// Why there is no connection, or no transaction on it; nothing of the caller's has run.
    pub fn refusal(&self, error: &sqlx::Error) -> Error {
        let mut refused = connect_error(error);
        if self.is_pooled() {
            // PgBouncer uses this one SQLSTATE for all of its errors, from a wrong password to a server that is down.
            if is_from_pooler(&refused) && refused.code != Code::ResourceExhausted {
                refused.message =
                    "the connection pooler refused the connection, or has no server for it: its reason is the cause"
                        .into();
            }
            refused.retryable |= is_lost_connection(error);
        }
        refused
    }

    async fn password(&self, limit: Option<Duration>) -> Result<Option<String>> {
        match &self.password {
            Password::None => Ok(None),
            Password::Text(text) => Ok(Some(text.clone())),
            Password::Function { ask, last } => match within(limit, ask()).await {
                Some(password) => {
                    let password = password?;
                    *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(password.clone());
                    Ok(Some(password))
                }
                None => Err(unanswered("the password function did not answer within connectionTimeoutMillis")),
            },
        }
    }

    /// Whether the password was wrong, and the caller's function may have a newer one by now.
    pub fn may_have_rotated(&self, error: &Error) -> bool {
        matches!(self.password, Password::Function { .. }) && error.context.sql_state.as_deref() == Some("28P01")
    }

    /// Learns which backend serves the connection, and checks that our start-up options reached it.
    pub async fn ask_identity(&self, connection: &mut PgConnection, host: usize) -> Result<Backend> {
        let row = catch_driver_panic(sqlx::raw_sql(IDENTIFY).fetch_one(connection)).await;
        self.identify(&row.map_err(|error| connect_error(&error))?, host)
    }

    /// The same for a row whose first two columns are those that were asked for.
    pub fn identify(&self, row: &PgRow, host: usize) -> Result<Backend> {
        let pid: i32 = row.try_get(0).map_err(|error| connect_error(&error))?;
        let probe: Option<String> = row.try_get(1).map_err(|error| connect_error(&error))?;
        if self.is_pooled() || probe.as_deref() == Some(self.probe.as_str()) {
            let has_tables = row.try_get("has_tables").map_err(|error| connect_error(&error))?;
            let is_guarded = row.try_get("is_guarded").map_err(|error| connect_error(&error))?;
            Ok(Backend { host, pid, since: None, has_tables, is_guarded })
        } else {
            Err(Error::new(
                Code::ConnectionFailed,
                "a connection pooler on the way drops our start-up options, so no statement timeout and no schema would hold: set pooler: 'transaction'",
            ))
        }
    }
}

/// The same, unless nobody waits for it any more and it takes longer than [`LEFT`] from now.
async fn unless_left<T>(left: &GiveUp, attempt: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        result = attempt => result,
        () = async { left.wait().await; sleep(LEFT).await } => Err(unanswered(NO_ANSWER)),
    }
}

pub const NO_ANSWER: &str = "the server did not answer within connectionTimeoutMillis";

fn no_host_fits() -> Error {
    let mut error = Error::new(Code::ConnectionFailed, "no host is what target_session_attrs asks for");
    error.retryable = true;
    error
}

/// The error for a server that did not answer in the time that a connection may take. No statement has run.
pub fn unanswered(message: &'static str) -> Error {
    let mut error = silence(message);
    error.retryable = true;
    error
}
