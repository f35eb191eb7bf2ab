//! Calls functions outside of every async context of JavaScript's (`AsyncLocalStorage`).
#![expect(unsafe_code, reason = "napi-rs has no safe way to call a function without an async context")]

use napi::bindgen_prelude::{Function, JsValue, Object, sys};
use napi::{Env, check_status};
use napi_derive::napi;
use std::ptr;

/// Calls the function without an async context. Without this, a timer or a thread-safe function that it makes would keep the
/// stores of the first caller for ever, and its callbacks would run in that caller's context. According to Node's
/// documentation, a call that is given no async context loses the current one.
#[napi(skip_typescript)]
#[cfg_attr(test, allow(dead_code, reason = "napi exports nothing from a test"))]
pub fn without_context(env: Env, work: Function<'_, (), ()>) -> napi::Result<()> {
    // Node.js takes the stores from the object that the function is called on.
    let nobody = Object::new(&env)?;
    // Deno writes the result wherever it is told to, even to nowhere, although it may be left out in Node.
    let mut result = ptr::null_mut();
    // SAFETY: `env`, the object and the function are napi's own, for this call, and the result's place is ours.
    let status = unsafe {
        sys::napi_make_callback(env.raw(), ptr::null_mut(), nobody.raw(), work.raw(), 0, ptr::null(), &raw mut result)
    };
    check_status!(status)
}
