//! The table `auth_migrations`, which records the migrations that have been applied.

use super::condition::{self, Condition};
use super::execute::{failure, migration_failed};
use super::migration::Migration;
use super::schema::{Schema, in_another_schema};
use crate::error::{Code, Error, Result};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use std::time::Duration;

use crate::db::connect::search_path::{narrow_search_path, own_schema};
use crate::db::deadline::millis;

pub const TABLE: &str = "auth_migrations";

/// The id of the row that a take-over writes before those of the migrations. Its checksum says which version the
/// database had, and `legacy.rs` reads it.
pub const TAKEN_OVER: &str = "0000_taken_over";

pub const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS :\"schema\".auth_migrations (
        id          TEXT COLLATE \"C\" CONSTRAINT auth_migrations_pkey PRIMARY KEY
      , checksum    TEXT NOT NULL
      , applied_at  TIMESTAMPTZ(3) NOT NULL DEFAULT now()
      , duration_ms DOUBLE PRECISION NOT NULL
    )";

/// The function of a trigger on the table, and the trigger. The migration that has the function makes the trigger where
/// there is the table.
pub const KEEPER: &str = "auth_keep_migration";
pub const KEEP: &str = "
    CREATE TRIGGER auth_migrations_keep_migration
        BEFORE INSERT ON :\"schema\".auth_migrations
        FOR EACH ROW
        EXECUTE FUNCTION :\"schema\".auth_keep_migration()";

/// The first two columns identify a new connection, so that a `connect()` with nothing to do is one query. The table
/// is found through the connection's own search path; further columns say in which schema, and which one is ours.
const CHECK: &str = concat!(
    "SELECT pg_catalog.pg_backend_pid()
          , pg_catalog.current_setting('auth_postgres.probe', true)
          , pg_catalog.current_setting('server_version')
          , ARRAY(SELECT id FROM auth_migrations ORDER BY id)
          , ARRAY(SELECT checksum FROM auth_migrations ORDER BY id)
          , (
                SELECT n.nspname::pg_catalog.text
                  FROM pg_catalog.pg_class AS c
                  JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                 WHERE c.oid OPERATOR(pg_catalog.=) 'auth_migrations'::pg_catalog.regclass::pg_catalog.oid
            )
          , own.name::pg_catalog.text
          , ",
    narrow_search_path!(of a connection)
);

pub fn check(migrations: &[Migration], old_indexes: Vec<&'static str>, upkeep: &str) -> String {
    let columns = condition::columns(migrations, old_indexes, upkeep);
    format!("{CHECK} {columns} FROM {}", own_schema!())
}

/// The same columns, read from the table in a schema that is known.
const READ: &str = "
    SELECT pg_backend_pid()
         , NULL::text
         , current_setting('server_version')
         , ARRAY(SELECT id FROM :\"schema\".auth_migrations ORDER BY id)
         , ARRAY(SELECT checksum FROM :\"schema\".auth_migrations ORDER BY id)
         , NULL::text
         , NULL::text
         , current_user::text AS role
         , ARRAY[]::text[] AS findings";

pub struct Applied {
    pub server_version: String,
    pub ids: Vec<String>,
    checksums: Vec<String>,
    /// The version of the TypeScript adapter from which the database was taken over, and the time zones used for that.
    pub origin: Option<String>,
    /// The schema in which the table was found, and the schema of our tables; `None` if neither had to be searched for.
    schemas: Option<(String, String)>,
    pub condition: Condition,
}

impl Applied {
    pub fn read(row: &PgRow) -> sqlx::Result<Self> {
        let (found, own): (Option<String>, Option<String>) = (row.try_get(5)?, row.try_get(6)?);
        let condition = Condition::read(row)?;
        Ok(Self { schemas: found.zip(own), condition, ..Self::new(row.try_get(2)?, row.try_get(3)?, row.try_get(4)?) })
    }

    fn new(server_version: String, mut ids: Vec<String>, mut checksums: Vec<String>) -> Self {
        let origin = ids.iter().position(|id| id == TAKEN_OVER).map(|at| {
            ids.remove(at);
            checksums.remove(at)
        });
        Self { server_version, ids, checksums, origin, schemas: None, condition: Condition::default() }
    }

    /// The migrations that are still to be applied. An error if the rows do not match the migrations of this version.
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
        let missing = self.missing(migrations);
        match missing.iter().find(|migration| self.ids.iter().any(|noted| noted.as_str() > migration.id)) {
            Some(lost) => Err(mismatch(
                lost.id,
                "is not noted in auth_migrations, though later ones are: `auth-postgres doctor` prints what repairs this",
            )),
            None => Ok(missing),
        }
    }

    /// Those that are not noted, whatever else is.
    pub fn missing<'m>(&self, migrations: &'m [Migration]) -> Vec<&'m Migration> {
        migrations.iter().filter(|migration| !self.has(migration)).collect()
    }

    /// Refuses a table that is in a later schema of the search path.
    pub fn check_schema(&self) -> Result<()> {
        match &self.schemas {
            Some((found, own)) if found != own => Err(in_another_schema(own, found)),
            _ => Ok(()),
        }
    }

    pub fn has(&self, migration: &Migration) -> bool {
        self.ids.iter().any(|id| id == migration.id)
    }
}

/// Whether the table is there, and is not another program's.
pub async fn is_there(connection: &mut PgConnection, schema: &Schema) -> Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT FROM pg_attribute a
               JOIN pg_class c ON c.oid = a.attrelid
               JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname = $1
                AND c.relname = 'auth_migrations'
                AND a.attname = 'checksum'
                AND NOT a.attisdropped
         )",
    )
    .bind(&schema.name)
    .persistent(false)
    .fetch_one(connection)
    .await
    .map_err(|error| failure(&error).error)
}

/// Returns `None` if there is no such table, or if it belongs to another program.
pub async fn read(connection: &mut PgConnection, schema: &Schema) -> Result<Option<Applied>> {
    if !is_there(&mut *connection, schema).await? {
        return Ok(None);
    }
    let row = sqlx::query(AssertSqlSafe(schema.fill(READ))).persistent(false).fetch_one(connection).await;
    row.and_then(|row| Applied::read(&row)).map(Some).map_err(|error| migration_failed(TABLE, &error))
}

pub async fn insert(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    checksum: &str,
    took: Duration,
) -> Result<()> {
    let sql = schema.fill("INSERT INTO :\"schema\".auth_migrations (id, checksum, duration_ms) VALUES ($1, $2, $3)");
    sqlx::query(AssertSqlSafe(sql))
        .bind(id)
        .bind(checksum)
        .bind(millis(took))
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| migration_failed(id, &error))
}

pub async fn delete(connection: &mut PgConnection, schema: &Schema, id: &str) -> Result<()> {
    sqlx::query(AssertSqlSafe(schema.fill("DELETE FROM :\"schema\".auth_migrations WHERE id = $1")))
        .bind(id)
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

    const MIGRATIONS: &[Migration] = &[
        Migration { id: "0001_a", up: "a", down: "", replaced: &[], prepare: None },
        Migration { id: "0002_b", up: "b", down: "", replaced: &[], prepare: None },
    ];

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
