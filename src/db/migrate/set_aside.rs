//! Renames tables and functions to names that begin with `auth_old_`, so that new ones can be created under their names.
//! These names last until the end of the transaction at most.

use super::difference::{list, refusal};
use super::execute::failure;
use super::generated::execute_for;
use super::schema::Schema;
use crate::error::Result;
use sqlx::PgConnection;

/// What may once have been a partition of a table that was set aside, and has kept its name, which a replay needs.
const SET_DETACHED_ASIDE: &str = "
    SELECT format('ALTER TABLE %I.%I RENAME TO %I', $2, c.relname, 'auth_old_' || c.oid)
      FROM pg_class c
      JOIN pg_class t ON t.relnamespace = c.relnamespace AND t.relkind = 'p'
     WHERE c.relkind = 'r'
       AND NOT c.relispartition
       AND c.relname <> ALL($1)
       AND t.relname LIKE 'auth_old_%'
       AND starts_with(c.relname::text, substr(t.relname::text, length('auth_old_') + 1) || '_')
       AND pg_has_role(c.relowner, 'USAGE')
       AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)";

/// What has the prefix already, and so would collide with the names that a rebuild or a take-over needs.
const PREFIXED: &str = "
    SELECT format('%s %s', o.kind, o.name)
      FROM (
               SELECT c.relnamespace, 'relation', c.relname FROM pg_class c
                UNION ALL
               SELECT f.pronamespace, 'function', f.proname FROM pg_proc f
                UNION ALL
               SELECT y.typnamespace, 'type', y.typname FROM pg_type y WHERE y.typrelid = 0 AND y.typelem = 0
           ) AS o (namespace, kind, name)
      JOIN pg_namespace n ON n.oid = o.namespace
     WHERE n.nspname = $1
       AND starts_with(o.name::text, 'auth_old_')
     ORDER BY 1";

/// Renames tables with their partitions, indexes, sequences and, since PostgreSQL 18, NOT NULL constraints, because the new
/// tables need all of these names. Tables and the sequences of columns keep their own names after the prefix, so that SQL
/// can name them. The others get their OIDs.
const SET_ASIDE: &str = "
    WITH named AS (
        SELECT c.oid, c.relname
          FROM pg_class c
         WHERE c.relname = ANY($1)
           AND c.relkind IN ('r', 'p')
           AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
    ), tables AS (
        SELECT oid, relname FROM named
         UNION ALL
        SELECT c.oid, c.relname
          FROM named
          JOIN pg_inherits h ON h.inhparent = named.oid
          JOIN pg_class c ON c.oid = h.inhrelid
         WHERE c.relispartition
           AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
    )
    SELECT format('ALTER TABLE %I.%I RENAME TO %I', $2, t.relname, 'auth_old_' || t.relname)
      FROM tables t
     UNION ALL
    SELECT format('ALTER INDEX %I.%I RENAME TO %I', $2, c.relname, 'auth_old_' || c.oid)
      FROM tables t
      JOIN pg_index i ON i.indrelid = t.oid
      JOIN pg_class c ON c.oid = i.indexrelid
     UNION ALL
    SELECT format('ALTER TABLE %I.%I RENAME CONSTRAINT %I TO %I', $2, 'auth_old_' || t.relname, o.conname, 'auth_old_' || o.oid)
      FROM tables t
      JOIN pg_constraint o ON o.conrelid = t.oid AND o.contype = 'n'
     WHERE NOT EXISTS (SELECT FROM pg_inherits h WHERE t.oid IN (h.inhparent, h.inhrelid))
     UNION ALL
    SELECT format('ALTER SEQUENCE %I.%I RENAME TO %I', $2, s.relname, 'auth_old_' || s.relname)
      FROM pg_class s
     WHERE s.relkind = 'S'
       AND s.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
       AND EXISTS (
               SELECT FROM tables t
                 JOIN pg_depend p ON p.refobjid = t.oid AND p.refclassid = 'pg_class'::regclass
                WHERE p.objid = s.oid
                  AND p.classid = 'pg_class'::regclass
                UNION ALL
               SELECT FROM tables t
                 JOIN pg_attrdef d ON d.adrelid = t.oid
                 JOIN pg_depend p ON p.objid = d.oid AND p.classid = 'pg_attrdef'::regclass
                WHERE p.refobjid = s.oid
                  AND p.refclassid = 'pg_class'::regclass
           )";

const SET_FUNCTIONS_ASIDE: &str = "
    SELECT format('ALTER FUNCTION %s RENAME TO %I', f.oid::regprocedure, 'auth_old_' || f.oid)
      FROM pg_proc f
     WHERE f.proname = ANY($1)
       AND (f.pronargs = 0 OR starts_with(f.proname::text, 'auth_'))
       AND f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)";

/// Renames tables, with everything in them that has a name of its own.
pub async fn set_aside(connection: &mut PgConnection, schema: &Schema, id: &str, tables: &[&str]) -> Result<()> {
    execute_for(connection, schema, id, SET_ASIDE, tables).await
}

/// Renames what may have been detached from the tables. This is for a replay alone, which is undone.
pub async fn set_detached_aside(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    tables: &[&str],
) -> Result<()> {
    execute_for(connection, schema, id, SET_DETACHED_ASIDE, tables).await
}

/// Renames functions.
pub async fn set_functions_aside(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    functions: &[&str],
) -> Result<()> {
    execute_for(connection, schema, id, SET_FUNCTIONS_ASIDE, functions).await
}

pub async fn refuse_prefixed(connection: &mut PgConnection, schema: &Schema) -> Result<()> {
    let names: Vec<String> = sqlx::query_scalar(PREFIXED)
        .bind(&schema.name)
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(|error| failure(&error).error)?;
    if names.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(refusal(format!(
        "the prefix auth_old_ is needed for a while, and these have it: {}. Rename them, and try again",
        list(&names)
    )))
}
