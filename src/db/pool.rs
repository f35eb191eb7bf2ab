//! Connections: a pool of our own around sqlx's connections. sqlx's pool pings on every return, retries a
//! refused connection until its time-out, and cannot be closed by a deadline; this one does what it is told.

use super::connect::{Backend, Opened, Target};
use super::error::connect_error;
use crate::error::{Code, Error, Result};
use sqlx::{Connection as _, PgConnection};
use std::collections::HashSet;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// A connection that rested longer than this is asked whether it still lives before it gets a statement.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);

/// How long the server may take to end the statements that outlived a disconnect's deadline.
const TERMINATION_GRACE: Duration = Duration::from_secs(2);

/// What the pool needs to know; durations of `None` mean no limit.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    pub target: Arc<Target>,
    pub max: usize,
    pub min: usize,
    pub idle_timeout: Option<Duration>,
    pub connection_timeout: Option<Duration>,
    pub max_lifetime: Option<Duration>,
    pub max_uses: Option<u64>,
    pub statement_timeout: Option<Duration>,
    pub max_retries: u32,
}

pub struct Pool {
    pub options: PoolOptions,
    permits: Arc<Semaphore>,
    /// Calls that wait for a permit: a batch worker gives its connection up to them.
    waiting: AtomicUsize,
    idle: Mutex<Vec<Connection>>,
    /// Backends with a statement of ours on them.
    busy: Mutex<HashSet<Backend>>,
    last_fault: Mutex<Option<Error>>,
    running: AtomicUsize,
    is_closing: AtomicBool,
    is_reaping: AtomicBool,
    drained: Notify,
}

struct Connection {
    inner: PgConnection,
    /// Which of the target's hosts it leads to.
    host: usize,
    /// Known once the connection has been identified.
    backend: Option<Backend>,
    opened_at: Instant,
    idle_since: Instant,
    uses: u64,
}

/// Numbers for `healthCheck()`.
#[derive(Debug, Clone, Copy)]
pub struct Gauges {
    pub total: usize,
    pub idle: usize,
    pub waiting: usize,
}

