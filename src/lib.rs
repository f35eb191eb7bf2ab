//! The Rust core of `@kitiumai/auth-postgres`.
//!
//! The way of a call, top to bottom, one way in and the same way out:
//!
//! ```text
//! lib/          the facade, in the caller's realm: promises, Dates and errors are made here
//! adapter/      what JavaScript sees: three lines a method; the typings come from here
//! store/        one file a kind of record: records, inputs, SQL; knows no JavaScript
//! db/           the only place that talks to sqlx: connections, retries, batches, migrations
//! PostgreSQL    … and back: record → JSON text → completion queue (bridge/) → one wake-up → promise
//! ```
//!
//! How to add a method, worked: see "Adding a method" in `ARCHITECTURE.md`.

mod adapter;
mod bridge;
mod clock;
mod db;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod id;
mod input;
mod metrics;
mod options;
mod origin;
mod store;
