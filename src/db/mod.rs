//! The only place that talks to sqlx: connections, retries, error classes, batches, migrations.
//! It knows no table.

mod background;
pub mod batch;
pub mod cause;
pub mod connect;
pub mod database;
pub mod deadline;
pub mod diagnose;
mod driver_panic;
pub mod error;
pub mod give_up;
mod health;
pub mod migrate;
pub mod pool;
pub mod run;
mod script;
mod silence;
pub mod tls;

pub use batch::{Batch, Batched, LockKey};
pub use database::Database;
pub use give_up::GiveUp;
pub use migrate::{Plan, Zones};
pub use run::statement::{Counted, PgQuery, Rows, TransactionBody};
pub use run::transaction::{Isolation, Transaction, TransactionCall, TransactionPlan, TransactionTurn};
pub use run::{Db, Repeat};
