//! Asking JavaScript: a question goes out through the completion queue, and the facade answers it with a plain call.

use super::questions::{self, Question};
use super::queue::CompletionQueue;
use crate::db::cause::plain_cause;
use crate::db::connect::AskPassword;
use crate::error::{Cause, Code, Error, Result};
use crate::origin;
use napi_derive::napi;
use serde::Serialize;
use std::sync::Arc;

/// An entry of the queue under the id 0, beside the log's.
#[derive(Serialize)]
struct QuestionLine {
    ask: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<u32>,
}

/// A password from the caller's function.
pub fn password_asker(queue: Arc<CompletionQueue>) -> AskPassword {
    Arc::new(move || Box::pin(ask(Arc::clone(&queue))))
}

async fn ask(queue: Arc<CompletionQueue>) -> Result<String> {
    let (question, answer) = Question::open(queue.id());
    // This is checked after the question was registered, because JavaScript's thread may end in between.
    if !queue.is_heard() {
        question.withdraw();
    }
    queue.log(&QuestionLine { ask: question.id, call: origin::call() });
    answer.await.unwrap_or_else(|_| Err(failed("the password function could not be asked", None)))
}

/// The facade's answer: a password, or an error's text and code.
#[napi(skip_typescript)]
#[cfg_attr(test, allow(dead_code, reason = "napi exports nothing from a test"))]
pub fn answer_question(id: u32, password: Option<String>, reason: Option<String>, code: Option<String>) {
    let answer = match password {
        Some(password) => Ok(password),
        None => Err(failed(&reason.unwrap_or_default(), code)),
    };
    questions::answer(id, answer);
}

/// For the tests: how many questions wait for an answer.
#[cfg(debug_assertions)]
#[napi(skip_typescript)]
#[cfg_attr(test, allow(dead_code, reason = "napi exports nothing from a test"))]
pub fn open_questions() -> u32 {
    u32::try_from(questions::count()).unwrap_or(u32::MAX)
}

fn failed(reason: &str, code: Option<String>) -> Error {
    let mut error = Error::new(Code::AuthenticationFailed, "the password function gave no password");
    error.cause = Some(Box::new(Cause { code, ..plain_cause("PasswordFunctionError", reason.to_owned()) }));
    error
}
