//! The migrator: SQL files with an up and a down, each in one transaction together with its row in
//! `auth_migrations`. Nothing pending means one query and no lock.

use super::error::{Failure, statement_failure};
use super::lease::Lease;
use super::pool::{Pool, millis};
use crate::error::{Code, Error, Result};
use sha2::{Digest, Sha256};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub struct Migration {
    /// The file's name without its ending, and the row's id.
    pub id: &'static str,
    pub up: &'static str,
    pub down: &'static str,
}

impl Migration {
    pub fn checksum(&self) -> String {
        crate::id::hex(&Sha256::digest(self.up.as_bytes()))
    }
}

/// What `healthCheck()` says of the schema.
pub struct Status {
    pub server_version: String,
    pub pending: Vec<&'static str>,
}

/// The migration lock, an advisory lock on the database (its two halves read "auth" and "pgmi" in ASCII).
const LOCK: i64 = 0x6175_7468_7067_6d69;

/// A migration waits this long for a table that others use, then gives up and leaves everything as it was.
const LOCK_TIMEOUT: &str = "10s";

const BOOKKEEPING: &str = "
    CREATE TABLE IF NOT EXISTS auth_migrations (
        id          TEXT COLLATE \"C\" CONSTRAINT auth_migrations_pkey PRIMARY KEY
      , checksum    TEXT NOT NULL
      , applied_at  TIMESTAMPTZ(3) NOT NULL DEFAULT now()
      , duration_ms DOUBLE PRECISION NOT NULL
    )";

/// The first two columns identify a new connection, so that a `connect()` with nothing to do is one query.
const CHECK: &str = "
    SELECT pg_backend_pid()
         , current_setting('auth_postgres.probe', true)
         , current_setting('server_version')
         , ARRAY(SELECT id FROM auth_migrations ORDER BY id)
         , ARRAY(SELECT checksum FROM auth_migrations ORDER BY id)";

struct Applied {
    server_version: String,
    ids: Vec<String>,
    checksums: Vec<String>,
}

impl Applied {
    fn read(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self { server_version: row.try_get(2)?, ids: row.try_get(3)?, checksums: row.try_get(4)? })
    }

    /// The migrations still to be applied; an error when the two histories disagree.
    fn pending<'m>(&self, migrations: &'m [Migration]) -> Result<Vec<&'m Migration>> {
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
        Ok(migrations.iter().filter(|migration| !self.ids.iter().any(|id| id == migration.id)).collect())
    }
}

/// Applies what is pending, or only checks that nothing is.
pub async fn up(pool: &Arc<Pool>, schema: Option<&str>, migrations: &'static [Migration], applies: bool) -> Result<()> {
    let mut lease = pool.acquire_unidentified(None, pool.connecting_end()).await?;
    let pending = match check(&mut lease, "connect").await? {
        Some(applied) => applied.pending(migrations)?,
        None => migrations.iter().collect(),
    };
    match pending.first() {
        None => return Ok(()),
        Some(first) if !applies => {
            return Err(mismatch(first.id, "has not been applied, and the option `migrate` is false"));
        }
        Some(_) => {}
    }
    drop(lease);
    let mut lease = pool.acquire(None, pool.connecting_end()).await?;
    while let Some((id, took)) = locked(&mut lease, Direction::Up { schema }, migrations).await? {
        tracing::info!(migration = id, durationMs = millis(took), "migration applied");
    }
    Ok(())
}

/// Runs down migrations until `to` is the last one applied, or none is. Returns what was rolled back.
pub async fn down(pool: &Arc<Pool>, migrations: &'static [Migration], to: Option<&str>) -> Result<Vec<String>> {
    if let Some(to) = to
        && !migrations.iter().any(|migration| migration.id == to)
    {
        return Err(Error::invalid_input("to", "is not the id of a migration"));
    }
    let mut lease = pool.acquire_unidentified(None, pool.connecting_end()).await?;
    let mut undone = Vec::new();
    if check(&mut lease, "rollback").await?.is_none() {
        return Ok(undone);
    }
    while let Some((id, took)) = locked(&mut lease, Direction::Down { to }, migrations).await? {
        tracing::info!(migration = id, durationMs = millis(took), "migration rolled back");
        undone.push(id.to_owned());
    }
    Ok(undone)
}

pub async fn status(pool: &Arc<Pool>, migrations: &'static [Migration]) -> Result<Status> {
    let mut lease = pool.acquire_unidentified(None, pool.connecting_end()).await?;
    if let Some(applied) = check(&mut lease, "healthCheck").await? {
        let pending = applied.pending(migrations)?.iter().map(|migration| migration.id).collect();
        Ok(Status { server_version: applied.server_version, pending })
    } else {
        let result =
            sqlx::query_scalar("SELECT current_setting('server_version')").fetch_one(lease.connection()?).await;
        lease.settle(result.is_ok());
        let server_version = result.map_err(|error| failure(&error).error)?;
        Ok(Status { server_version, pending: migrations.iter().map(|migration| migration.id).collect() })
    }
}

