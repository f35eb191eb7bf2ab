//! Connections: a pool of our own around sqlx's connections. sqlx's pool pings on every return, retries a
//! refused connection until its time-out, and cannot be closed by a deadline; this one does what it is told.

use super::cancel::Beside;
use super::connect::{Backend, NO_ANSWER, Opened, Target, unanswered};
use super::deadline::{Allowance, Watermark, until, within};
use super::give_up::GiveUp;
use super::lease::{Lease, Permit};
use super::migrate::{self, Plan, refuse_unusable_schema};
use super::understood::understood;
use crate::error::{Code, Error, Result};
use sqlx::{Connection as _, PgConnection};
use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tracing::instrument::WithSubscriber;

/// A connection that rested longer than this is asked whether it still lives before it gets a statement.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);

/// How long it may take to answer that.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// How long a good-bye may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// How long the end of calls that outlived a disconnect's deadline may take.
const ABORT_GRACE: Duration = Duration::from_secs(2);

/// Calls under way at one time, waiting or running. One more is refused: a queue that only grows answers nobody.
const MAX_CALLS: usize = 1 << 16;

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
    plan: Arc<Plan>,
    /// Whether row security is known to leave the role its rows.
    sees_rows: AtomicBool,
    permits: Arc<Semaphore>,
    /// By kind of call: no kind gets all connections, see [`Pool::share_of`].
    shares: Mutex<HashMap<&'static str, Arc<Semaphore>>>,
    /// Calls that wait for a permit: a batch worker gives its connection up to them.
    waiting: AtomicUsize,
    idle: Mutex<Idle>,
    /// What was used before this is asked whether it still lives.
    suspected: Watermark,
    /// What was opened before this leads to the wrong server.
    outdated: Watermark,
    /// The connection from which others are cancelled, while there is need.
    pub beside: Beside,
    last_fault: Mutex<Option<Error>>,
    running: AtomicUsize,
    is_closing: AtomicBool,
    /// Ends all calls.
    abort: GiveUp,
    is_reaping: AtomicBool,
    drained: Notify,
}

#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    is_closed: bool,
}

pub struct Connection {
    pub inner: PgConnection,
    /// Which of the target's hosts it leads to.
    pub host: usize,
    /// Known once the connection has been identified.
    pub backend: Option<Backend>,
    opened_at: Instant,
    idle_since: Instant,
    pub uses: u64,
}

/// Numbers for `healthCheck()`.
#[derive(Debug, Clone, Copy)]
pub struct Gauges {
    pub total: usize,
    pub idle: usize,
    pub waiting: usize,
}

impl Pool {
    pub fn new(options: PoolOptions, plan: Arc<Plan>) -> Arc<Self> {
        Arc::new(Self {
            plan,
            sees_rows: AtomicBool::new(false),
            permits: Arc::new(Semaphore::new(options.max)),
            options,
            shares: Mutex::default(),
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
            suspected: Watermark::new(),
            outdated: Watermark::new(),
            beside: Beside::default(),
            last_fault: Mutex::default(),
            running: AtomicUsize::new(0),
            is_closing: AtomicBool::new(false),
            abort: GiveUp::default(),
            is_reaping: AtomicBool::new(false),
            drained: Notify::new(),
        })
    }

    /// Registers one call; refused once the pool is closing, or has more calls than it should.
    pub fn enter(self: &Arc<Self>) -> Result<Work> {
        let work = Work::new(self);
        if self.is_closing() {
            return Err(not_connected());
        }
        if self.running.load(Ordering::Relaxed) > MAX_CALLS {
            let mut error = Error::new(Code::ResourceExhausted, "too many calls are waiting already");
            error.retryable = true;
            return Err(error);
        }
        Ok(work)
    }

