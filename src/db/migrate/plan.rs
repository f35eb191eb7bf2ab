//! What the migrator works towards, and what it has done.

use super::legacy::{Legacy, Zones};
use super::migration::Migration;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What `connect()` brings a database to, and from where.
pub struct Plan {
    pub migrations: &'static [Migration],
    pub legacy: &'static Legacy,
    pub zones: Zones,
    /// The option `schema`.
    pub schema: Option<String>,
    /// Whether the log has been told that policies apply to the role.
    pub has_warned: AtomicBool,
}

/// The migrations that were run, and how long each took; none when there was nothing left to do.
pub type Steps = Vec<(&'static str, Duration)>;