/// `None` when there is no bookkeeping table yet.
async fn check(lease: &mut Lease, operation: &'static str) -> Result<Option<Applied>> {
    let started = Instant::now();
    let result = sqlx::query(CHECK).fetch_one(lease.connection()?).await;
    tracing::debug!(
        operation,
        durationMs = millis(started.elapsed()),
        rows = u64::from(result.is_ok()),
        attempt = 1,
        "statement"
    );
    match result {
        Ok(row) => {
            lease.identify(&row)?;
            lease.settle(true);
            Applied::read(&row).map(Some).map_err(|error| failure(&error).error)
        }
        Err(error) => {
            let Failure { error, connection_survives, .. } = failure(&error);
            lease.settle(connection_survives);
            match error.context.sql_state.as_deref() {
                // No such table, or no such schema on the search path.
                Some("42P01" | "3F000") => Ok(None),
                // A table of that name without our columns.
                Some("42703") => Err(mismatch(
                    "auth_migrations",
                    "was made by another program, and its database cannot be taken over yet",
                )),
                _ => Err(error),
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Direction<'d> {
    Up { schema: Option<&'d str> },
    Down { to: Option<&'d str> },
}

/// The migration that was run, and how long it took; `None` when there was nothing left to do.
type Step = Option<(&'static str, Duration)>;

/// One step in a transaction of its own, under the migration lock. Gives the connection up after a failure.
async fn locked(lease: &mut Lease, direction: Direction<'_>, migrations: &'static [Migration]) -> Result<Step> {
    let mut pause = Duration::from_millis(10);
    loop {
        let connection = lease.connection()?;
        let mut transaction = connection.begin().await.map_err(|error| failure(&error).error)?;
        sqlx::raw_sql(AssertSqlSafe(format!(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"
        )))
        .execute(&mut *transaction)
        .await
        .map_err(|error| failure(&error).error)?;
        let is_ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| failure(&error).error)?;
        if is_ours {
            let done = match direction {
                Direction::Up { schema } => apply_next(&mut transaction, schema, migrations).await?,
                Direction::Down { to } => undo_last(&mut transaction, migrations, to).await?,
            };
            transaction.commit().await.map_err(|error| failure(&error).error)?;
            lease.settle(true);
            return Ok(done);
        }
        // Waiting for the lock inside a statement would block a concurrent index build.
        transaction.rollback().await.map_err(|error| failure(&error).error)?;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}

async fn apply_next(
    connection: &mut PgConnection,
    schema: Option<&str>,
    migrations: &'static [Migration],
) -> Result<Step> {
    if let Some(schema) = schema {
        run(connection, "schema", AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {}", quote_identifier(schema))))
            .await?;
    }
    run(connection, "auth_migrations", BOOKKEEPING).await?;
    let Some(migration) = read_applied(connection).await?.pending(migrations)?.first().copied() else {
        return Ok(None);
    };
    let started = Instant::now();
    run(connection, migration.id, migration.up).await?;
    let took = started.elapsed();
    sqlx::query("INSERT INTO auth_migrations (id, checksum, duration_ms) VALUES ($1, $2, $3)")
        .bind(migration.id)
        .bind(migration.checksum())
        .bind(millis(took))
        .execute(connection)
        .await
        .map_err(|error| migration_failed(migration.id, &error))?;
    Ok(Some((migration.id, took)))
}

async fn undo_last(connection: &mut PgConnection, migrations: &'static [Migration], to: Option<&str>) -> Result<Step> {
    let applied = read_applied(connection).await?;
    applied.pending(migrations)?;
    let Some(migration) = migrations.iter().rev().find(|migration| applied.ids.iter().any(|id| id == migration.id))
    else {
        run(connection, "auth_migrations", "DROP TABLE auth_migrations").await?;
        return Ok(None);
    };
    if Some(migration.id) == to {
        return Ok(None);
    }
    let started = Instant::now();
    run(connection, migration.id, migration.down).await?;
    sqlx::query("DELETE FROM auth_migrations WHERE id = $1")
        .bind(migration.id)
        .execute(connection)
        .await
        .map_err(|error| migration_failed(migration.id, &error))?;
    Ok(Some((migration.id, started.elapsed())))
}

async fn read_applied(connection: &mut PgConnection) -> Result<Applied> {
    let row = sqlx::query(CHECK).persistent(false).fetch_one(connection).await;
    row.and_then(|row| Applied::read(&row)).map_err(|error| migration_failed("auth_migrations", &error))
}

async fn run(connection: &mut PgConnection, id: &str, sql: impl sqlx::SqlSafeStr) -> Result<()> {
    sqlx::raw_sql(sql).execute(connection).await.map(drop).map_err(|error| migration_failed(id, &error))
}

fn failure(error: &sqlx::Error) -> Failure {
    statement_failure(error, Duration::ZERO, None)
}

fn migration_failed(id: &str, error: &sqlx::Error) -> Error {
    let reason = failure(error).error;
    let why = reason.cause.as_ref().map_or_else(|| reason.message.to_string(), |cause| cause.message.clone());
    let mut failed =
        Error::new(Code::MigrationFailed, format!("migration {id} failed, and nothing of it remains: {why}"));
    failed.context = reason.context;
    failed.context.migration = Some(id.to_owned());
    failed.cause = reason.cause;
    failed
}

fn mismatch(id: &str, reason: &str) -> Error {
    let mut error = Error::new(Code::SchemaMismatch, format!("migration {id} {reason}"));
    error.context.migration = Some(id.to_owned());
    error
}

/// As an identifier in SQL and in `search_path`.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::{Applied, Code, Migration, quote_identifier};

    const MIGRATIONS: &[Migration] =
        &[Migration { id: "0001_a", up: "a", down: "" }, Migration { id: "0002_b", up: "b", down: "" }];

    fn applied(rows: &[(&str, String)]) -> Applied {
        Applied {
            server_version: String::new(),
            ids: rows.iter().map(|(id, _)| (*id).to_owned()).collect(),
            checksums: rows.iter().map(|(_, checksum)| checksum.clone()).collect(),
        }
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
    fn quotes_identifiers() {
        assert_eq!(quote_identifier(r#"a"b c"#), r#""a""b c""#);
    }
}
