//! The settings that a migration's transaction needs, whatever the role, the database, the URL or the options have
//! made of them. The isolation level is among them, but a transaction can only begin with it: see [`BEGIN`].

use super::failure;
use crate::error::{Code, Result};
use sqlx::PgConnection;

/// Under a stricter level each statement would see the database as it was before the tables were locked: rows that
/// were committed in between would be lost.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE";

/// A migration waits this long for the tables that others use, all of them together, then gives up and leaves
/// everything as it was.
pub const LOCK_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Only what is otherwise is set: a setting that only a superuser may change is usually right already. A stricter
/// `synchronous_commit` than `on` stays. Settings that this version of the server does not know are left out.
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

/// The search path is that of the server's own objects by now.
pub async fn prepare(connection: &mut PgConnection) -> Result<()> {
    sqlx::query(SETTINGS)
        .bind(LOCK_TIMEOUT.as_millis().to_string())
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
