//! The runtime on which all work is done, and how a call's work gets there.

use crate::db::cause::system_cause;
use crate::error::{Code, Error, Result};
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::runtime::Runtime;

/// One runtime for the process, shared by all adapters and worker threads; it lives until the process ends.
static RUNTIME: OnceLock<Runtime> = OnceLock::new();

/// The work is waiting for the network and writing JSON; more threads only hand it to and fro.
const WORKER_THREADS: usize = 2;

/// Names are resolved on threads of their own, as many as in Node.js. They stay, because each new one reads the
/// environment when it resolves its first name: the C library's resolver does.
const RESOLVER_THREADS: usize = 4;
const RESOLVERS_STAY: Duration = Duration::from_hours(24);

/// The first call makes the runtime. Where the system refuses a thread, that call fails, and the next one tries again.
pub fn runtime() -> Result<&'static Runtime> {
    static MAKING: Mutex<()> = Mutex::new(());
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    match RUNTIME.get() {
        Some(runtime) => Ok(runtime),
        None => make_runtime().map(|runtime| RUNTIME.get_or_init(|| runtime)),
    }
}

fn make_runtime() -> Result<Runtime> {
    try_threads(WORKER_THREADS + 1).map_err(|error| no_threads(&error))?;
    let made = catch_unwind(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .max_blocking_threads(RESOLVER_THREADS)
            .thread_keep_alive(RESOLVERS_STAY)
            .thread_name("auth-postgres")
            .enable_all()
            .build()
    });
    let runtime = match made {
        Ok(made) => made.map_err(|error| no_threads(&error))?,
        // The threads that were there a moment ago are gone.
        Err(_) => return Err(no_threads(&io::ErrorKind::WouldBlock.into())),
    };
    // Later there may be no thread left for it, and names could not be resolved.
    drop(runtime.spawn_blocking(|| ()));
    Ok(runtime)
}

/// tokio panics when it gets no thread, and says so on standard error. So it is tried before.
fn try_threads(count: usize) -> io::Result<()> {
    let threads: Vec<_> = (0..count).map(|_| std::thread::Builder::new().spawn(|| ())).collect();
    threads.into_iter().try_for_each(|thread| thread.map(|thread| drop(thread.join())))
}

fn no_threads(error: &io::Error) -> Error {
    let mut refused = Error::new(Code::ResourceExhausted, "the system starts no further thread for this process");
    refused.retryable = true;
    refused.cause = Some(Box::new(system_cause(error)));
    refused
}

/// The work of a call. It is boxed, because otherwise the runtime's code would be compiled once for each method, a
/// megabyte of the addon.
pub type BoxedTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hands work to the runtime. What begins here is polled once on JavaScript's thread, so that its statement
/// leaves at once; the runtime gets it when the server's answer has come, and is not woken before.
pub fn spawn(begins_here: bool, task: BoxedTask) {
    // Callers ask [`runtime`] for it first. If there is none all the same, the task is dropped here, and its call is answered
    // with an error.
    let Some(runtime) = RUNTIME.get() else { return };
    if begins_here { Handover::begin(runtime, task) } else { drop(runtime.spawn(task)) }
}

/// The waker of a future's first poll: it hands the future over.
struct Handover {
    runtime: &'static Runtime,
    stage: Mutex<HandoverStage>,
}

enum HandoverStage {
    Polling {
        is_woken: bool,
    },
    Waiting(BoxedTask),
    /// Ended, or handed over.
    Gone,
}

impl Handover {
    fn begin(runtime: &'static Runtime, mut task: BoxedTask) {
        let handover = Arc::new(Self { runtime, stage: Mutex::new(HandoverStage::Polling { is_woken: false }) });
        let waker = Waker::from(Arc::clone(&handover));
        let _inside = runtime.enter();
        let poll = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(&mut Context::from_waker(&waker))));
        // After a panic the future is dropped, and its answer says so.
        if let Ok(Poll::Pending) = poll {
            handover.wait(task);
        }
    }

    /// Keeps the future until it is woken, which may have happened while it was polled.
    fn wait(&self, task: BoxedTask) {
        let mut stage = self.lock();
        let is_woken = matches!(*stage, HandoverStage::Polling { is_woken: true });
        if is_woken {
            *stage = HandoverStage::Gone;
            drop(stage);
            self.runtime.spawn(task);
        } else {
            *stage = HandoverStage::Waiting(task);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HandoverStage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Handover {
    fn wake(self: Arc<Self>) {
        let mut stage = self.lock();
        if let HandoverStage::Polling { is_woken } = &mut *stage {
            *is_woken = true;
            return;
        }
        let waiting = std::mem::replace(&mut *stage, HandoverStage::Gone);
        drop(stage);
        if let HandoverStage::Waiting(task) = waiting {
            self.runtime.spawn(task);
        }
    }
}
