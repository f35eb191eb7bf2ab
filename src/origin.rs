//! Which call of JavaScript's the work at hand is for: its log lines, and what is asked meanwhile, belong to the async
//! context of that call.

use std::future::Future;

tokio::task_local! {
    static CALL: Option<u32>;
}

/// `None` in the background.
pub fn call() -> Option<u32> {
    CALL.try_with(|call| *call).ok().flatten()
}

/// Does the work on behalf of that call. What it hands to the background is nobody's.
pub fn on_behalf_of<W: Future>(call: Option<u32>, work: W) -> impl Future<Output = W::Output> {
    CALL.scope(call, work)
}
