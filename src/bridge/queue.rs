//! The completion queue: everything that goes to JavaScript, in order, with one wake-up for many entries.

use super::questions::{self, QueueId};
use super::values::CallId;
use crate::error::{Code, Error};
use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use serde::Serialize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

/// An entry is a pair of JSON values: `id, result` · `-id, error` · `0, log line or question`. A chunk is an array of them.
type Chunk = Vec<u8>;

/// A chunk beyond this size is closed, so that no string grows past what JavaScript can hold.
const CHUNK_BYTES: usize = 1 << 20;

/// A longer result could not become a JavaScript string, whose limit is 2^29 characters in V8.
const MAX_ENTRY_BYTES: usize = 1 << 28;

/// Weak, so that an idle adapter never holds the process open: the facade does while calls are pending.
type Wake = ThreadsafeFunction<(), (), Vec<String>, Status, false, true>;

#[derive(Default)]
struct Undelivered {
    chunks: Mutex<Vec<Chunk>>,
    /// Whether JavaScript's thread has been woken and has not yet come to drain.
    is_woken: AtomicBool,
}

#[derive(Default)]
pub struct CompletionQueue {
    id: QueueId,
    undelivered: Arc<Undelivered>,
    /// None while JavaScript does not listen; entries wait until it does.
    wake: RwLock<Option<Wake>>,
    /// More than one for the moment in which Node has not yet let go of an earlier one.
    listeners: AtomicUsize,
}

/// Part of what Node keeps for as long as JavaScript listens: dropped when a worker thread is terminated.
struct Listener {
    queue: Weak<CompletionQueue>,
    id: QueueId,
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.queue.upgrade().is_none_or(|queue| queue.listeners.fetch_sub(1, Ordering::SeqCst) == 1) {
            questions::forget(self.id);
        }
    }
}

impl CompletionQueue {
    pub fn id(&self) -> QueueId {
        self.id
    }

    /// `drain` is called on JavaScript's thread with all chunks that wait.
    pub fn listen(self: &Arc<Self>, drain: &Function<'_, Vec<String>, ()>) -> napi::Result<()> {
        let drained = Arc::clone(&self.undelivered);
        let listener = Listener { queue: Arc::downgrade(self), id: self.id };
        self.listeners.fetch_add(1, Ordering::SeqCst);
        let wake = drain.build_threadsafe_function::<()>().weak::<true>().build_callback(move |_| {
            let _kept = &listener;
            Ok(drained.take())
        })?;
        wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        *self.wake.write().unwrap_or_else(PoisonError::into_inner) = Some(wake);
        Ok(())
    }

    /// Gives the handle back to Node, which counts it as open even though it holds nothing up.
    pub fn stop_listening(&self) {
        *self.wake.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a JavaScript thread takes the entries.
    pub fn is_heard(&self) -> bool {
        self.listeners.load(Ordering::SeqCst) > 0
    }

    pub fn succeed(&self, id: CallId, result: &impl Serialize) {
        let mut entry = format!("{id},").into_bytes();
        match serde_json::to_writer(&mut entry, result) {
            Ok(()) if entry.len() <= MAX_ENTRY_BYTES => self.push(&entry),
            Ok(()) => self.fail(id, &Error::new(Code::ResourceExhausted, "the result is longer than 256 MiB as JSON")),
            Err(_) => self.fail(id, &Error::new(Code::Internal, "the result could not be written as JSON")),
        }
    }

    pub fn fail(&self, id: CallId, error: &Error) {
        let mut entry = format!("-{id},").into_bytes();
        // An error is made of strings and numbers: writing it into memory cannot fail.
        if serde_json::to_writer(&mut entry, error).is_ok() {
            self.push(&entry);
        }
    }

    /// A log line, or a question to the facade.
    pub fn log(&self, line: &impl Serialize) {
        let mut entry = b"0,".to_vec();
        if serde_json::to_writer(&mut entry, line).is_ok() {
            self.push(&entry);
        }
    }

    fn push(&self, entry: &[u8]) {
        {
            let mut chunks = self.undelivered.chunks.lock().unwrap_or_else(PoisonError::into_inner);
            match chunks.last_mut() {
                Some(chunk) if chunk.len() < CHUNK_BYTES => chunk.push(b','),
                _ => chunks.push(vec![b'[']),
            }
            if let Some(chunk) = chunks.last_mut() {
                chunk.extend_from_slice(entry);
            }
        }
        if !self.undelivered.is_woken.swap(true, Ordering::AcqRel)
            && let Some(wake) = &*self.wake.read().unwrap_or_else(PoisonError::into_inner)
        {
            // Fails only when the environment is going away, and nobody is left to be told.
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }
}

impl Undelivered {
    fn take(&self) -> Vec<String> {
        // Before the chunks are taken: an entry that comes after them wakes again.
        self.is_woken.store(false, Ordering::Release);
        let chunks = std::mem::take(&mut *self.chunks.lock().unwrap_or_else(PoisonError::into_inner));
        chunks
            .into_iter()
            .map(|mut chunk| {
                chunk.push(b']');
                // serde_json writes UTF-8 only.
                String::from_utf8(chunk).unwrap_or_default()
            })
            .collect()
    }
}
