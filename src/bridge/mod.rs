//! Between JavaScript and the core. A call comes in as a plain synchronous method, starts its work on the
//! runtime and returns its id; its result goes out through the [`queue::CompletionQueue`] as JSON text, with that id.
//! The facade (`lib/`) makes promises, Dates and errors of it, in the caller's own realm.
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

pub use values::{CallOptions, Json, Nullable, Pending, Void};
