//! Between JavaScript and the core. A call comes in as a plain synchronous method, starts its work on the
//! runtime and returns its id; its result goes out through the [`queue::Queue`] as JSON text, with that id.
//! The facade (`lib/`) makes promises, Dates and errors of it, in the caller's own realm.
//!
//! Nothing outside this module and `adapter` touches napi.

pub mod ask;
mod context;
mod error_codes;
pub mod queue;
pub mod start;
pub mod turn;
mod values;

pub use values::{CallOptions, Json, Nullable, Pending, Void};

/// Names a call until it is answered.
pub type CallId = u32;
