//! The only place that talks to sqlx: connections, retries, error classes, batches, migrations.
//! It knows no table.

pub mod batch;
pub mod cancel;
pub mod connect;
pub mod database;
pub mod deadline;
mod dial;
pub mod error;
pub mod give_up;
mod health;
pub mod lease;
pub mod migrate;
mod pgpass;
pub mod pool;
#[cfg(unix)]
mod relay;
pub mod run;
mod search_path;
mod statement;
pub mod tls;
mod understood;
pub mod unit;

pub use batch::{Batch, Batched, LockKey};
pub use database::Database;
pub use give_up::GiveUp;
pub use migrate::{Plan, Zones};
pub use run::{Db, Repeat};
pub use statement::{Counted, PgQuery, Rows, TransactionBody};
