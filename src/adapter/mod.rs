//! The methods that JavaScript sees. A method reads its arguments, calls the store and names its result. The doc
//! comments become the TypeScript documentation. `options` is the last argument of every method, and handled by the
//! facade.

mod api_keys;
mod background_sweeps;
mod bound_transaction;
mod calls;
mod diagnosis;
mod email_tokens;
mod events;
mod health;
mod lookups;
mod migrations;
mod organizations;
#[cfg(debug_assertions)]
mod panics;
mod personal_data;
mod record_counts;
#[cfg(debug_assertions)]
mod retention;
mod roles;
mod sessions;
mod sso;
mod stats;
mod sweeps;
mod testing;
mod transactions;
mod two_factor;
mod users;

use crate::bridge::ask::password_asker;
use crate::bridge::calls::Calls;
use crate::bridge::log::LogSubscriber;
use crate::bridge::queue::CompletionQueue;
use crate::bridge::tick_gather::TickGather;
use crate::bridge::{CallOptions, Json, Nullable, Pending, Void};
use crate::db::give_up::begin_change;
use crate::db::migrate::{Rollback, Told};
use crate::db::{Batch, Database, Db, Plan};
use crate::error::{Error, Result};
use crate::input::{Input, Natural, OrNull, Patch, Text, input};
use crate::metrics::Metrics;
use crate::options::{Environment, LogLevel, Options};
use crate::store::api_key_contexts::{self, ApiKeyContexts};
use crate::store::event_retention;
use crate::store::events::{self as event_store, EmitEvents};
use crate::store::schema::{LEGACY, MIGRATIONS, UPKEEP};
use crate::store::session_contexts::{self, SessionContexts};
use crate::store::session_creates::{self, CreateSessions};
use crate::store::session_updates::{self, UpdateSessions};
use crate::store::user_creates::{self, CreateUsers};
use crate::store::user_roles::{self, RolesOfUsers};
use background_sweeps::BackgroundSweeps;
use bound_transaction::BoundTransaction;
use health::{HealthStatus, health};
use lookups::Lookups;
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;

/// A store for `@kitiumai/auth` in PostgreSQL. It implements the `StorageAdapter` of that library.
#[napi]
#[derive(Clone)]
pub struct PostgresStorageAdapter {
    calls: Arc<Calls>,
    queue: Arc<CompletionQueue>,
    database: Arc<Database>,
    metrics: Arc<Metrics>,
    migrates: bool,
    background_sweeps: Arc<BackgroundSweeps>,
    retain_events_for_days: Option<u32>,
    /// The log, if the application has asked for one.
    log: Option<Dispatch>,
    lookups: Arc<Lookups>,
    user_creates: Arc<Batch<CreateUsers>>,
    user_roles: Arc<Batch<RolesOfUsers>>,
    session_creates: Arc<Batch<CreateSessions>>,
    session_updates: Arc<Batch<UpdateSessions>>,
    session_contexts: Arc<Batch<SessionContexts<false>>>,
    session_extensions: Arc<Batch<SessionContexts<true>>>,
    api_key_contexts: Arc<Batch<ApiKeyContexts>>,
    events: Arc<Batch<EmitEvents>>,
    turn: Arc<TickGather>,
    /// The transaction in which all calls run, if this is one.
    transaction: Option<Arc<BoundTransaction>>,
}

input! {
    /// The options of `disconnect`.
    DisconnectOptions {
        /// How long running calls may take to finish, in milliseconds. After that they are cancelled on the server.
        /// Default: 5 000.
        timeout_ms "timeoutMs": Option<Natural>,
    }
}

input! {
    /// The options of `rollback`.
    RollbackOptions {
        /// The id of the migration that is the last one applied afterwards. `null` rolls all of them back.
        to "to": OrNull<Text>,
        /// Whether tables that hold rows may be dropped. Default: `false`, so that such a table stops the rollback.
        drop_data "dropData": Option<bool>,
    }
}

impl RollbackOptions {
    fn read_all(given: Option<Json<Self>>) -> Result<Rollback> {
        let none = Self { to: OrNull(Patch::Keep), drop_data: None };
        let Self { to, drop_data } = options_or(given.as_ref(), none)?;
        let to = to.stated("to")?.map(|Text(to)| to);
        Ok(Rollback { to, drops_data: drop_data.unwrap_or(false) })
    }
}

#[napi]
impl PostgresStorageAdapter {
    /// Does not open a connection. Throws an `InternalError` if the URL or an option is invalid.
    #[napi(constructor, ts_args_type = "connectionString: string, options?: PostgresStorageAdapterOptions")]
    pub fn new(connection_string: String, options: String, environment: String) -> napi::Result<Self> {
        let queue = Arc::new(CompletionQueue::default());
        let ask = password_asker(Arc::clone(&queue));
        let options = Options::read(&connection_string, &options, &Environment::read(&environment), ask)
            .map_err(|error| as_reason(error, "constructor"))?;
        let log =
            options.log_level.map(|level| Dispatch::new(LogSubscriber::new(Arc::clone(&queue), level_filter(level))));
        if let Some(log) = &log {
            tracing::dispatcher::with_default(log, || {
                options.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
            });
        }
        let plan = Plan {
            migrations: MIGRATIONS,
            legacy: &LEGACY,
            zones: options.legacy_zones,
            schema: options.schema,
            upkeep: UPKEEP,
            told: Told::default(),
        };
        let metrics = Arc::<Metrics>::default();
        Ok(Self {
            calls: Arc::new(Calls::new(Arc::clone(&queue), Arc::clone(&metrics))),
            queue,
            database: Arc::new(Database::new(options.pool, plan, Arc::clone(&metrics))),
            metrics,
            migrates: options.migrates,
            retain_events_for_days: options.retain_events_for_days,
            background_sweeps: Arc::new(BackgroundSweeps::new(options.sweep_interval, options.retain_events_for_days)),
            log,
            lookups: Arc::new(Lookups::new()),
            user_creates: user_creates::create(),
            user_roles: user_roles::of_user(),
            session_creates: session_creates::create(),
            session_updates: session_updates::update(),
            session_contexts: session_contexts::batch(),
            session_extensions: session_contexts::batch(),
            api_key_contexts: api_key_contexts::by_secret(),
            events: event_store::emit(),
            turn: Arc::default(),
            transaction: None,
        })
    }

