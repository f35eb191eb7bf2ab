//! A connection pool of our own around sqlx's connections. sqlx's pool is not used, because it pings a connection each
//! time that one is returned, retries a refused connection until its time-out, and cannot be closed by a deadline.

pub mod calls;
mod cancel;
mod connection;
mod dial;
pub mod guard;
pub mod lease;
mod permits;
mod places;
mod recover;
mod room;
pub mod sight;
pub mod transactions;

pub use dial::open_for_patience;
pub use guard::CallGuard;
pub use lease::Lease;
pub use permits::Permit;
pub use sight::Sight;

use super::connect::{Target, is_full};
use super::deadline::{Allowance, Watermark, until, within};
use crate::error::{Code, Error, Result};
use crate::metrics::Metrics;
use calls::RunningCalls;
use cancel::CancelConnections;
use connection::{Connection, Rest, close, close_in_background, is_alive};
use futures_core::future::BoxFuture;
use permits::Permits;
use room::{ASK_AGAIN, Room};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::task::JoinSet;
use transactions::OpenTransactions;

/// A connection that has been idle for longer than this is pinged before it is used.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);

/// How often is looked whether a connection that is being opened is there.
const OPENING_CHECK: Duration = Duration::from_millis(10);

/// How much time there is for what a connection needs before its first statement, if the call has less time left.
const READY_LIMIT: Duration = Duration::from_secs(1);

/// What is wrong if a transaction waits for itself.
const USE_TX: &str = "Inside of a transaction's function, calls have to be made on its `tx`, because each call on the adapter needs a connection of its own";

/// Why the server refuses a connection.
const THE_SERVER_S: &str =
    "no further one is let in: compare `max` × processes with what the server, or the pooler before it, allows";

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
    pub lock_timeout: Option<Duration>,
    pub max_retries: u32,
}

pub struct Pool {
    pub options: PoolOptions,
    permits: Permits,
    idle: Mutex<Idle>,
    /// A connection that was last used before this moment is pinged before it is used.
    suspected: Watermark,
    /// A connection that was opened before this moment leads to the wrong server.
    outdated: Watermark,
    /// The connections from which the statements of others are cancelled, while they are needed.
    pub cancelling: CancelConnections,
    /// Why no connection could be opened, the last time that one was asked for.
    last_fault: Mutex<Option<Error>>,
    room: Room,
    /// Shared with each open connection.
    open: Arc<()>,
    /// Shared with each connection that is being opened.
    opening: Arc<()>,
    /// Notified when a connection is idle again.
    returned: Notify,
    pub calls: RunningCalls,
    pub transactions: Arc<OpenTransactions>,
    pub sight: Sight,
    pub metrics: Arc<Metrics>,
    /// Whether a connection is being opened for those that wait for locks.
    is_growing: AtomicBool,
    is_reaping: AtomicBool,
}

#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    is_closed: bool,
}

/// Numbers for `healthCheck()`.
#[derive(Debug, Clone, Copy)]
pub struct Gauges {
    pub total: usize,
    pub idle: usize,
    pub waiting: usize,
}