    pub fn has_waiters(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    pub fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::SeqCst)
    }

    /// A connection was lost: those that rest may have gone with it.
    pub fn suspect_idle(&self) {
        self.suspected.raise();
    }

    /// All connections lead to a server that takes no writes any more: they are replaced by new ones.
    pub fn replace_all(&self) {
        self.outdated.raise();
    }

    pub fn gauges(&self) -> Gauges {
        let idle = lock(&self.idle).connections.len();
        Gauges {
            total: self.options.max - self.permits.available_permits() + idle,
            idle,
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    /// When a wait for a connection that begins now has to end.
    pub fn connecting_end(&self) -> Option<Instant> {
        Allowance::new(self.options.connection_timeout).end()
    }

    /// A connection that has shown that it reaches the server with our options. `kind` is the call's, and `end`
    /// the time by which there must be one.
    pub async fn acquire(self: &Arc<Self>, kind: Option<&'static str>, end: Option<Instant>) -> Result<Lease> {
        let mut lease = self.acquire_unidentified(kind, end).await?;
        // The tables may have been made since the connection was asked.
        let is_asked = lease.is_identified() && (kind.is_none() || lease.has_tables());
        if !is_asked && !self.options.target.is_pooled() {
            let target = Arc::clone(&self.options.target);
            let host = lease.host();
            let backend = until(end, target.ask_identity(lease.connection()?, host))
                .await
                .ok_or_else(|| unanswered(NO_ANSWER))??;
            lease.identified_as(backend);
            lease.settle(true);
            if kind.is_some()
                && let Err(error) = lease.check_tables()
            {
                refuse_unusable_schema(&mut lease).await?;
                return Err(error);
            }
        }
        if kind.is_some() && lease.is_guarded() {
            self.check_sight(&mut lease).await?;
        }
        Ok(lease)
    }

    /// Where row security applies, the first call finds out whether the role sees any row, as `connect()` does: deletes
    /// of what is hidden would resolve and delete nothing.
    pub async fn check_sight(&self, lease: &mut Lease) -> Result<()> {
        if !self.sees_rows.load(Ordering::Relaxed) {
            migrate::check_sight(lease, &self.plan).await?;
            self.knows_rows_are_seen();
        }
        Ok(())
    }

    pub fn knows_rows_are_seen(&self) {
        self.sees_rows.store(true, Ordering::Relaxed);
    }

    /// Like [`Self::acquire`], for a caller whose first statement identifies the connection.
    pub async fn acquire_unidentified(
        self: &Arc<Self>,
        kind: Option<&'static str>,
        end: Option<Instant>,
    ) -> Result<Lease> {
        let permit = self.permit(kind, end).await?;
        while let Some(mut connection) = self.pop_idle() {
            if self.is_expired(&connection) {
                close_in_background(connection);
                continue;
            }
            if !self.is_doubtful(&connection) || is_alive(&mut connection, end).await {
                return Ok(Lease::new(Arc::clone(self), connection, permit));
            }
            self.close_doubtful();
        }
        match self.open(end.map(|end| end.saturating_duration_since(Instant::now()))).await {
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

    async fn permit(&self, kind: Option<&'static str>, end: Option<Instant>) -> Result<Permit> {
        let share = kind.and_then(|kind| self.share_of(kind));
        let of_kind = match share {
            Some(share) => Some(self.take_permit(share, end).await?),
            None => None,
        };
        Ok((self.take_permit(Arc::clone(&self.permits), end).await?, of_kind))
    }

    /// One kind of call leaves a quarter of the connections to the others, so that what waits for a lock
    /// does not keep everything waiting. A pool of less than four is too small to be shared.
    fn share_of(&self, kind: &'static str) -> Option<Arc<Semaphore>> {
        (self.share() < self.options.max).then(|| {
            let mut shares = lock(&self.shares);
            Arc::clone(shares.entry(kind).or_insert_with(|| Arc::new(Semaphore::new(self.share()))))
        })
    }

    /// How many connections one kind of call may use.
    pub fn share(&self) -> usize {
        self.options.max - self.options.max / 4
    }

    async fn take_permit(&self, of: Arc<Semaphore>, end: Option<Instant>) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&of).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Waiting::new(&self.waiting);
        let permit = until(end, of.acquire_owned()).await;
        drop(waiting);
        match permit {
            Some(Ok(permit)) => Ok(permit),
            Some(Err(_)) => Err(not_connected()),
            None => Err(self.timed_out()),
        }
    }

    pub fn timed_out(&self) -> Error {
        let mut error = Error::new(Code::PoolTimeout, "no connection became free within connectionTimeoutMillis");
        error.retryable = true;
        error.cause = lock(&self.last_fault).as_ref().and_then(|fault| fault.cause.clone());
        error
    }

    async fn open(&self, limit: Option<Duration>) -> Result<Connection> {
        let Opened { inner, host, backend } = self.options.target.open(limit).await?;
        let now = Instant::now();
        Ok(Connection { inner, host, backend, opened_at: now, idle_since: now, uses: 0 })
    }

    fn pop_idle(&self) -> Option<Connection> {
        lock(&self.idle).connections.pop()
    }

    /// The connection serves others again; or is closed, when nobody is left to be served.
    pub fn put_back(&self, mut connection: Connection) {
        connection.idle_since = Instant::now();
        let mut idle = lock(&self.idle);
        if idle.is_closed {
            drop(idle);
            close_in_background(connection);
        } else {
            idle.connections.push(connection);
        }
    }

    fn is_doubtful(&self, connection: &Connection) -> bool {
        connection.idle_since.elapsed() >= PING_AFTER_IDLE || self.suspected.is_after(connection.idle_since)
    }

    /// One that rested too long was dead: no time is lost on the others.
    fn close_doubtful(&self) {
        let mut idle = lock(&self.idle);
        let all = std::mem::take(&mut idle.connections);
        let (doubtful, sound) = all.into_iter().partition(|connection| self.is_doubtful(connection));
        idle.connections = sound;
        drop(idle);
        Vec::into_iter(doubtful).for_each(close_in_background);
    }

    fn is_expired(&self, connection: &Connection) -> bool {
        self.options.max_lifetime.is_some_and(|limit| connection.opened_at.elapsed() >= limit)
            || self.options.max_uses.is_some_and(|limit| connection.uses >= limit)
            || self.outdated.is_after(connection.opened_at)
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
        let mut excess = idle.connections.len().saturating_sub(self.options.min);
        // The oldest lie at the bottom.
        let (expired, kept) = std::mem::take(&mut idle.connections).into_iter().partition::<Vec<_>, _>(|connection| {
            let is_stale = self.options.idle_timeout.is_some_and(|limit| connection.idle_since.elapsed() >= limit);
            let closes = self.is_expired(connection) || (is_stale && excess > 0);
            excess -= usize::from(closes && excess > 0);
            closes
        });
        idle.connections = kept;
        drop(idle);
        expired.into_iter().for_each(close_in_background);
        !self.is_closing()
    }

    pub fn refuse_calls(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
    }

    /// Takes no more calls, lets the running ones end until the limit, then ends them, on the server as well.
    pub async fn close(&self, limit: Duration) {
        self.refuse_calls();
        if within(Some(limit), self.wait_until_drained()).await.is_none() {
            let calls = self.running.load(Ordering::Relaxed);
            tracing::warn!(calls, "disconnect: the deadline has passed, ending running calls");
            self.abort.give_up();
            let _ = within(Some(ABORT_GRACE), self.wait_until_drained()).await;
        }
        let connections = {
            let mut idle = lock(&self.idle);
            idle.is_closed = true;
            std::mem::take(&mut idle.connections)
        };
        let mut closing: JoinSet<_> = connections.into_iter().map(close).collect();
        while closing.join_next().await.is_some() {}
    }

    /// Resolves when running calls have to end.
    pub async fn aborted(&self) {
        self.abort.wait().await;
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
}

/// One call under way.
pub struct Work {
    pub pool: Arc<Pool>,
    /// JavaScript's name of the call.
    pub call: Option<u32>,
}

impl Work {
    pub fn new(pool: &Arc<Pool>) -> Self {
        pool.running.fetch_add(1, Ordering::SeqCst);
        Self { pool: Arc::clone(pool), call: None }
    }

    /// The future's result, unless the pool is closed before.
    pub async fn or_aborted<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            result = future => result,
            () = self.pool.aborted() => Err(aborted()),
        }
    }
}