    /// For the facade: `drain` receives the results from now on.
    #[napi(skip_typescript)]
    pub fn listen(&self, drain: Function<'_, Vec<String>, ()>) -> napi::Result<()> {
        self.queue.listen(&drain)
    }

    /// For the facade: results are being handed over, and what follows from them makes calls one after the other.
    #[napi(skip_typescript)]
    pub fn open_turn(&self) {
        self.turn.open();
    }

    /// For the facade: those calls have been made. Further results may be left for the next turn of the event loop.
    #[napi(skip_typescript)]
    pub fn close_turn(&self, results_are_left: bool) {
        if results_are_left { self.turn.pause() } else { self.turn.close() }
    }

    /// For the facade: no call is waiting for a result any more.
    #[napi(skip_typescript)]
    pub fn stop_listening(&self) {
        self.queue.stop_listening();
    }

    /// Checks that the database can be reached, and runs pending migrations. It is not retried, so that a failure is
    /// reported at once. It can be called several times, and opens the adapter again after `disconnect()`.
    ///
    /// Rejects with `connection_failed`, `authentication_failed`, `tls_failed`, `migration_failed`, `schema_mismatch`, or
    /// `permission_denied` if the role lacks a right.
    #[napi]
    pub fn connect(&self, _options: Option<CallOptions>) -> Pending<Void> {
        let database = Arc::clone(&self.database);
        let migrates = self.migrates;
        // This must happen before the call returns, so that a later disconnect() comes later.
        let work = match database.open() {
            Ok(work) => work,
            Err(error) => return self.fail("connect", error),
        };
        let background_sweeps = Arc::clone(&self.background_sweeps);
        let retention = self.retain_events_for_days;
        self.start("connect", async move {
            database.migrate(&work, migrates).await?;
            background_sweeps.begin(&database, &work);
            if let Some(days) = retention {
                event_retention::retain_on_connect(Db::new(work, "connect", None), days).await;
            }
            Ok(Void)
        })
    }

    /// Stops accepting calls, waits for running ones until the deadline, cancels the rest on the server, and closes all
    /// connections. It can be called several times. Later calls reject with `not_connected`, until `connect()` opens
    /// the adapter again.
    #[napi]
    pub fn disconnect(&self, options: Option<Json<DisconnectOptions>>) -> Pending<Void> {
        let none = DisconnectOptions { timeout_ms: None };
        let DisconnectOptions { timeout_ms } = match options_or(options.as_ref(), none) {
            Ok(options) => options,
            Err(error) => return self.fail("disconnect", error),
        };
        let limit = Duration::from_millis(timeout_ms.map_or(5_000, |Natural(ms)| ms).into());
        // This must happen before the call returns, so that later calls are refused.
        let pools = self.database.shut();
        self.background_sweeps.end();
        self.start("disconnect", async move {
            let mut closing: JoinSet<()> =
                pools.into_iter().map(|pool| async move { pool.close(limit).await }).collect();
            while closing.join_next().await.is_some() {}
            Ok(Void)
        })
    }

    /// For the facade: the next call may be given up later.
    #[napi(skip_typescript)]
    pub fn expect_give_up(&self) {
        self.calls.expect_give_up();
    }

    /// For the facade: the caller has given up a call. It is cancelled, on the server as well.
    #[napi(skip_typescript)]
    pub fn give_up(&self, id: u32, reason: String) {
        self.calls.give_up(id, reason);
    }

    /// Undoes migrations until `to` is the last one applied, or until none is applied if `to` is `null`. Resolves with
    /// the ids of the migrations that were undone.
    ///
    /// Rejects with `invalid_input` if tables that hold rows would be dropped and `dropData` is not `true`, with
    /// `schema_mismatch` if something that the application has added to the tables would be dropped with them, and with
    /// `permission_denied` if the role may not change the tables.
    #[napi(ts_args_type = "options: RollbackOptions")]
    pub fn rollback(&self, options: Option<Json<RollbackOptions>>) -> Pending<Vec<String>> {
        let database = Arc::clone(&self.database);
        self.start_change("rollback", |caller| async move {
            let rollback = RollbackOptions::read_all(options)?;
            let work = database.enter()?;
            begin_change(caller.as_deref())?;
            database.rollback(&work, &rollback).await
        })
    }

    /// Checks once whether the database can serve calls: whether it answers, is not too old, and has the tables and
    /// columns of the store, and whether the role may use them. Never rejects.
    #[napi]
    pub fn health_check(&self, _options: Option<CallOptions>) -> Pending<HealthStatus> {
        let database = Arc::clone(&self.database);
        self.start("healthCheck", async move { Ok(health(&database).await) })
    }
}

/// The options of a method, which a caller may leave out.
fn options_or<T: Input>(options: Option<&Json<T>>, none: T) -> Result<T> {
    options.map_or(Ok(none), |options| options.parse("options"))
}

/// What can only throw sends the error's fields as the reason. The facade makes an `InternalError` of it.
fn as_reason(error: Error, operation: &'static str) -> napi::Error {
    napi::Error::from_reason(serde_json::to_string(&error.in_operation(operation)).unwrap_or_default())
}

fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}
