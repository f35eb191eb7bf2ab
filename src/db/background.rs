//! Work that nobody waits for.

use std::future::Future;
use tracing::instrument::WithSubscriber;

/// Hands the work to the runtime. Outside the runtime (the process is ending) what the future holds is dropped instead,
/// and its sockets are closed with it.
pub fn in_background<F: Future<Output = ()> + Send + 'static>(work: impl FnOnce() -> F) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(work().with_current_subscriber());
    }
}
