//! What JavaScript sees. A method unwraps its arguments, calls the store and names its result; the doc
//! comments become the TypeScript docs. `options` is the last argument of every method: the facade sees to it.

mod api_keys;
mod email_tokens;
mod events;
mod organizations;
#[cfg(debug_assertions)]
mod panics;
mod roles;
mod sessions;
mod sso;
mod two_factor;
mod users;

use crate::bridge::ask::password_asker;
use crate::bridge::queue::Queue;
use crate::bridge::start::{self, Answer, Calls, Work};
use crate::bridge::turn::Turn;
use crate::bridge::{CallOptions, Json, Nullable, Pending, Void};
use crate::db::migrate::{Rollback, Status, Told};
use crate::db::pool::{Work as Entered, millis};
use crate::db::{Batch, Batched, Database, Db, Plan};
use crate::error::{Error, Result};
use crate::input::{OrNull, Patch, Text, check_text, input};
use crate::log::Logger;
use crate::options::{Environment, LogLevel, Natural, Options};
use crate::origin::on_behalf_of;
use crate::store::events::Emit;
use crate::store::lookup::Lookup;
use crate::store::tables::TABLES;
use crate::store::{api_keys as api_key_store, email_tokens as token_store, organizations as organization_store};
use crate::store::{
    passwords as password_store, roles as role_store, saml as saml_store, schema::LEGACY, schema::MIGRATIONS,
    sessions as session_store,
};
use crate::store::{session_writes, user_creates, user_roles};
use crate::store::{sso as sso_store, two_factor as two_factor_store, users as user_store};
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use serde::Serialize;
use sqlx::FromRow;
use sqlx::postgres::PgRow;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;
use tracing::level_filters::LevelFilter;

/// A PostgreSQL store for `@kitiumai/auth`: a drop-in `StorageAdapter`.
#[napi]
pub struct PostgresStorageAdapter {
    calls: Calls,
    queue: Arc<Queue>,
    database: Arc<Database>,
    migrates: bool,
    /// The adapter's log; `None` costs nothing.
    log: Option<Dispatch>,
    lookups: Lookups,
    user_creates: Arc<Batch<user_creates::Create>>,
    user_roles: Arc<Batch<user_roles::OfUser>>,
    session_creates: Arc<Batch<session_writes::Create>>,
    session_updates: Arc<Batch<session_writes::Update>>,
    events: Arc<Batch<Emit>>,
    turn: Arc<Turn>,
}

/// The look-ups by key, each with a queue of its own.
struct Lookups {
    users: Lookup<user_store::UserRecord>,
    users_by_email: Lookup<user_store::UserRecord>,
    password_hashes: Lookup<password_store::PasswordHash>,
    sessions: Lookup<session_store::SessionRecord>,
    api_keys: Lookup<api_key_store::ApiKeyRecord>,
    api_keys_by_hash: Lookup<api_key_store::ApiKeyRecord>,
    api_keys_by_secret: Lookup<api_key_store::ApiKeyRecord>,
    organizations: Lookup<organization_store::OrganizationRecord>,
    tokens: Lookup<token_store::EmailVerificationToken>,
    roles: Lookup<role_store::RoleRecord>,
    sso_providers: Lookup<sso_store::SSOProvider>,
    sso_links: Lookup<sso_store::SSOLink>,
    sso_sessions: Lookup<sso_store::SSOSession>,
    saml_configs: Lookup<saml_store::TenantSAMLConfig>,
    devices: Lookup<two_factor_store::TwoFactorDevice>,
    two_factor_sessions: Lookup<two_factor_store::TwoFactorSession>,
}

impl Lookups {
    fn new() -> Self {
        Self {
            users: user_store::by_id(),
            users_by_email: user_store::by_email(),
            password_hashes: password_store::by_user(),
            sessions: session_store::by_id(),
            api_keys: api_key_store::by_id(),
            api_keys_by_hash: api_key_store::by_hash(),
            api_keys_by_secret: api_key_store::by_secret(),
            organizations: organization_store::by_id(),
            tokens: token_store::by_id(),
            roles: role_store::by_id(),
            sso_providers: sso_store::provider_by_id(),
            sso_links: sso_store::link_by_id(),
            sso_sessions: sso_store::session_by_id(),
            saml_configs: saml_store::by_tenant(),
            devices: two_factor_store::device_by_id(),
            two_factor_sessions: two_factor_store::session_by_id(),
        }
    }
}

