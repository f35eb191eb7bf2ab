//! `auth_migrations`: what has been applied.

use super::{Migration, failure, legacy, migration_failed};
use crate::error::{Code, Error, Result};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::time::Duration;

use crate::db::pool::millis;

pub const TABLE: &str = "auth_migrations";

pub const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS auth_migrations (
        id          TEXT COLLATE \"C\" CONSTRAINT auth_migrations_pkey PRIMARY KEY
      , checksum    TEXT NOT NULL
      , applied_at  TIMESTAMPTZ(3) NOT NULL DEFAULT now()
      , duration_ms DOUBLE PRECISION NOT NULL
    )";

/// The first two columns identify a new connection, so that a `connect()` with nothing to do is one query.
pub const CHECK: &str = "
    SELECT pg_backend_pid()
         , current_setting('auth_postgres.probe', true)
         , current_setting('server_version')
         , ARRAY(SELECT id FROM auth_migrations ORDER BY id)
         , ARRAY(SELECT checksum FROM auth_migrations ORDER BY id)";

pub struct Applied {
    pub server_version: String,
    pub ids: Vec<String>,
    checksums: Vec<String>,
    /// From which shape, and with which zones, the database was taken over.
    pub origin: Option<String>,
}

impl Applied {
    pub fn read(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self::new(row.try_get(2)?, row.try_get(3)?, row.try_get(4)?))
    }

    fn new(server_version: String, mut ids: Vec<String>, mut checksums: Vec<String>) -> Self {
        let origin = ids.iter().position(|id| id == legacy::ID).map(|at| {
            ids.remove(at);
            checksums.remove(at)
        });
        Self { server_version, ids, checksums, origin }
    }

    /// The migrations still to be applied; an error when the two histories disagree.
    pub fn pending<'m>(&self, migrations: &'m [Migration]) -> Result<Vec<&'m Migration>> {
        for (id, checksum) in self.ids.iter().zip(&self.checksums) {
            match migrations.iter().find(|migration| migration.id == id) {
                None => {
                    return Err(mismatch(
                        id,
                        "is not known to this version of the package: the database is newer than the code",
                    ));
                }
                Some(migration) if migration.checksum() != *checksum => {
                    return Err(mismatch(id, "was applied in another form than this package carries"));
                }
                Some(_) => {}
            }
        }
        Ok(migrations.iter().filter(|migration| !self.has(migration)).collect())
    }

    pub fn has(&self, migration: &Migration) -> bool {
        self.ids.iter().any(|id| id == migration.id)
    }
}

/// `None` when there is no such table, or it is another program's.
pub async fn read(connection: &mut PgConnection) -> Result<Option<Applied>> {
    let is_ours: bool = sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT FROM pg_attribute
              WHERE attrelid = to_regclass('auth_migrations')
                AND attname = 'checksum'
                AND NOT attisdropped
         )",
    )
    .persistent(false)
    .fetch_one(&mut *connection)
    .await
    .map_err(|error| failure(&error).error)?;
    if !is_ours {
        return Ok(None);
    }
    let row = sqlx::query(CHECK).persistent(false).fetch_one(connection).await;
    row.and_then(|row| Applied::read(&row)).map(Some).map_err(|error| migration_failed(TABLE, &error))
}

pub async fn insert(connection: &mut PgConnection, id: &str, checksum: &str, took: Duration) -> Result<()> {
    sqlx::query("INSERT INTO auth_migrations (id, checksum, duration_ms) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(checksum)
        .bind(millis(took))
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| migration_failed(id, &error))
}

pub fn mismatch(id: &str, reason: &str) -> Error {
    let mut error = Error::new(Code::SchemaMismatch, format!("migration {id} {reason}"));
    error.context.migration = Some(id.to_owned());
    error
}

#[cfg(test)]
mod tests {
    use super::{Applied, Code, Migration};

    const MIGRATIONS: &[Migration] =
        &[Migration { id: "0001_a", up: "a", down: "" }, Migration { id: "0002_b", up: "b", down: "" }];

    fn applied(rows: &[(&str, String)]) -> Applied {
        let (ids, checksums) = rows.iter().map(|(id, checksum)| ((*id).to_owned(), checksum.clone())).unzip();
        Applied::new(String::new(), ids, checksums)
    }

    #[test]
    fn finds_what_is_pending() {
        let history = applied(&[("0001_a", MIGRATIONS[0].checksum())]);
        let pending: Vec<_> = history.pending(MIGRATIONS).unwrap().iter().map(|migration| migration.id).collect();
        assert_eq!(pending, ["0002_b"]);
    }

    #[test]
    fn refuses_a_newer_database_and_an_edited_migration() {
        for history in [applied(&[("0003_c", String::new())]), applied(&[("0001_a", MIGRATIONS[1].checksum())])] {
            assert_eq!(history.pending(MIGRATIONS).err().map(|error| error.code), Some(Code::SchemaMismatch));
        }
    }

    #[test]
    fn knows_where_a_database_came_from() {
        let history = applied(&[("0000_taken_over", "3.0.x".to_owned()), ("0001_a", MIGRATIONS[0].checksum())]);
        assert_eq!(history.origin.as_deref(), Some("3.0.x"));
        assert_eq!(history.ids, ["0001_a"]);
    }
}
