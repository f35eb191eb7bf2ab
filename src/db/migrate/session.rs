//! The settings that a migration's transaction needs, whatever the role, the database, the URL or the options have set
//! them to. One of them, the isolation level, has to be part of the statement that begins the transaction: see
//! [`begin`].

use super::execute::failure;
use crate::db::pool::Lease;
use crate::error::{Code, Error, Result};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Transaction};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Under a stricter level each statement would see the database as it was before the tables were locked: rows that
/// were committed in between would be lost.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE";

const BEGIN_READ_ONLY: &str = "BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY";

/// A migration tries this long to lock the tables that others use, then gives up and leaves everything as it was.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Each try waits no longer than this, all tables together: the statements of all others wait behind it, logins among them.
pub const LOCK_TRY: Duration = Duration::from_millis(500);

/// Between two tries everybody else has this long.
pub const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// Tries of what cannot have its locks.
#[derive(Default)]
pub struct LockTries {
    held_up_since: Option<Instant>,
}

impl LockTries {
    /// Whether there is another try after that failure.
    pub fn go_on_after(&mut self, error: &Error) -> bool {
        error.code == Code::LockTimeout && self.held_up_since.get_or_insert_with(Instant::now).elapsed() < LOCK_TIMEOUT
    }
}

/// Sets only what has another value, because some of these settings only a superuser may change, and those are usually
/// right already. A `synchronous_commit` that is stricter than `on` stays. Settings that this version of the server
/// does not have are left out.
const SETTINGS: &str = "
    SELECT set_config(s.name, wanted.value, true)
      FROM (
               VALUES ('statement_timeout', '0')
                    , ('transaction_timeout', '0')
                    , ('idle_in_transaction_session_timeout', '0')
                    , ('lock_timeout', $1)
                    , ('synchronous_commit', 'on')
                    , ('row_security', 'off')
                    , ('session_replication_role', 'origin')
                    , ('check_function_bodies', 'on')
                    , ('standard_conforming_strings', 'on')
                    , ('quote_all_identifiers', 'off')
                    , ('transform_null_equals', 'off')
                    , ('array_nulls', 'on')
                    , ('plpgsql.variable_conflict', 'error')
           ) AS wanted (name, value)
      JOIN pg_settings s ON s.name = wanted.name
     WHERE s.setting <> wanted.value
       AND (s.name <> 'synchronous_commit' OR s.setting IN ('off', 'local'))";

/// A migration's transaction. Through a pooler our settings are made in it.
pub async fn begin(lease: &mut Lease) -> Result<Transaction<'_, Postgres>> {
    begin_with(lease, BEGIN).await
}

/// The transaction of what only looks at the database, which a standby allows as well.
pub async fn begin_read_only(lease: &mut Lease) -> Result<Transaction<'_, Postgres>> {
    begin_with(lease, BEGIN_READ_ONLY).await
}

async fn begin_with<'l>(lease: &'l mut Lease, begin: &str) -> Result<Transaction<'l, Postgres>> {
    let target = Arc::clone(lease.target());
    let begin = match &target.unit_settings {
        Some(settings) => format!("{begin}; {settings}"),
        None => begin.to_owned(),
    };
    lease.connection()?.begin_with(AssertSqlSafe(begin)).await.map_err(|error| {
        let mut refused = target.refusal(&error);
        // A standby cannot begin a transaction that writes.
        if refused.context.sql_state.as_deref() == Some("0A000") {
            refused.code = Code::ReadOnly;
            refused.message = "the server takes no writes".into();
            refused.retryable = true;
        }
        refused
    })
}

/// Here the search path contains only the server's own objects.
pub async fn prepare(connection: &mut PgConnection, lock_timeout: Duration) -> Result<()> {
    sqlx::query(SETTINGS)
        .bind(lock_timeout.as_millis().to_string())
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| {
            let mut error = failure(&error).error;
            if error.context.sql_state.as_deref() == Some("42501") {
                error.code = Code::PermissionDenied;
                error.message = "the role has session_replication_role set to another value than origin, with which foreign keys and triggers do not work, and may not change it: ALTER ROLE … RESET session_replication_role".into();
            }
            error
        })
}

/// Has the server end each statement after that time, and sooner if it waits for a lock.
pub async fn limit(connection: &mut PgConnection, limit: Duration) -> Result<()> {
    let set = |limit: Duration| limit.as_millis().max(1).to_string();
    sqlx::query("SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true)")
        .bind(set(limit))
        .bind(set(LOCK_TIMEOUT.min(limit / 2)))
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| failure(&error).error)
}
