//! Statements that are made by queries over the catalogue, which take a list of names as `$1` and the schema as `$2`.

use super::execute::{execute, migration_failed};
use super::schema::Schema;
use crate::error::Result;
use sqlx::{AssertSqlSafe, PgConnection};

/// Runs a query over the catalogue, and returns the statements or the names that are its result.
pub async fn statements<N: AsRef<str>>(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    query: &'static str,
    names: &[N],
) -> Result<Vec<String>> {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    sqlx::query_scalar(query)
        .bind(names)
        .bind(&schema.name)
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(|error| migration_failed(id, &error))
}

/// Runs the statements, one after the other.
pub async fn execute_each<S: AsRef<str>>(connection: &mut PgConnection, id: &str, statements: &[S]) -> Result<()> {
    for sql in statements {
        execute(connection, id, AssertSqlSafe(sql.as_ref().to_owned())).await?;
    }
    Ok(())
}

/// Runs the statements that are the result of a query over the catalogue for these names.
pub async fn execute_for<N: AsRef<str>>(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    query: &'static str,
    names: &[N],
) -> Result<()> {
    let statements = statements(connection, schema, id, query, names).await?;
    execute_each(connection, id, &statements).await
}