input! {
    /// What `disconnect` takes.
    DisconnectOptions {
        /// Running calls may end within so many milliseconds; then they are ended on the server. Default 5 000.
        timeout_ms "timeoutMs": Option<Natural>,
    }
}

input! {
    /// What `rollback` takes.
    RollbackOptions {
        /// The migration that stays as the last one applied; `null` rolls everything back.
        to "to": OrNull<Text>,
        /// Whether tables that hold rows are dropped. Default `false`: they stop the rollback.
        drop_data "dropData": Option<bool>,
    }
}

/// What `healthCheck` finds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct HealthStatus {
    pub status: HealthState,
    /// How long the check took, in milliseconds.
    pub latency_ms: f64,
    pub pool: PoolGauges,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,
    /// Ids of the migrations that `connect()` would run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_migrations: Option<Vec<&'static str>>,
    /// The code of what went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// What went wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// `'ok' | 'error'` in the typings.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    Ok,
    Error,
}

/// Connections of the pool.
#[derive(Debug, Default, Serialize)]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct PoolGauges {
    /// Open or being opened.
    pub total: u32,
    pub idle: u32,
    /// Calls that wait for a connection.
    pub waiting: u32,
}

#[napi]
impl PostgresStorageAdapter {
    /// Opens no connection. Throws an `InternalError` when the URL or an option is not right.
    #[napi(constructor, ts_args_type = "connectionString: string, options?: PostgresStorageAdapterOptions")]
    pub fn new(connection_string: String, options: String, environment: String) -> napi::Result<Self> {
        let queue = Arc::new(Queue::default());
        let ask = password_asker(Arc::clone(&queue));
        let options =
            Options::read(&connection_string, &options, &Environment::read(&environment), ask).map_err(|error| {
                // The facade makes an InternalError of the reason.
                napi::Error::from_reason(serde_json::to_string(&error.in_operation("constructor")).unwrap_or_default())
            })?;
        let log = options.log_level.map(|level| Dispatch::new(Logger::new(Arc::clone(&queue), level_filter(level))));
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
            told: Told::default(),
        };
        Ok(Self {
            calls: Calls::new(Arc::clone(&queue)),
            queue,
            database: Arc::new(Database::new(options.pool, plan)),
            migrates: options.migrates,
            log,
            lookups: Lookups::new(),
            user_creates: user_creates::create(),
            user_roles: user_roles::of_user(),
            session_creates: session_writes::create(),
            session_updates: session_writes::update(),
            events: crate::store::events::emit(),
            turn: Arc::default(),
        })
    }

    /// The facade's: `drain` takes what comes out of the completion queue from now on.
    #[napi(skip_typescript)]
    pub fn listen(&self, drain: Function<'_, Vec<String>, ()>) -> napi::Result<()> {
        self.queue.listen(&drain)
    }

    /// The facade's: calls are made one after the other from now on, as results are taken.
    #[napi(skip_typescript)]
    pub fn open_turn(&self) {
        self.turn.open();
    }

    /// The facade's: they have been made. Results may be left, for a turn that follows.
    #[napi(skip_typescript)]
    pub fn close_turn(&self, results_are_left: bool) {
        if results_are_left { self.turn.pause() } else { self.turn.close() }
    }

    /// The facade's: nothing is waited for any more.
    #[napi(skip_typescript)]
    pub fn stop_listening(&self) {
        self.queue.stop_listening();
    }

    /// Proves that the database can be reached and runs pending migrations. One attempt: what is wrong is said at once.
    /// Idempotent; opens the adapter again after `disconnect()`.
    ///
    /// Rejects with `connection_failed`, `authentication_failed`, `tls_failed`, `migration_failed` or `schema_mismatch`.
    #[napi]
    pub fn connect(&self, _options: Option<CallOptions>) -> Pending<Void> {
        let database = Arc::clone(&self.database);
        let migrates = self.migrates;
        // Right here: a disconnect() that is called after this one must not be overtaken.
        let work = match database.open() {
            Ok(work) => work,
            Err(error) => return self.fail("connect", error),
        };
        self.start("connect", async move { database.migrate(&work, migrates).await.map(|()| Void) })
    }

    /// Takes no more calls, lets running ones end until the deadline, then ends them on the server and closes all
    /// connections. Idempotent. Later calls reject with `not_connected`; `connect()` opens the adapter again.
    #[napi]
    pub fn disconnect(&self, options: Option<Json<DisconnectOptions>>) -> Pending<Void> {
        let none = DisconnectOptions { timeout_ms: None };
        let DisconnectOptions { timeout_ms } = match options.map_or(Ok(none), |options| options.parse("options")) {
            Ok(options) => options,
            Err(error) => return self.fail("disconnect", error),
        };
        let limit = Duration::from_millis(timeout_ms.map_or(5_000, |Natural(ms)| ms).into());
        // Right here: a call that is made after this one must not slip in.
        let pools = self.database.shut();
        self.start("disconnect", async move {
            let mut closing: JoinSet<()> =
                pools.into_iter().map(|pool| async move { pool.close(limit).await }).collect();
            while closing.join_next().await.is_some() {}
            Ok(Void)
        })
    }

    /// For the facade: the next call may be given up.
    #[napi(skip_typescript)]
    pub fn expect_give_up(&self) {
        self.calls.expect_give_up();
    }

    /// For the facade: nobody waits any longer for that call; it ends, on the server as well.
    #[napi(skip_typescript)]
    pub fn give_up(&self, id: u32, reason: String) {
        self.calls.give_up(id, reason);
    }

    /// Runs down migrations until `to` is the last one applied, or none is. Resolves with the ids of those rolled back.
    ///
    /// Rejects with `invalid_input` when tables that hold rows would be dropped and `dropData` is not `true`, and with
    /// `schema_mismatch` when the application has added something to the tables that would go with them.
    #[napi(ts_args_type = "options: RollbackOptions")]
    pub fn rollback(&self, options: Option<Json<RollbackOptions>>) -> Pending<Vec<String>> {
        let database = Arc::clone(&self.database);
        self.start("rollback", async move {
            let none = RollbackOptions { to: OrNull(Patch::Keep), drop_data: None };
            let RollbackOptions { to, drop_data } = options.map_or(Ok(none), |options| options.parse("options"))?;
            let to = to.stated("to")?.map(|Text(to)| to);
            let rollback = Rollback { to, drops_data: drop_data.unwrap_or(false) };
            let work = database.enter()?;
            database.rollback(&work, &rollback).await
        })
    }

    /// Asks the database, once, whether calls can be served: it answers, it is not too old, our tables and columns are
    /// there, and we may use them. Never rejects.
    #[napi]
    pub fn health_check(&self, _options: Option<CallOptions>) -> Pending<HealthStatus> {
        let database = Arc::clone(&self.database);
        self.start("healthCheck", async move { Ok(health(&database).await) })
    }
}