impl Pool {
    pub fn new(options: PoolOptions) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(options.max)),
            options,
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
            busy: Mutex::default(),
            last_fault: Mutex::default(),
            running: AtomicUsize::new(0),
            is_closing: AtomicBool::new(false),
            is_reaping: AtomicBool::new(false),
            drained: Notify::new(),
        })
    }

    /// Registers one call; refused once the pool is closing.
    pub fn enter(self: &Arc<Self>) -> Result<Work> {
        self.running.fetch_add(1, Ordering::SeqCst);
        let work = Work { pool: Arc::clone(self) };
        if self.is_closing.load(Ordering::SeqCst) { Err(not_connected()) } else { Ok(work) }
    }

    pub fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    pub fn gauges(&self) -> Gauges {
        let idle = lock(&self.idle).len();
        Gauges {
            total: self.options.max - self.permits.available_permits() + idle,
            idle,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    /// A connection that has shown that it reaches the server with our options.
    pub async fn acquire(self: &Arc<Self>) -> Result<Lease> {
        let mut lease = self.acquire_unidentified().await?;
        if !lease.is_identified() {
            let target = Arc::clone(&self.options.target);
            let host = lease.host();
            let backend = target.ask_identity(lease.connection()?, host).await?;
            lease.identified_as(backend);
            lease.settle(true);
        }
        Ok(lease)
    }

    /// Like [`Self::acquire`], for a caller whose first statement identifies the connection.
    pub async fn acquire_unidentified(self: &Arc<Self>) -> Result<Lease> {
        let limit = self.options.connection_timeout;
        let started = Instant::now();
        let permit = match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => self.wait_for_permit(limit).await?,
        };
        while let Some(mut connection) = self.pop_idle() {
            if self.is_expired(&connection) {
                close_in_background(connection);
                continue;
            }
            if connection.idle_since.elapsed() < PING_AFTER_IDLE
                || within(limit, connection.inner.ping()).await.is_some_and(|ping| ping.is_ok())
            {
                return Ok(Lease::new(Arc::clone(self), connection, permit));
            }
        }
        let connection = self.open(limit.map(|limit| limit.saturating_sub(started.elapsed()))).await;
        match connection {
            Ok(connection) => {
                *lock(&self.last_fault) = None;
                self.reap_in_background();
                Ok(Lease::new(Arc::clone(self), connection, permit))
            }
            Err(error) => {
                *lock(&self.last_fault) = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn wait_for_permit(&self, limit: Option<Duration>) -> Result<OwnedSemaphorePermit> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let permit = within(limit, Arc::clone(&self.permits).acquire_owned()).await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        match permit {
            Some(Ok(permit)) => Ok(permit),
            Some(Err(_)) => Err(not_connected()),
            None => {
                let mut error =
                    Error::new(Code::PoolTimeout, "no connection became free within connectionTimeoutMillis");
                error.retryable = true;
                error.cause = lock(&self.last_fault).as_ref().and_then(|fault| fault.cause.clone());
                Err(error)
            }
        }
    }

    async fn open(&self, limit: Option<Duration>) -> Result<Connection> {
        let Opened { inner, host, backend } = self.options.target.open(limit).await?;
        let now = Instant::now();
        Ok(Connection { inner, host, backend, opened_at: now, idle_since: now, uses: 0 })
    }

    fn pop_idle(&self) -> Option<Connection> {
        lock(&self.idle).pop()
    }

    fn is_expired(&self, connection: &Connection) -> bool {
        self.options.max_lifetime.is_some_and(|limit| connection.opened_at.elapsed() >= limit)
            || self.options.max_uses.is_some_and(|limit| connection.uses >= limit)
    }

    /// Closes what has been idle for too long, while there is anything to close.
    fn reap_in_background(self: &Arc<Self>) {
        if self.is_reaping.swap(true, Ordering::AcqRel) {
            return;
        }
        let period =
            [self.options.idle_timeout, self.options.max_lifetime].into_iter().flatten().min().map(|limit| limit / 4);
        let Some(period) = period else { return };
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(period.clamp(Duration::from_millis(10), Duration::from_secs(5))).await;
                if !Weak::upgrade(&pool).is_some_and(|pool| pool.reap()) {
                    return;
                }
            }
        });
    }

    /// Says whether to go on.
    fn reap(&self) -> bool {
        let mut idle = lock(&self.idle);
        let mut excess = idle.len().saturating_sub(self.options.min);
        // The oldest lie at the bottom.
        let (expired, kept) = std::mem::take(&mut *idle).into_iter().partition::<Vec<_>, _>(|connection| {
            let is_stale = self.options.idle_timeout.is_some_and(|limit| connection.idle_since.elapsed() >= limit);
            let closes = self.is_expired(connection) || (is_stale && excess > 0);
            excess -= usize::from(closes && excess > 0);
            closes
        });
        *idle = kept;
        drop(idle);
        expired.into_iter().for_each(close_in_background);
        !self.is_closing.load(Ordering::SeqCst)
    }

    pub fn refuse_calls(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
    }

    /// Takes no more calls, lets the running ones end until the deadline, then ends them on the server.
    pub async fn close(&self, limit: Duration) {
        self.refuse_calls();
        if within(Some(limit), self.wait_until_drained()).await.is_none() {
            let _ = within(Some(TERMINATION_GRACE), self.terminate_busy()).await;
            let _ = within(Some(TERMINATION_GRACE), self.wait_until_drained()).await;
        }
        self.permits.close();
        let idle = std::mem::take(&mut *lock(&self.idle));
        for connection in idle {
            let _ = within(Some(TERMINATION_GRACE), connection.inner.close()).await;
        }
    }

    async fn wait_until_drained(&self) {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            if self.running.load(Ordering::SeqCst) == 0 {
                return;
            }
            drained.await;
        }
    }

    /// Ends, from a connection of its own, the backends that still run statements of ours.
    async fn terminate_busy(&self) -> Result<()> {
        let mut backends: Vec<Backend> = lock(&self.busy).iter().copied().collect();
        backends.sort_unstable_by_key(|backend| backend.host);
        tracing::warn!(statements = backends.len(), "disconnect: the deadline has passed, ending running statements");
        for on_host in backends.chunk_by(|one, other| one.host == other.host) {
            let pids: Vec<i32> = on_host.iter().map(|backend| backend.pid).collect();
            let mut side = self.options.target.open_beside(on_host[0].host, None).await?;
            let ended = sqlx::query("SELECT pg_terminate_backend(pid) FROM unnest($1::int4[]) AS pid")
                .bind(pids)
                .execute(&mut side)
                .await;
            ended.map_err(|error| connect_error(&error))?;
            let _ = side.close().await;
        }
        Ok(())
    }
}