impl Pool {
    pub fn new(options: PoolOptions, sight: Sight, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            permits: Permits::new(options.max),
            options,
            idle: Mutex::default(),
            suspected: Watermark::new(),
            outdated: Watermark::new(),
            cancelling: CancelConnections::default(),
            last_fault: Mutex::default(),
            room: Room::default(),
            open: Arc::default(),
            opening: Arc::default(),
            returned: Notify::new(),
            calls: RunningCalls::default(),
            transactions: Arc::default(),
            sight,
            metrics,
            is_growing: AtomicBool::new(false),
            is_reaping: AtomicBool::new(false),
        })
    }

    pub fn has_waiters(&self) -> bool {
        self.permits.waiting() > 0
    }

    /// Whether a call would get a connection at once, and no call waits for one.
    pub fn has_free_connection(&self) -> bool {
        self.permits.used() < self.options.max && !self.has_waiters()
    }

    /// The same for a call of that kind, which may use its share of the connections only.
    pub fn has_free_connection_for(&self, kind: &'static str) -> bool {
        self.has_free_connection() && self.permits.has_left(kind)
    }

    /// For when a connection was lost: the idle ones may have been lost as well.
    pub fn suspect_idle(&self) {
        self.suspected.raise();
    }

    /// For when the server does not accept writes any more: all connections are replaced by new ones.
    pub fn replace_all(&self) {
        self.outdated.raise();
    }

    pub fn gauges(&self) -> Gauges {
        let idle = lock(&self.idle).connections.len();
        Gauges { total: self.permits.used() + idle, idle, waiting: self.permits.waiting() }
    }

    /// When a wait for a connection that begins now has to end.
    pub fn connecting_end(&self) -> Option<Instant> {
        Allowance::new(self.options.connection_timeout).end()
    }

    /// When a connection that was there before `end` has to be ready for its first statement. A call that has waited long for its
    /// turn has little time left. Where all do, each of them would otherwise have its connection given up, and none be served.
    pub fn ready_end(&self, end: Option<Instant>) -> Option<Instant> {
        end.max(self.options.connection_timeout.map(|limit| Instant::now() + limit.min(READY_LIMIT)))
    }

    /// An idle connection that is alive, if there is any. `end` is the time by which that must be known.
    pub async fn idle_connection(&self, end: Option<Instant>) -> Option<Connection> {
        while let Some(mut connection) = self.pop_idle() {
            if self.is_expired(&connection) {
                close_in_background(connection);
                continue;
            }
            if !self.is_doubtful(&connection) || is_alive(&mut connection, self.ready_end(end)).await {
                return Some(connection);
            }
            self.close_doubtful();
        }
        None
    }

    /// The right to one connection, for a call of that kind. `end` is the time by which there must be one.
    pub async fn permit(&self, kind: Option<&'static str>, end: Option<Instant>) -> Result<Permit> {
        self.permits.take(kind, end, &|| self.warn_of_transactions()).await.ok_or_else(|| self.timed_out())
    }

    /// How many connections one kind of call may use.
    pub fn share(&self) -> usize {
        self.permits.share()
    }

    /// The right to wait for a lock of another transaction: see [`Permits::patience`].
    pub fn patience(&self) -> Option<OwnedSemaphorePermit> {
        self.permits.patience().filter(|_| self.affords_patience())
    }

    /// The same for a statement that hardly ever waits for a lock: the only one with that right may have the only connection that is
    /// open, unless the server is known to refuse others.
    pub fn hopeful_patience(&self) -> Option<OwnedSemaphorePermit> {
        let is_hopeful = || self.permits.patient() == 1 && !self.room.has_refused();
        self.permits.patience().filter(|_| self.affords_patience() || is_hopeful())
    }

    /// Whether a connection is left to the others while all that have the right to wait for locks do so. One that is not open
    /// yet does not count: the server may let in fewer than `max`, and a statement that waits cannot be ended then, because
    /// that takes a connection, too.
    pub fn affords_patience(&self) -> bool {
        self.permits.patient() < self.open()
    }

    /// Whether one more may wait for a lock as soon as another connection is open.
    fn lacks_connection_for_patience(&self) -> bool {
        self.permits.patient() + 1 >= self.open()
    }

    /// How many connections are open, in use or not.
    pub fn open(&self) -> usize {
        Arc::strong_count(&self.open) - 1
    }

    /// How long a statement may wait for one lock.
    pub fn lock_limit(&self) -> Option<Duration> {
        [self.options.statement_timeout, self.options.lock_timeout].into_iter().flatten().min()
    }

    pub fn timed_out(&self) -> Error {
        let fault = lock(&self.last_fault).clone();
        let mut message = "no connection became free within connectionTimeoutMillis".to_owned();
        if let Some(full) = fault.as_ref().filter(|fault| is_full(fault)) {
            let reason = if full.context.sql_state.is_some() { THE_SERVER_S } else { &full.message };
            message = format!("{message}: {} of {} are open, and {reason}", self.open(), self.options.max);
        }
        if let Some(held) = self.held_by_transactions() {
            message = format!("{message}: transactions hold {held} of {}. {USE_TX}", self.options.max);
        }
        let mut error = Error::new(Code::PoolTimeout, message);
        error.retryable = true;
        error.cause = fault.and_then(|fault| fault.cause);
        error
    }

    /// How many connections transactions hold, if these are all that they may have.
    fn held_by_transactions(&self) -> Option<usize> {
        let is_full = lock(&self.last_fault).as_ref().is_some_and(is_full);
        let most = if is_full { self.share().min(self.open()) } else { self.share() };
        Some(self.transactions.count()).filter(|held| *held > 0 && *held >= most)
    }

    /// Without a connection for a call that a transaction waits for, both would wait until a limit ends one of them.
    fn warn_of_transactions(&self) {
        if let Some(held) = self.held_by_transactions()
            && self.transactions.begin_report()
        {
            let (connections, waiting) = (self.options.max, self.permits.waiting());
            tracing::warn!(
                transactions = held,
                connections,
                waiting,
                "calls wait for connections that transactions hold. {USE_TX}"
            );
        }
    }

    fn pop_idle(&self) -> Option<Connection> {
        lock(&self.idle).connections.pop()
    }

    /// An idle connection that leads to that host.
    fn idle_at(&self, host: usize) -> Option<Connection> {
        let connections = &mut lock(&self.idle).connections;
        let at = connections.iter().rposition(|connection| connection.host == host)?;
        Some(connections.remove(at))
    }

    /// Makes the connection available again, or closes it if the pool has been closed.
    pub fn put_back(&self, mut connection: Connection) {
        connection.rest = Rest::begin();
        let mut idle = lock(&self.idle);
        if idle.is_closed {
            drop(idle);
            close_in_background(connection);
        } else {
            idle.connections.push(connection);
            drop(idle);
            self.returned.notify_one();
        }
    }

    /// Whether there is a connection to wait for, after the server has refused another. Where several were asked for at once, the
    /// refusals may come before those that it lets in.
    async fn has_others(&self, end: Option<Instant>) -> bool {
        let are_known = async {
            while self.open() == 0 && Arc::strong_count(&self.opening) > 1 {
                tokio::time::sleep(OPENING_CHECK).await;
            }
        };
        until(end, within(Some(ASK_AGAIN), are_known)).await;
        self.open() > 0
    }

    /// Waits until a connection is idle again, or until it is time to ask the server for another.
    async fn returned(&self, end: Option<Instant>) -> Result<()> {
        let _waiting = self.permits.count_waiting();
        let mut returned = pin!(self.returned.notified());
        // From here on it is told of each one. One may have been returned before.
        returned.as_mut().enable();
        if !lock(&self.idle).connections.is_empty() {
            return Ok(());
        }
        until(end, within(Some(ASK_AGAIN), returned)).await.map(drop).ok_or_else(|| self.timed_out())
    }

    fn is_doubtful(&self, connection: &Connection) -> bool {
        connection.rest.elapsed() >= PING_AFTER_IDLE || self.suspected.is_after(connection.rest.since)
    }

    /// Closes all doubtful connections after one of them was found dead, so that no time is lost on the others.
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

    /// Starts the task that closes connections that have been idle for too long, and replaces those that are too old where `min`
    /// asks for that, unless it runs already.
    fn reap_in_background(self: &Arc<Self>, open_idle: fn(Arc<Self>) -> BoxFuture<'static, bool>) {
        if self.is_reaping.swap(true, Ordering::AcqRel) {
            return;
        }
        let period =
            [self.options.idle_timeout, self.options.max_lifetime].into_iter().flatten().min().map(|limit| limit / 4);
        let Some(period) = period else { return };
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut missing = 0;
            loop {
                tokio::time::sleep(period.clamp(Duration::from_millis(10), Duration::from_secs(5))).await;
                let Some(pool) = Weak::upgrade(&pool).filter(|pool| !pool.calls.is_closing()) else { return };
                missing += pool.reap();
                missing = missing.min(pool.options.min.saturating_sub(pool.gauges().total));
                while missing > 0 && open_idle(Arc::clone(&pool)).await {
                    missing -= 1;
                }
            }
        });
    }

    /// Closes idle connections that are too old. Returns how many of them `min` would have kept.
    fn reap(&self) -> usize {
        let mut idle = lock(&self.idle);
        let min = self.options.min.min(idle.connections.len());
        let mut excess = idle.connections.len() - min;
        // The oldest lie at the bottom.
        let (expired, kept) = std::mem::take(&mut idle.connections).into_iter().partition::<Vec<_>, _>(|connection| {
            let is_stale = self.options.idle_timeout.is_some_and(|limit| connection.rest.elapsed() >= limit);
            let closes = self.is_expired(connection) || (is_stale && excess > 0);
            excess -= usize::from(closes && excess > 0);
            closes
        });
        let missing = min.saturating_sub(kept.len());
        idle.connections = kept;
        drop(idle);
        expired.into_iter().for_each(close_in_background);
        missing
    }

    /// Refuses further calls, lets the running ones end until the limit, then ends them, on the server as well, and
    /// closes all connections.
    pub async fn close(&self, limit: Duration) {
        self.calls.finish(limit).await;
        let connections = {
            let mut idle = lock(&self.idle);
            idle.is_closed = true;
            std::mem::take(&mut idle.connections)
        };
        let mut closing: JoinSet<_> = connections.into_iter().map(close).collect();
        while closing.join_next().await.is_some() {}
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
