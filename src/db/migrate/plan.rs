//! What the migrator is to bring a database to, and what it has done for that.

use super::condition::Told;
use super::legacy::Legacy;
use super::migration::Migration;
use super::shape::Shape;
use super::zones::Zones;
use std::time::Duration;

/// What `connect()` brings a database to, and from where.
pub struct Plan {
    pub migrations: &'static [Migration],
    pub legacy: &'static Legacy,
    pub zones: Zones,
    /// The option `schema`.
    pub schema: Option<String>,
    pub upkeep: Upkeep,
    /// Which warnings about the condition of the tables have been logged already.
    pub told: Told,
}

/// What the tables need from time to time, and `connect()` does if it is due.
#[derive(Debug, Clone, Copy)]
pub struct Upkeep {
    /// A condition about the schema in `own.name`, part of the one query of a `connect()` with nothing else to do. Every
    /// function and operator is the server's own, whatever the search path is.
    pub is_due: &'static str,
    /// The statement.
    pub run: &'static str,
}

impl Plan {
    /// The names of the TypeScript adapter's indexes. If that adapter is still running somewhere, it creates them again
    /// on our tables.
    pub fn old_indexes(&self) -> Vec<&'static str> {
        self.legacy.shapes.iter().flat_map(Shape::indexes).collect()
    }
}

/// The migrations that were run, and how long each took. Empty if there was nothing left to do.
pub type Steps = Vec<(&'static str, Duration)>;