/// One call under way.
pub struct Work {
    pub pool: Arc<Pool>,
}

impl Clone for Work {
    fn clone(&self) -> Self {
        self.pool.running.fetch_add(1, Ordering::SeqCst);
        Self { pool: Arc::clone(&self.pool) }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.pool.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.pool.drained.notify_waiters();
        }
    }
}

/// A connection lent to one call. It goes back on drop, unless a statement was left unfinished on it.
pub struct Lease {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    is_usable: bool,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    fn new(pool: Arc<Pool>, mut connection: Connection, permit: OwnedSemaphorePermit) -> Self {
        connection.uses += 1;
        Self { pool, connection: Some(connection), is_usable: true, _permit: permit }
    }

    fn is_identified(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.backend.is_some())
    }

    /// For one statement or transaction; [`Self::settle`] must follow, or the connection is given up.
    pub fn connection(&mut self) -> Result<&mut PgConnection> {
        let connection =
            self.connection.as_mut().ok_or_else(|| Error::new(Code::Internal, "a lease without a connection"))?;
        self.is_usable = false;
        if let Some(backend) = connection.backend {
            lock(&self.pool.busy).insert(backend);
        }
        Ok(&mut connection.inner)
    }

    /// Says whether the connection survived its statement.
    pub fn settle(&mut self, survives: bool) {
        self.is_usable = survives;
        if let Some(backend) = self.connection.as_ref().and_then(|connection| connection.backend) {
            lock(&self.pool.busy).remove(&backend);
        }
    }

    pub fn is_usable(&self) -> bool {
        self.is_usable
    }

    fn host(&self) -> usize {
        self.connection.as_ref().map_or(0, |connection| connection.host)
    }

    /// Identifies the connection by the first two columns of a row.
    pub fn identify(&mut self, row: &sqlx::postgres::PgRow) -> Result<()> {
        let backend = self.pool.options.target.identify(row, self.host())?;
        self.identified_as(backend);
        Ok(())
    }

    fn identified_as(&mut self, backend: Backend) {
        if let Some(connection) = &mut self.connection {
            connection.backend = Some(backend);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if let Some(backend) = connection.backend {
            lock(&self.pool.busy).remove(&backend);
        }
        if self.is_usable && !self.pool.is_closing.load(Ordering::SeqCst) {
            connection.idle_since = Instant::now();
            lock(&self.pool.idle).push(connection);
        } else {
            close_in_background(connection);
        }
    }
}

pub fn not_connected() -> Error {
    Error::new(Code::NotConnected, "the adapter has been disconnected: call connect() to open it again")
}

pub fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn close_in_background(connection: Connection) {
    // Outside the runtime (the process is ending) dropping it closes the socket as well.
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(within(Some(TERMINATION_GRACE), connection.inner.close()));
    }
}

/// The future's output, or `None` when it takes longer than the limit.
pub async fn within<F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, future).await.ok(),
        None => Some(future.await),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
