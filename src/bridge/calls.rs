//! The calls of an adapter, each of which is answered whatever happens.

use super::queue::CompletionQueue;
use super::values::{CallId, Pending};
use crate::db::{GiveUp, TransactionTurn};
use crate::error::{Code, Error, Result};
use crate::metrics::{Measured, Metrics};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// The calls that their callers may give up, by id.
type Tickets = Arc<Mutex<HashMap<CallId, Arc<Ticket>>>>;

/// What a call shares with the caller, who may give it up.
struct Ticket {
    operation: &'static str,
    give_up: Arc<GiveUp>,
    measured: Option<Measured>,
    /// A result may arrive at the same time as the caller gives up. Whichever sets this first is the answer.
    is_answered: AtomicBool,
    /// Held while the caller is told that the call was given up. What follows from its end has to come later.
    giving_up: Mutex<()>,
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

    /// Says that the caller of the next call may give it up. JavaScript's thread makes that call right after this one.
    pub fn expect_give_up(&self) {
        self.expects_give_up.store(true, Ordering::Relaxed);
    }

    /// Begins a call that is answered through the returned [`Answer`].
    pub fn begin<T>(&self, operation: &'static str) -> (Pending<T>, Answer) {
        self.begin_call(operation, Some(self.metrics.calls.begin(operation)))
    }

    /// Begins a part of a call. It is not measured itself, because the whole call is.
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
        let ticket = Arc::new(Ticket {
            operation,
            give_up,
            measured,
            is_answered: AtomicBool::new(false),
            giving_up: Mutex::default(),
        });
        lock(&self.tickets).insert(id, Arc::clone(&ticket));
        Some((ticket, Arc::clone(&self.tickets)))
    }

    /// Gives a call up: its caller is answered at once, and its work is ended.
    pub fn give_up(&self, id: CallId, reason: String) {
        let Some(ticket) = lock(&self.tickets).remove(&id) else { return };
        let _giving_up = lock(&ticket.giving_up);
        // The caller is answered before the work is ended, because the work would answer, too, when it is dropped.
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
        report_attempts(&self.metrics, &self.queue, id);
        self.queue.fail(id, &error.in_operation(ticket.operation));
    }

    /// Whether no call is running.
    pub fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0
    }

    fn next_id(&self) -> CallId {
        // The id 0 stands for log lines.
        match self.last_id.fetch_add(1, Ordering::Relaxed).wrapping_add(1) {
            0 => self.next_id(),
            id => id,
        }
    }
}

/// Sends the answer to one call. If it is dropped before that, because of a panic or an aborted task, it sends an error, so
/// that no promise stays pending.
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
        report_attempts(&self.metrics, &self.queue, self.id);
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

    /// Does not count the call as running: see [`Calls::is_idle`].
    pub fn uncounted(mut self) -> Self {
        self.stop_counting();
        self
    }

    fn stop_counting(&mut self) {
        if std::mem::take(&mut self.is_counted) {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// How the caller may give the call up, if it has asked for that.
    pub fn give_up(&self) -> Option<Arc<GiveUp>> {
        self.ticket.as_ref().map(|(ticket, _)| Arc::clone(&ticket.give_up))
    }

    /// Whether this is the first answer to the call. Further ones are dropped.
    fn is_first(&mut self) -> bool {
        self.is_given = true;
        self.ticket.take().is_none_or(|(ticket, tickets)| {
            lock(&tickets).remove(&self.id);
            let is_first = !ticket.is_answered.swap(true, Ordering::AcqRel);
            if !is_first {
                drop(lock(&ticket.giving_up));
                // There may have been another attempt since.
                self.metrics.observed.take_attempts(self.id);
            }
            is_first
        })
    }
}

/// Tells those who observe the call how often its statement was sent, if that was more than once.
fn report_attempts(metrics: &Metrics, queue: &CompletionQueue, id: CallId) {
    if let Some(attempts) = metrics.observed.take_attempts(id) {
        queue.log(&serde_json::json!({ "call": id, "attempts": attempts }));
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
