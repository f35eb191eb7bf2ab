//! How many connections transactions hold. They are not free before a function of the application's has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Default)]
pub struct OpenTransactions {
    count: AtomicUsize,
    /// Whether the log has been told that calls wait for them, since one of them ended.
    is_reported: AtomicBool,
}

impl OpenTransactions {
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether the log has still to be told. It is told once, not for each call that waits.
    pub fn begin_report(&self) -> bool {
        !self.is_reported.swap(true, Ordering::Relaxed)
    }
}

/// Counts a transaction for as long as its connection belongs to it.
pub struct CountedTransaction(Arc<OpenTransactions>);

impl CountedTransaction {
    pub fn new(open: &Arc<OpenTransactions>) -> Self {
        open.count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for CountedTransaction {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
        self.0.is_reported.store(false, Ordering::Relaxed);
    }
}
