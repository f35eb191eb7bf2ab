//! Starting work on the runtime, and answering for it whatever happens.

use super::queue::Queue;
use super::{CallId, Pending};
use crate::error::{Code, Error, Result};
use serde::Serialize;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use tokio::runtime::Runtime;

/// One runtime for the process, shared by all adapters and worker threads; it lives until the process ends.
pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "without a runtime there is nothing to go on with; napi makes an exception of the panic"
    )]
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .thread_name("auth-postgres")
        .enable_all()
        .build()
        .expect("the operating system refused to start a thread")
});

/// The work is waiting for the network and writing JSON; more threads only hand it to and fro.
const WORKER_THREADS: usize = 2;

/// The calls of one adapter.
pub struct Calls {
    queue: Arc<Queue>,
    last_id: AtomicU32,
    in_flight: Arc<AtomicUsize>,
}

impl Calls {
    pub fn new(queue: Arc<Queue>) -> Self {
        Self { queue, last_id: AtomicU32::new(0), in_flight: Arc::default() }
    }

    /// Begins a call that is answered through the returned [`Answer`].
    pub fn begin<T>(&self, operation: &'static str) -> (Pending<T>, Answer) {
        let id = self.next_id();
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = Answer {
            id,
            operation,
            queue: Arc::clone(&self.queue),
            in_flight: Arc::clone(&self.in_flight),
            is_given: false,
        };
        (Pending::new(id), answer)
    }

    /// Whether no call is under way.
    pub fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0
    }

    fn next_id(&self) -> CallId {
        // 0 is taken by log lines.
        match self.last_id.fetch_add(1, Ordering::Relaxed).wrapping_add(1) {
            0 => self.next_id(),
            id => id,
        }
    }
}

/// Hands a future to the runtime. A lone one is polled once right here, on JavaScript's thread: its statement
/// leaves at once, and the hand-over happens while the server works.
pub fn spawn(is_alone: bool, future: impl Future<Output = ()> + Send + 'static) {
    if !is_alone {
        RUNTIME.spawn(future);
        return;
    }
    let _inside = RUNTIME.enter();
    let mut future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
    let poll = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }));
    // After a panic the future is dropped, and its answer says so.
    if let Ok(Poll::Pending) = poll {
        RUNTIME.spawn(future);
    }
}

/// Owes one call its answer. Dropped without one (a panic, an aborted task), it answers with an error:
/// no promise is left hanging.
pub struct Answer {
    id: CallId,
    operation: &'static str,
    queue: Arc<Queue>,
    in_flight: Arc<AtomicUsize>,
    is_given: bool,
}

impl Answer {
    pub fn give<T: Serialize>(mut self, result: &Result<T>) {
        self.is_given = true;
        match result {
            Ok(value) => self.queue.succeed(self.id, value),
            Err(error) => self.queue.fail(self.id, &error.clone().in_operation(self.operation)),
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        if !self.is_given {
            let error = Error::new(Code::Internal, "the call ended without a result: please report this as a bug");
            self.queue.fail(self.id, &error.in_operation(self.operation));
        }
    }
}
