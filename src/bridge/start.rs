//! Starting work on the runtime, and answering for it whatever happens.

use super::queue::CompletionQueue;
use super::values::{CallId, Pending};
use crate::db::cause::system_cause;
use crate::db::{GiveUp, TransactionTurn};
use crate::error::{Code, Error, Result};
use crate::metrics::{Measured, Metrics};
use serde::Serialize;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
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
    let _one = lock(&MAKING);
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

/// The calls of one adapter.
pub struct Calls {
    queue: Arc<CompletionQueue>,
    metrics: Arc<Metrics>,
    last_id: AtomicU32,
    in_flight: Arc<AtomicUsize>,
    /// Whether the next call is one that its caller may give up.
    expects_give_up: AtomicBool,
    tickets: Tickets,
}

/// The calls that may be given up.
type Tickets = Arc<Mutex<HashMap<CallId, Arc<Ticket>>>>;

/// What a call and the one who may give it up share.
struct Ticket {
    operation: &'static str,
    give_up: Arc<GiveUp>,
    measured: Option<Measured>,
    /// The call's result and its caller's leaving may meet: the first is the answer.
    is_answered: AtomicBool,
}

impl Calls {
    pub fn new(queue: Arc<CompletionQueue>, metrics: Arc<Metrics>) -> Self {
        Self {
            queue,
            metrics,
            last_id: AtomicU32::new(0),
            in_flight: Arc::default(),
            expects_give_up: AtomicBool::new(false),
            tickets: Arc::default(),
        }
    }

    /// The next call may be given up. Both are made by JavaScript's thread, one right after the other.
    pub fn expect_give_up(&self) {
        self.expects_give_up.store(true, Ordering::Relaxed);
    }

    /// Begins a call that is answered through the returned [`Answer`].
    pub fn begin<T>(&self, operation: &'static str) -> (Pending<T>, Answer) {
        self.begin_call(operation, Some(self.metrics.calls.begin(operation)))
    }

    /// The same for a part of a call that is measured as a whole.
    pub fn begin_part<T>(&self, operation: &'static str) -> (Pending<T>, Answer) {
        self.begin_call(operation, None)
    }

    fn begin_call<T>(&self, operation: &'static str, measured: Option<Measured>) -> (Pending<T>, Answer) {
        let id = self.next_id();
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let answer = Answer {
            id,
            operation,
            queue: Arc::clone(&self.queue),
            in_flight: Arc::clone(&self.in_flight),
            ticket: self.take_ticket(id, operation, measured.as_ref()),
            measured,
            metrics: Arc::clone(&self.metrics),
            is_counted: true,
            is_given: false,
            has_succeeded: false,
            turn: None,
        };
        (Pending::new(id), answer)
    }

    fn take_ticket(
        &self,
        id: CallId,
        operation: &'static str,
        measured: Option<&Measured>,
    ) -> Option<(Arc<Ticket>, Tickets)> {
        if !self.expects_give_up.load(Ordering::Relaxed) {
            return None;
        }
        self.expects_give_up.store(false, Ordering::Relaxed);
        let measured = measured.cloned();
        let give_up = Arc::default();
        let ticket = Arc::new(Ticket { operation, give_up, measured, is_answered: AtomicBool::new(false) });
        lock(&self.tickets).insert(id, Arc::clone(&ticket));
        Some((ticket, Arc::clone(&self.tickets)))
    }

    /// The caller waits no longer: it is answered at once, and the call ends wherever it is.
    pub fn give_up(&self, id: CallId, reason: String) {
        let Some(ticket) = lock(&self.tickets).remove(&id) else { return };
        // First, for the call that is dropped owes an answer as well.
        if ticket.is_answered.swap(true, Ordering::AcqRel) {
            return;
        }
        let is_in_doubt = ticket.give_up.give_up();
        let mut error = Error::new(Code::Cancelled, reason);
        error.retryable = !is_in_doubt;
        error.context.outcome = is_in_doubt.then_some("unknown");
        if let Some(measured) = &ticket.measured {
            measured.end(Some(error.code.name()));
        }
        self.queue.fail(id, &error.in_operation(ticket.operation));
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

/// The work of a call. It is boxed, because otherwise the runtime's code would be compiled once for each method, a
/// megabyte of the addon.
pub type BoxedTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hands work to the runtime. What begins here is polled once on JavaScript's thread, so that its statement
/// leaves at once; the runtime gets it when the server's answer has come, and is not woken before.
pub fn spawn(begins_here: bool, task: BoxedTask) {
    // Dropped without a runtime, the work's answer says that it was: see [`runtime`], which is asked before.
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

/// Owes one call its answer. Dropped without one (a panic, an aborted task), it answers with an error:
/// no promise is left hanging.
pub struct Answer {
    id: CallId,
    operation: &'static str,
    queue: Arc<CompletionQueue>,
    in_flight: Arc<AtomicUsize>,
    ticket: Option<(Arc<Ticket>, Tickets)>,
    measured: Option<Measured>,
    metrics: Arc<Metrics>,
    is_counted: bool,
    is_given: bool,
    has_succeeded: bool,
    /// The call's turn in a transaction. It ends last, after the transaction has been told that the call failed.
    turn: Option<TransactionTurn>,
}

impl Answer {
    pub fn give<T: Serialize>(mut self, result: &Result<T>) {
        if !self.is_first() {
            return;
        }
        if let Some(measured) = &self.measured {
            measured.end(result.as_ref().err().map(|error| error.code.name()));
        }
        if let Some(attempts) = self.metrics.observed.take_attempts(self.id) {
            self.queue.log(&serde_json::json!({ "call": self.id, "attempts": attempts }));
        }
        match result {
            Ok(value) => {
                self.queue.succeed(self.id, value);
                self.has_succeeded = true;
            }
            Err(error) => self.queue.fail(self.id, &error.clone().in_operation(self.operation)),
        }
    }

    pub fn id(&self) -> CallId {
        self.id
    }

    /// The next call of the transaction waits until this one has been answered.
    pub fn hold_turn(&mut self, turn: TransactionTurn) {
        self.turn = Some(turn);
    }

    /// The call is not one of those that are under way, see [`Calls::is_idle`].
    pub fn uncounted(mut self) -> Self {
        self.stop_counting();
        self
    }

    fn stop_counting(&mut self) {
        if std::mem::take(&mut self.is_counted) {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The caller's way out, when it has asked for one.
    pub fn give_up(&self) -> Option<Arc<GiveUp>> {
        self.ticket.as_ref().map(|(ticket, _)| Arc::clone(&ticket.give_up))
    }

    /// Whether the call has not been answered before.
    fn is_first(&mut self) -> bool {
        self.is_given = true;
        self.ticket.take().is_none_or(|(ticket, tickets)| {
            lock(&tickets).remove(&self.id);
            !ticket.is_answered.swap(true, Ordering::AcqRel)
        })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.stop_counting();
        if !self.is_given && self.is_first() {
            let error = Error::new(Code::Internal, "the call ended without a result: please report this as a bug");
            if let Some(measured) = &self.measured {
                measured.end(Some(error.code.name()));
            }
            self.queue.fail(self.id, &error.in_operation(self.operation));
        }
        if let Some(turn) = &self.turn
            && !self.has_succeeded
        {
            turn.fail();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
