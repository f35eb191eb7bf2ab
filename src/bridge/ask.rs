//! Asking JavaScript: a question goes out through the completion queue, and the facade answers it with a plain call.

use super::queue::Queue;
use crate::db::connect::AskPassword;
use crate::db::error::plain_cause;
use crate::error::{Cause, Code, Error, Result};
use napi_derive::napi;
use serde::Serialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// What waits for an answer, for all adapters of the process.
static QUESTIONS: LazyLock<Mutex<HashMap<u32, oneshot::Sender<Result<String>>>>> = LazyLock::new(Mutex::default);

static LAST_ID: AtomicU32 = AtomicU32::new(0);

/// An entry of the queue under the id 0, beside the log's.
#[derive(Serialize)]
struct Question {
    ask: u32,
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
    questions().insert(asked.0, sender);
    queue.log(&Question { ask: asked.0 });
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
    if let Some(sender) = questions().remove(&id) {
        // Fails only when the call has been given up meanwhile.
        let _ = sender.send(answer);
    }
}

fn failed(reason: &str, code: Option<String>) -> Error {
    let mut error = Error::new(Code::AuthenticationFailed, "the password function gave no password");
    error.cause = Some(Box::new(Cause { code, ..plain_cause("PasswordFunctionError", reason.to_owned()) }));
    error
}

fn questions() -> MutexGuard<'static, HashMap<u32, oneshot::Sender<Result<String>>>> {
    QUESTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}
