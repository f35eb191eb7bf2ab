//! Outside of every async context of JavaScript's.
#![expect(unsafe_code, reason = "napi-rs has no safe way to call a function without an async context")]

use napi::bindgen_prelude::{Function, JsValue, Object, sys};
use napi::{Env, check_status};
use napi_derive::napi;
use std::ptr;

/// Calls the function as if nothing had led there. What it makes that lives long (a timer, a thread-safe function) would
/// otherwise hold the `AsyncLocalStorage` stores of whoever came first, for ever, and what comes out of it would run in
/// that context. Node documents the loss for a call without an async context.
#[napi(skip_typescript)]
#[cfg_attr(test, allow(dead_code, reason = "napi exports nothing from a test"))]
pub fn without_context(env: Env, work: Function<'_, (), ()>) -> napi::Result<()> {
    // Node looks for stores on the object that the function is called on.
    let nobody = Object::new(&env)?;
    // Deno writes the result wherever it is told to, even to nowhere, although it may be left out in Node.
    let mut result = ptr::null_mut();
    // SAFETY: `env`, the object and the function are napi's own, for this call, and the result's place is ours.
    let status = unsafe {
        sys::napi_make_callback(env.raw(), ptr::null_mut(), nobody.raw(), work.raw(), 0, ptr::null(), &raw mut result)
    };
    check_status!(status)
}
