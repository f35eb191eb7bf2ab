//! The values that cross: what a method takes and returns, as napi and the typings see it.
#![expect(
    unsafe_code,
    reason = "napi declares the methods of its conversion traits unsafe; each is called by napi, with napi's own values"
)]

use crate::error::Result;
use crate::input::{self, Input};
use napi::bindgen_prelude::{FromNapiValue, ToNapiValue, sys};
use serde::{Serialize, Serializer};
use std::marker::PhantomData;

/// Names a call until it is answered.
pub type CallId = u32;

/// What a method returns: to JavaScript the call's id, in the typings `Promise<T>`.
/// `T` ties the typing to the value that is really sent.
pub struct Pending<T> {
    id: CallId,
    result: PhantomData<fn() -> T>,
}

impl<T> Pending<T> {
    pub fn new(id: CallId) -> Self {
        Self { id, result: PhantomData }
    }
}

impl<T> ToNapiValue for Pending<T> {
    unsafe fn to_napi_value(env: sys::napi_env, value: Self) -> napi::Result<sys::napi_value> {
        // SAFETY: `env` is the one napi called us with.
        unsafe { u32::to_napi_value(env, value.id) }
    }
}

/// A value or `null`; `T | null` in the typings.
#[derive(Debug)]
pub struct Nullable<T>(pub Option<T>);

impl<T: Serialize> Serialize for Nullable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Nothing; `void` in the typings.
#[derive(Debug)]
pub struct Void;

impl Serialize for Void {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// An argument that crosses as JSON text. It is parsed on the runtime, or on JavaScript's thread when the call joins a
/// batch.
pub struct Json<T> {
    text: String,
    value: PhantomData<fn() -> T>,
}

impl<T: Input> Json<T> {
    /// `argument` is the parameter's name in the typings.
    pub fn parse(&self, argument: &str) -> Result<T> {
        input::parse(&self.text, argument)
    }
}

impl<T> FromNapiValue for Json<T> {
    unsafe fn from_napi_value(env: sys::napi_env, value: sys::napi_value) -> napi::Result<Self> {
        // SAFETY: both come from napi, for this call.
        let text = unsafe { String::from_napi_value(env, value) }?;
        Ok(Self { text, value: PhantomData })
    }
}

/// `signal` and `timeoutMs`, which the facade sees to; nothing of them crosses.
#[derive(Debug, Clone, Copy)]
pub struct CallOptions;

impl FromNapiValue for CallOptions {
    unsafe fn from_napi_value(_: sys::napi_env, _: sys::napi_value) -> napi::Result<Self> {
        Ok(Self)
    }
}
