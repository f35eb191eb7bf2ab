//! The register of running calls: it counts them, refuses more when there are too many or the pool is closing, and ends
//! those that outlive a disconnect's deadline.

use crate::db::deadline::within;
use crate::db::give_up::GiveUp;
use crate::error::{Code, Error, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// How long the calls that outlived a disconnect's deadline may take to end.
const ABORT_GRACE: Duration = Duration::from_secs(2);

/// Calls under way at one time, waiting or running. One more is refused, because a queue that only grows answers nobody.
const MAX_CALLS: usize = 1 << 16;

#[derive(Default)]
pub struct RunningCalls {
    count: AtomicUsize,
    /// Refuses further calls.
    closing: GiveUp,
    /// Ends all calls.
    abort: GiveUp,
    drained: Notify,
}

impl RunningCalls {
    pub fn begin(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    pub fn end(&self) {
        if self.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.drained.notify_waiters();
        }
    }

    /// For a call that has begun: an error if it must not go on.
    pub fn admit(&self) -> Result<()> {
        if self.is_closing() {
            return Err(not_connected());
        }
        if self.count.load(Ordering::Relaxed) > MAX_CALLS {
            let mut error = Error::new(Code::ResourceExhausted, "too many calls are waiting already");
            error.retryable = true;
            return Err(error);
        }
        Ok(())
    }

    pub fn is_closing(&self) -> bool {
        self.closing.is_given_up()
    }

    pub fn refuse_more(&self) {
        self.closing.give_up();
    }

    /// Resolves when further calls are refused.
    pub async fn closing(&self) {
        self.closing.wait().await;
    }

    /// Refuses further calls, lets the running ones end until the limit, then ends them.
    pub async fn finish(&self, limit: Duration) {
        self.refuse_more();
        if within(Some(limit), self.wait_until_drained()).await.is_none() {
            let calls = self.count.load(Ordering::Relaxed);
            tracing::warn!(calls, "disconnect: the deadline has passed, ending running calls");
            self.abort.give_up();
            let _ = within(Some(ABORT_GRACE), self.wait_until_drained()).await;
        }
    }

    /// Whether running calls have to end.
    pub fn is_aborted(&self) -> bool {
        self.abort.is_given_up()
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
            if self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            drained.await;
        }
    }
}

pub fn not_connected() -> Error {
    Error::new(Code::NotConnected, "the adapter has been disconnected: call connect() to open it again")
}

/// What a call that `disconnect()` ends is told.
pub fn aborted() -> Error {
    Error::new(Code::Cancelled, "disconnect() ended the call")
}
