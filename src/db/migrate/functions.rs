//! The functions of our migrations and of the TypeScript adapter: giving them an owner, dropping those that are not needed
//! any more, and telling them from functions of the application's with the same names.

use super::execute::migration_failed;
use super::generated::{execute_each, execute_for};
use super::schema::Schema;
use crate::error::Result;
use sqlx::PgConnection;

/// A function without arguments.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    /// The body in lower case, with one space between words. `None` if the name is enough to recognise the function.
    pub body: Option<&'static str>,
}

/// Functions belong to the owner of the tables, so that whoever owns the tables can roll back. Functions with our prefix
/// are ours, whatever arguments they take.
const OWN_FUNCTIONS: &str = "
    SELECT format('ALTER FUNCTION %s OWNER TO %I', f.oid::regprocedure, pg_get_userbyid(t.relowner))
      FROM pg_proc f
      JOIN pg_class t ON t.relnamespace = f.pronamespace AND t.relname = 'users'
     WHERE f.proname = ANY($1)
       AND (f.pronargs = 0 OR starts_with(f.proname::text, 'auth_'))
       AND f.proowner <> t.relowner
       AND f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)";

/// A function's body in one spelling, so that differences in case, spaces and semicolons do not count.
macro_rules! plain_body {
    () => {
        "btrim(regexp_replace(replace(lower(f.prosrc), ':=', '='), '[[:space:];]+', ' ', 'g'))"
    };
}

/// Drops the functions named in `$1` that nothing depends on. If `$3` has a [`plain_body`] for the name, a function with
/// another body is not dropped.
const UNUSED_FUNCTIONS: &str = concat!(
    "SELECT format('DROP FUNCTION %s', f.oid::regprocedure)
       FROM unnest($1, $3) AS known (name, body)
       JOIN pg_proc f ON f.proname = known.name
      WHERE (f.pronargs = 0 OR starts_with(f.proname::text, 'auth_'))
        AND f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
        AND (known.body IS NULL OR known.body = ",
    plain_body!(),
    ")
        AND NOT EXISTS (SELECT FROM pg_depend p WHERE p.refclassid = 'pg_proc'::regclass AND p.refobjid = f.oid)"
);

/// The names in `$1` for which the schema has a function whose [`plain_body`] is not the one in `$3`.
const OTHER_FUNCTIONS: &str = concat!(
    "SELECT f.proname::text
       FROM unnest($1, $3) AS known (name, body)
       JOIN pg_proc f ON f.proname = known.name
      WHERE f.pronargs = 0
        AND f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
        AND known.body <> ",
    plain_body!()
);

/// Gives functions to the owner of the tables.
pub async fn own(connection: &mut PgConnection, schema: &Schema, id: &str, functions: &[&str]) -> Result<()> {
    execute_for(connection, schema, id, OWN_FUNCTIONS, functions).await
}

/// Drops those of the functions that nothing else needs.
pub async fn drop_unused(connection: &mut PgConnection, schema: &Schema, id: &str, known: &[Function]) -> Result<()> {
    let unused = functions(connection, schema, id, UNUSED_FUNCTIONS, known).await?;
    execute_each(connection, id, &unused).await
}

/// The names for which the schema has a function with another body.
pub async fn others(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    known: &[Function],
) -> Result<Vec<String>> {
    functions(connection, schema, id, OTHER_FUNCTIONS, known).await
}

async fn functions(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    query: &'static str,
    known: &[Function],
) -> Result<Vec<String>> {
    sqlx::query_scalar(query)
        .bind(known.iter().map(|function| function.name).collect::<Vec<_>>())
        .bind(&schema.name)
        .bind(known.iter().map(|function| function.body).collect::<Vec<_>>())
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(|error| migration_failed(id, &error))
}