async fn health(database: &Database) -> HealthStatus {
    let started = Instant::now();
    let (result, pool) = match database.enter() {
        Ok(work) => {
            let result = database.status(&work, TABLES).await;
            let gauges = work.pool.gauges();
            let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            (
                result,
                PoolGauges { total: count(gauges.total), idle: count(gauges.idle), waiting: count(gauges.waiting) },
            )
        }
        Err(error) => (Err(error), PoolGauges::default()),
    };
    let latency_ms = millis(started.elapsed());
    match result {
        Ok(Status { server_version, pending }) => HealthStatus {
            status: HealthState::Ok,
            latency_ms,
            pool,
            server_version: Some(server_version),
            pending_migrations: Some(pending),
            code: None,
            message: None,
        },
        Err(error) => HealthStatus {
            status: HealthState::Error,
            latency_ms,
            pool,
            server_version: None,
            pending_migrations: None,
            code: Some(error.code.name()),
            message: Some(error.message.into_owned()),
        },
    }
}

impl PostgresStorageAdapter {
    /// A call that needs the database: `work` gets its way there.
    fn call<T, W, F>(&self, operation: &'static str, work: W) -> Pending<T>
    where
        T: Serialize,
        W: FnOnce(Db) -> F + Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let is_alone = self.calls.is_idle();
        let (pending, answer) = self.calls.begin(operation);
        match self.enter() {
            Ok(entered) => {
                let db = Db::new(entered, operation, answer.give_up());
                self.run(is_alone, answer, async move { work(db).await.map_err(crate::store::explain) });
            }
            Err(error) => answer.give::<()>(&Err(error)),
        }
        pending
    }