impl Clone for Work {
    fn clone(&self) -> Self {
        let mut work = Self::new(&self.pool);
        work.call = self.call;
        work
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.pool.running.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.pool.drained.notify_waiters();
        }
    }
}

/// Counts a call that waits, however its wait ends.
struct Waiting<'p>(&'p AtomicUsize);

impl<'p> Waiting<'p> {
    fn new(count: &'p AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub fn not_connected() -> Error {
    Error::new(Code::NotConnected, "the adapter has been disconnected: call connect() to open it again")
}

pub fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// What a call that `disconnect()` ends is told.
pub fn aborted() -> Error {
    Error::new(Code::Cancelled, "disconnect() ended the call")
}

async fn is_alive(connection: &mut Connection, end: Option<Instant>) -> bool {
    let answer = until(end, within(Some(PING_LIMIT), understood(connection.inner.ping()))).await;
    matches!(answer, Some(Some(Ok(()))))
}

async fn close(connection: Connection) {
    let _ = within(Some(CLOSE_LIMIT), connection.inner.close()).await;
}

pub fn close_in_background(connection: Connection) {
    in_background(|| close(connection));
}

/// Outside the runtime (the process is ending) what the future holds is dropped, and its sockets closed with it.
pub fn in_background<F: Future<Output = ()> + Send + 'static>(work: impl FnOnce() -> F) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(work().with_current_subscriber());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
