//! Names that begin with `auth_old_`, which tables and functions have for a while: until the new ones of their names are
//! made, or compared with them.

use super::difference::{list, refusal};
use super::execute::failure;
use super::generated::execute_for;
use super::schema::Schema;
use crate::error::Result;
use sqlx::PgConnection;

/// What a rebuild and a take-over need as names for a while: nobody else's may be among them.
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

/// Indexes, sequences and the names that PostgreSQL 18 gives to NOT NULL too: they are wanted again. The sequence of
/// a column keeps its own name behind the prefix, as the tables do, so that SQL can name it.
/// Partitions go with their table.
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

/// Gives the tables, and what bears names of its own in them, names with the prefix `auth_old_`.
pub async fn set_aside(connection: &mut PgConnection, schema: &Schema, id: &str, tables: &[&str]) -> Result<()> {
    execute_for(connection, schema, id, SET_ASIDE, tables).await
}

/// The same for functions.
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
