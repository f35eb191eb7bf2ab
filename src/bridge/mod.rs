//! The bridge between JavaScript and the core. A call is a synchronous method, which starts the work on the runtime and
//! returns the call's id. The result is sent through the [`queue::CompletionQueue`] as JSON text, with that id. The facade
//! (`lib/`) makes promises, Dates and errors of it, in the caller's own realm.
//!
//! Nothing outside this module and `adapter` touches napi.

pub mod ask;
pub mod calls;
mod context;
mod error_codes;
pub mod log;
mod questions;
pub mod queue;
pub mod runtime;
pub mod tick_gather;
mod values;

pub use values::{CallId, CallOptions, Json, Nullable, Pending, Void};
