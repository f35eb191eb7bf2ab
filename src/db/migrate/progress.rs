//! Which migrations have been applied to a database, which are pending, and which differ from those of this package.

use super::execute::failure;
use super::history;
use super::migration::Migration;
use super::schema::Schema;
use crate::error::Result;
use sqlx::{AssertSqlSafe, PgConnection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationPhase {
    Applied,
    Pending,
    /// It was applied, but its SQL was not the one that this package has.
    Edited,
    /// It was applied, and this package does not have it.
    Newer,
}

impl MigrationPhase {
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Edited => "edited",
            Self::Newer => "newer",
        }
    }
}

pub struct MigrationProgress {
    pub id: String,
    pub phase: MigrationPhase,
    /// In UTC, as ISO 8601.
    pub applied_at: Option<String>,
    pub duration_ms: Option<f64>,
}

pub struct Progress {
    /// The schema of the tables.
    pub schema: String,
    /// The version of the TypeScript adapter whose tables were taken over.
    pub taken_over_from: Option<String>,
    /// In the order of the ids.
    pub migrations: Vec<MigrationProgress>,
}

impl Progress {
    pub fn has(&self, id: &str) -> bool {
        self.migrations.iter().any(|migration| migration.id == id && migration.phase != MigrationPhase::Pending)
    }

    /// Whether nothing has been applied.
    pub fn is_empty(&self) -> bool {
        self.migrations.iter().all(|migration| migration.phase == MigrationPhase::Pending)
    }

    /// Those that are not noted though a later one is. They have run before that, and somebody has lost their rows.
    pub fn lost(&self) -> Vec<&str> {
        let mut is_later = false;
        let mut ids = Vec::new();
        for each in self.migrations.iter().rev() {
            if each.phase == MigrationPhase::Pending && is_later {
                ids.push(each.id.as_str());
            }
            is_later |= each.phase != MigrationPhase::Pending;
        }
        ids.reverse();
        ids
    }

    pub fn ids(&self, phase: MigrationPhase) -> Vec<&str> {
        self.migrations.iter().filter(|each| each.phase == phase).map(|each| each.id.as_str()).collect()
    }
}

const ROWS: &str = "
    SELECT id, checksum, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), duration_ms
      FROM :\"schema\".auth_migrations
     ORDER BY id";

/// Reads it in a transaction that may be read-only.
pub async fn read(connection: &mut PgConnection, schema: &Schema, migrations: &[Migration]) -> Result<Progress> {
    let mut progress = Progress { schema: schema.name.clone(), taken_over_from: None, migrations: Vec::new() };
    let rows: Vec<(String, String, String, f64)> = if history::is_there(connection, schema).await? {
        sqlx::query_as(AssertSqlSafe(schema.fill(ROWS)))
            .persistent(false)
            .fetch_all(connection)
            .await
            .map_err(|error| failure(&error).error)?
    } else {
        Vec::new()
    };
    for (id, checksum, applied_at, duration_ms) in rows {
        if id == history::TAKEN_OVER {
            progress.taken_over_from = checksum.split(['|', ' ']).next().map(str::to_owned);
            continue;
        }
        let known = migrations.iter().find(|migration| migration.id == id);
        let phase = match known {
            None => MigrationPhase::Newer,
            Some(known) if known.checksum() == checksum => MigrationPhase::Applied,
            Some(_) => MigrationPhase::Edited,
        };
        let (applied_at, duration_ms) = (Some(applied_at), Some(duration_ms));
        progress.migrations.push(MigrationProgress { id, phase, applied_at, duration_ms });
    }
    for migration in migrations {
        if !progress.has(migration.id) {
            let (id, phase) = (migration.id.to_owned(), MigrationPhase::Pending);
            progress.migrations.push(MigrationProgress { id, phase, applied_at: None, duration_ms: None });
        }
    }
    progress.migrations.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(progress)
}