    /// A row by its key, together with the other calls of its kind that wait.
    fn find<R>(&self, lookup: &Lookup<R>, argument: &'static str, key: String) -> Pending<Nullable<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Serialize + Send + Sync + Unpin + 'static,
    {
        self.find_where(lookup, argument, key, |_| true)
    }

    /// The same, for a row that must pass a test of our own.
    fn find_where<R>(
        &self,
        lookup: &Lookup<R>,
        argument: &'static str,
        key: String,
        test: impl FnOnce(&R) -> bool + Send + 'static,
    ) -> Pending<Nullable<R>>
    where
        R: for<'r> FromRow<'r, PgRow> + Serialize + Send + Sync + Unpin + 'static,
    {
        if let Err(error) = check_text(&key, argument) {
            return self.fail(lookup.operation(), error);
        }
        self.join(lookup, key, |answer, found: Result<Option<Arc<R>>>| {
            answer.give(&found.map(|row| row.filter(|row| test(row))));
        })
    }

    /// Joins the queue of a batch; `respond` turns what it came to into the call's answer.
    fn join<B, T>(
        &self,
        batch: &Arc<Batch<B>>,
        item: B::Item,
        respond: impl FnOnce(Answer, Result<B::Output>) + Send + 'static,
    ) -> Pending<T>
    where
        B: Batched,
    {
        let is_alone = self.calls.is_idle();
        let (pending, answer) = self.calls.begin(batch.operation());
        match self.enter() {
            Err(error) => answer.give::<()>(&Err(error)),
            Ok(mut entered) => {
                entered.call = Some(answer.id());
                let caller = answer.give_up();
                let respond = move |result: Result<B::Output>| respond(answer, result.map_err(crate::store::explain));
                batch.join(entered, caller, item, Box::new(respond));
                if self.turn.is_open() {
                    self.gather(batch);
                } else if let Some(work) = batch.next_task() {
                    spawn(is_alone, self.log.as_ref(), work);
                }
            }
        }
        pending
    }

    fn start<T, F>(&self, operation: &'static str, work: F) -> Pending<T>
    where
        T: Serialize,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let is_alone = self.calls.is_idle();
        let (pending, answer) = self.calls.begin(operation);
        match start::runtime() {
            Ok(_) => self.run(is_alone, answer, work),
            Err(error) => answer.give::<()>(&Err(error)),
        }
        pending
    }

    /// Registers a call that is going to run.
    fn enter(&self) -> Result<Entered> {
        start::runtime()?;
        self.database.enter()
    }

    /// Does the work and answers with its result, or drops it when the caller gives up.
    fn run<T, F>(&self, is_alone: bool, answer: Answer, work: F)
    where
        T: Serialize,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let caller = answer.give_up();
        let work = on_behalf_of(Some(answer.id()), work);
        spawn(is_alone, self.log.as_ref(), async move {
            let given_up = async {
                match caller {
                    Some(caller) => caller.wait().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                result = work => answer.give(&result),
                () = given_up => {}
            }
        });
    }

    fn fail<T>(&self, operation: &'static str, error: Error) -> Pending<T> {
        let (pending, answer) = self.calls.begin(operation);
        answer.give::<()>(&Err(error));
        pending
    }

    fn gather<B: Batched>(&self, batch: &Arc<Batch<B>>) {
        self.turn.gather(batch.operation(), || {
            let (batch, log) = (Arc::clone(batch), self.log.clone());
            move || {
                if let Some(work) = batch.next_task() {
                    spawn(true, log.as_ref(), work);
                }
            }
        });
    }
}

/// With the adapter's log.
fn spawn(begins_here: bool, log: Option<&Dispatch>, work: impl Future<Output = ()> + Send + 'static) {
    let work: Work = match log {
        None => Box::pin(work),
        Some(log) => Box::pin(work.with_subscriber(log.clone())),
    };
    start::spawn(begins_here, work);
}

fn level_filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    }
}
