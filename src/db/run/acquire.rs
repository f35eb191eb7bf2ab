//! Acquires connections, and checks that our tables are found on them.

use super::pooler::one_row;
use crate::db::connect::{NO_ANSWER, unanswered};
use crate::db::deadline::until;
use crate::db::error::statement_failure;
use crate::db::pool::{Lease, Pool};
use crate::error::{Code, Error, Result};
use sqlx::Row as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection of which it is known that our start-up options have reached the server. `kind` is the kind of the call. The
/// wait for a connection stops at `end`, and soon after that if only the server's answers are missing.
pub async fn acquire(pool: &Arc<Pool>, kind: Option<&'static str>, end: Option<Instant>) -> Result<Lease> {
    let mut lease = Lease::acquire(pool, kind, end).await?;
    // If there were no tables when the connection was opened, there may be some by now.
    let is_asked = lease.is_identified() && (kind.is_none() || lease.has_tables());
    let is_new = !is_asked && !pool.options.target.is_pooled();
    if is_new || (kind.is_some() && lease.is_guarded()) {
        // Boxed, because otherwise the future of every statement would be as large as this one.
        let checked = until(pool.ready_end(end), Box::pin(check(pool, &mut lease, kind, is_new))).await;
        checked.unwrap_or_else(|| Err(unanswered(NO_ANSWER)))?;
    }
    Ok(lease)
}

/// What a connection is asked before its first statement.
async fn check(pool: &Pool, lease: &mut Lease, kind: Option<&'static str>, is_new: bool) -> Result<()> {
    if is_new {
        let target = Arc::clone(&pool.options.target);
        let host = lease.host();
        let backend = target.ask_identity(lease.connection()?, host).await?;
        lease.identified_as(backend);
        lease.settle(true);
        if kind.is_some()
            && let Err(error) = lease.check_tables()
        {
            refuse_unusable_schema(lease).await?;
            return Err(error);
        }
    }
    if kind.is_some() && lease.is_guarded() {
        pool.sight.check(lease).await?;
    }
    Ok(())
}

/// Returns an error if the role may not use the schema. PostgreSQL skips such a schema, as if the tables did not exist.
pub async fn refuse_unusable_schema(lease: &mut Lease) -> Result<()> {
    let result = one_row(lease, UNUSABLE.to_owned()).await?;
    lease.settle(result.is_ok());
    let row = result.map_err(|error| statement_failure(&error, Duration::ZERO, None).error)?;
    let read = |column| {
        row.try_get::<Option<String>, _>(column).map_err(|error| statement_failure(&error, Duration::ZERO, None).error)
    };
    match read(0)? {
        Some(name) => Err(no_usage(&name, &read(1)?.unwrap_or_default())),
        None => Ok(()),
    }
}

/// A query for a schema and the role. If the role may use no schema of the search path, it is the first one that exists, and
/// otherwise NULL.
const UNUSABLE: &str = "
    SELECT (
               SELECT n.nspname::pg_catalog.text
                 FROM pg_catalog.unnest(
                          pg_catalog.string_to_array(pg_catalog.current_setting('search_path'), ',')
                      ) AS path (item)
                CROSS JOIN LATERAL (
                          SELECT pg_catalog.replace(pg_catalog.btrim(path.item, ' \"'), '\"\"', '\"')
                      ) AS listed (name)
                 JOIN pg_catalog.pg_namespace AS n
                   ON n.nspname::pg_catalog.text OPERATOR(pg_catalog.=) CASE
                          WHEN listed.name OPERATOR(pg_catalog.=) '$user'::pg_catalog.text
                          THEN current_user::pg_catalog.text
                          ELSE listed.name
                      END
                WHERE NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
                  AND NOT EXISTS (
                          SELECT FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) AS usable (name)
                           WHERE NOT pg_catalog.starts_with(usable.name::pg_catalog.text, 'pg_')
                      )
                LIMIT 1
           )
         , current_user::pg_catalog.text";

fn no_usage(schema: &str, role: &str) -> Error {
    Error::new(
        Code::PermissionDenied,
        format!("the role may not use the schema: GRANT USAGE ON SCHEMA \"{schema}\" TO \"{role}\""),
    )
}
