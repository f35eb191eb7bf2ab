//! Time limits.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How much longer than the server's own limit for a statement an attempt may take, for the network and for a server that
/// is slow to stop. After that the server counts as silent.
const SILENCE: Duration = Duration::from_secs(1);

/// Who has waited for no longer than this still has all of its time.
pub const SLACK: Duration = Duration::from_millis(100);

/// How long an attempt (one statement, or one transaction) may take, seen from here. Without a statement
/// timeout there is no limit.
pub fn attempt_limit(statement_timeout: Option<Duration>) -> Option<Duration> {
    statement_timeout.map(|limit| limit + SILENCE)
}

/// The output of the future, or `None` if it takes longer than the limit.
pub async fn within<F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, future).await.ok(),
        None => Some(future.await),
    }
}

/// The same, up to a point in time.
pub async fn until<F: Future>(end: Option<Instant>, future: F) -> Option<F::Output> {
    match end {
        Some(end) => tokio::time::timeout_at(end.into(), future).await.ok(),
        None => Some(future.await),
    }
}

/// Time that several waits share. What one of them has used is not available to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allowance(Option<Duration>);

impl Allowance {
    /// `None` means that there is no limit.
    pub fn new(limit: Option<Duration>) -> Self {
        Self(limit)
    }

    /// What is left of it now, if it ends then.
    pub fn until(end: Option<Instant>) -> Self {
        Self(end.map(|end| end.saturating_duration_since(Instant::now())))
    }

    pub fn left(self) -> Option<Duration> {
        self.0
    }

    /// When a wait that begins now has to end.
    pub fn end(self) -> Option<Instant> {
        self.0.map(|left| Instant::now() + left)
    }

    pub fn spend(&mut self, spent: Duration) {
        self.0 = self.0.map(|left| left.saturating_sub(spent));
    }

    /// Whether all of the limit is left, but for so much.
    pub fn is_fresh(self, limit: Option<Duration>, but: Duration) -> bool {
        self.0.zip(limit).is_none_or(|(left, limit)| left + but >= limit)
    }

    pub fn is_spent(self) -> bool {
        self.0.is_some_and(|left| left.is_zero())
    }
}

/// A point in time that only moves forward, and that is read without a lock. At first it is before all others.
#[derive(Debug)]
pub struct Watermark {
    base: Instant,
    micros: AtomicU64,
}

impl Watermark {
    pub fn new() -> Self {
        Self { base: Instant::now(), micros: AtomicU64::new(0) }
    }

    /// Moves it to the present.
    pub fn raise(&self) {
        self.micros.fetch_max(micros(self.base.elapsed()), Ordering::AcqRel);
    }

    pub fn is_after(&self, moment: Instant) -> bool {
        self.micros.load(Ordering::Acquire) > micros(moment.saturating_duration_since(self.base))
    }
}

/// For the log and for JavaScript: milliseconds, to the microsecond.
pub fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Allowance, Watermark};
    use std::time::{Duration, Instant};

    #[test]
    fn waits_share_an_allowance() {
        let mut allowance = Allowance::new(Some(Duration::from_mins(1)));
        allowance.spend(Duration::from_secs(50));
        allowance.spend(Duration::from_secs(50));
        assert!(allowance.end().is_some_and(|end| end <= Instant::now()));
        let mut endless = Allowance::new(None);
        endless.spend(Duration::from_secs(50));
        assert!(endless.end().is_none());
    }

    #[test]
    fn a_watermark_separates_before_from_after() {
        let mark = Watermark::new();
        let before = Instant::now();
        assert!(!mark.is_after(before));
        std::thread::sleep(Duration::from_millis(2));
        mark.raise();
        std::thread::sleep(Duration::from_millis(2));
        assert!(mark.is_after(before) && !mark.is_after(Instant::now()));
    }
}
