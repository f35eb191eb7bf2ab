//! Starts work that no caller waits for.

use std::future::Future;
use tracing::instrument::WithSubscriber;

/// Hands the work to the runtime. If there is no runtime, because the process is ending, the future is dropped instead, which
/// closes its sockets.
pub fn in_background<F: Future<Output = ()> + Send + 'static>(work: impl FnOnce() -> F) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(work().with_current_subscriber());
    }
}
