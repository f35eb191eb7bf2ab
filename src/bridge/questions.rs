//! The questions that JavaScript has not answered yet, for all adapters of the process.

use crate::error::Result;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

static OPEN: LazyLock<Mutex<HashMap<u32, OpenQuestion>>> = LazyLock::new(Mutex::default);

/// The id of a completion queue. No other queue of the process ever gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueId(u32);

impl Default for QueueId {
    /// A new id.
    fn default() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

static LAST_ID: AtomicU32 = AtomicU32::new(0);

struct OpenQuestion {
    /// The queue through which it was asked.
    queue: QueueId,
    answer: oneshot::Sender<Result<String>>,
}

/// Held by the call that asks. When it is dropped, nobody waits for the answer any more.
pub struct Question {
    pub id: u32,
}

impl Question {
    /// Registers a question, and returns what will receive its answer.
    pub fn open(queue: QueueId) -> (Self, oneshot::Receiver<Result<String>>) {
        let question = Self { id: LAST_ID.fetch_add(1, Ordering::Relaxed) };
        let (sender, receiver) = oneshot::channel();
        open().insert(question.id, OpenQuestion { queue, answer: sender });
        (question, receiver)
    }

    /// Nobody is there to answer it: the receiver ends without an answer.
    pub fn withdraw(&self) {
        open().remove(&self.id);
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.withdraw();
    }
}

pub fn answer(id: u32, answer: Result<String>) {
    if let Some(question) = open().remove(&id) {
        // This fails only if the call has been given up in the meantime.
        let _ = question.answer.send(answer);
    }
}

/// JavaScript's thread has ended: it will answer none of the questions that were asked through this queue.
pub fn forget(queue: QueueId) {
    open().retain(|_, question| question.queue != queue);
}

#[cfg(debug_assertions)]
pub fn count() -> usize {
    open().len()
}

fn open() -> MutexGuard<'static, HashMap<u32, OpenQuestion>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}
