//! What the migrator has to do, and the steps that it has done.

use super::condition::Told;
use super::legacy::Legacy;
use super::migration::Migration;
use super::shape::Shape;
use super::zones::Zones;
use std::time::Duration;

/// The migrations that `connect()` applies, the databases that it takes over, and the options for this.
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

/// Work that the tables need from time to time. `connect()` does it if it is due.
#[derive(Debug, Clone, Copy)]
pub struct Upkeep {
    /// An SQL condition: whether the upkeep is due. It is part of the one query of a `connect()` with nothing else to do,
    /// in which `own.name` is the schema. All functions and operators are qualified, so that they are the server's own
    /// whatever the search path is.
    pub is_due: &'static str,
    /// The statement that does the work.
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
