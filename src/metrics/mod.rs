//! What the adapter counts. Counting a call takes two readings of the clock and a few additions, so that it is always on.

mod calls;
mod histogram;
mod observed;

pub use calls::{CallMetrics, Measured};
pub use histogram::{BATCH_SIZES, HistogramFigures};
pub use observed::{ConnectionTime, Observed};

use histogram::Histogram;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Everything that one adapter counts, from its construction on.
pub struct Metrics {
    pub calls: CallMetrics,
    /// Attempts to run a statement.
    statements: AtomicU64,
    /// Those of them that repeated an earlier one.
    retries: AtomicU64,
    opened: AtomicU64,
    failed: AtomicU64,
    /// How many calls each statement served, of the kinds of calls that may share one.
    batch_sizes: Mutex<Histogram>,
    /// Statements under way, by a number of their own: what they are for, and when they were sent.
    running: Mutex<BTreeMap<u64, (&'static str, Instant)>>,
    pub observed: Observed,
}

/// The current figures, without those of the calls.
pub struct Figures {
    pub statements: u64,
    pub retries: u64,
    pub connections_opened: u64,
    pub connections_failed: u64,
    pub batch_sizes: HistogramFigures,
    /// The statements that have been running longest, the oldest first.
    pub running: Vec<(&'static str, Duration)>,
}

/// How many running statements are listed.
const LONGEST: usize = 10;

impl Default for Metrics {
    fn default() -> Self {
        Self {
            calls: CallMetrics::default(),
            statements: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            batch_sizes: Mutex::new(Histogram::new(&BATCH_SIZES)),
            running: Mutex::default(),
            observed: Observed::default(),
        }
    }
}

impl Metrics {
    /// A statement is sent. It counts as running until the guard is dropped.
    pub fn statement(&self, operation: &'static str, attempt: u32) -> RunningStatement<'_> {
        let number = self.statements.fetch_add(1, Ordering::Relaxed);
        if attempt > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
        lock(&self.running).insert(number, (operation, Instant::now()));
        RunningStatement { metrics: self, number }
    }

    /// Counts a statement that serves so many calls.
    pub fn batch(&self, calls: usize) {
        #[expect(clippy::cast_precision_loss, reason = "at most 256")]
        lock(&self.batch_sizes).add(calls as f64);
    }

    /// Counts a connection that was opened or could not be opened, and how long that took.
    pub fn connecting(&self, succeeded: bool, took: Duration) {
        let count = if succeeded { &self.opened } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
        if succeeded {
            self.observed.connection(ConnectionTime::Create, took);
        }
    }

    pub fn figures(&self) -> Figures {
        let now = Instant::now();
        // They are numbered in the order in which they were sent.
        let running = lock(&self.running)
            .values()
            .take(LONGEST)
            .map(|(operation, since)| (*operation, now.saturating_duration_since(*since)))
            .collect();
        Figures {
            statements: self.statements.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            connections_opened: self.opened.load(Ordering::Relaxed),
            connections_failed: self.failed.load(Ordering::Relaxed),
            batch_sizes: lock(&self.batch_sizes).figures(),
            running,
        }
    }
}

/// A statement under way.
pub struct RunningStatement<'m> {
    metrics: &'m Metrics,
    number: u64,
}

impl Drop for RunningStatement<'_> {
    fn drop(&mut self) {
        lock(&self.metrics.running).remove(&self.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
