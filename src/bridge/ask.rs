//! Asking JavaScript: a question goes out through the completion queue, and the facade answers it with a plain call.

use super::queue::Queue;
use crate::db::connect::AskPassword;
use crate::db::error::plain_cause;
use crate::error::{Cause, Code, Error, Result};
use crate::origin;
use napi_derive::napi;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::oneshot;

/// What waits for an answer, for all adapters of the process.
static QUESTIONS: LazyLock<Mutex<HashMap<u32, Waiting>>> = LazyLock::new(Mutex::default);

struct Waiting {
    queue: Weak<Queue>,
    answer: oneshot::Sender<Result<String>>,
}

static LAST_ID: AtomicU32 = AtomicU32::new(0);

/// An entry of the queue under the id 0, beside the log's.
#[derive(Serialize)]
struct Question {
    ask: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<u32>,
}

/// Forgotten when nobody waits for the answer any more.
struct Asked(u32);

impl Drop for Asked {
    fn drop(&mut self) {
        questions().remove(&self.0);
    }
}

/// A password from the caller's function.
pub fn password_asker(queue: Arc<Queue>) -> AskPassword {
    Arc::new(move || Box::pin(ask(Arc::clone(&queue))))
}

async fn ask(queue: Arc<Queue>) -> Result<String> {
    let asked = Asked(LAST_ID.fetch_add(1, Ordering::Relaxed));
    let (sender, receiver) = oneshot::channel();
    questions().insert(asked.0, Waiting { queue: Arc::downgrade(&queue), answer: sender });
    // Afterwards, or a thread that ends in between would be missed.
    if !queue.is_heard() {
        questions().remove(&asked.0);
    }
    queue.log(&Question { ask: asked.0, call: origin::call() });
    receiver.await.unwrap_or_else(|_| Err(failed("the password function could not be asked", None)))
}

/// The facade's answer: a password, or why there is none, and the error's code.
#[napi(skip_typescript)]
#[cfg_attr(test, allow(dead_code, reason = "napi exports nothing from a test"))]
pub fn answer_question(id: u32, password: Option<String>, reason: Option<String>, code: Option<String>) {
    let answer = match password {
        Some(password) => Ok(password),
        None => Err(failed(&reason.unwrap_or_default(), code)),
    };
    if let Some(waiting) = questions().remove(&id) {
        // Fails only when the call has been given up meanwhile.
        let _ = waiting.answer.send(answer);
    }
}

/// JavaScript's thread has ended, and answers no more.
pub fn forget(queue: &Weak<Queue>) {
    questions().retain(|_, waiting| !waiting.queue.ptr_eq(queue));
}

/// For the tests: how many questions wait for an answer.
#[cfg(debug_assertions)]
#[napi(skip_typescript)]
#[cfg_attr(test, allow(dead_code, reason = "napi exports nothing from a test"))]
pub fn open_questions() -> u32 {
    u32::try_from(questions().len()).unwrap_or(u32::MAX)
}

fn failed(reason: &str, code: Option<String>) -> Error {
    let mut error = Error::new(Code::AuthenticationFailed, "the password function gave no password");
    error.cause = Some(Box::new(Cause { code, ..plain_cause("PasswordFunctionError", reason.to_owned()) }));
    error
}

fn questions() -> MutexGuard<'static, HashMap<u32, Waiting>> {
    QUESTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}
