//! The one schema that holds our tables, and the way in which migrations name what is in it.
//!
//! Whoever may create objects in that schema could add functions and operators there that fit our expressions better
//! than the server's own. So a migration's transaction has the search path `pg_catalog, pg_temp`, in which only the
//! server's are found, and its SQL names our tables with their schema. The files in `migrations/` alone run with the
//! schema in the path, because they say where tables are made, and these call functions by qualified names.

use super::execute::failure;
use crate::error::{Code, Error, Result};
use sqlx::{AssertSqlSafe, PgConnection};

/// How the SQL files write the schema, after the notation of psql's variables.
const PLACEHOLDER: &str = ":\"schema\"";

/// The search path in which only the server's own functions, operators and types are found. If `pg_temp` were not
/// named, it would be searched first.
const SERVER_ONLY: &str = "SET LOCAL search_path = pg_catalog, pg_temp";

#[derive(Debug, Clone)]
pub struct Schema {
    pub name: String,
    /// Further schemas of the connection's search path. If ours has no tables, the caller may mean those of one of
    /// these.
    pub later: Vec<String>,
    pub exists: bool,
}

impl Schema {
    /// The schema of the option, or else the first one of the connection's search path that exists. From here on the
    /// transaction's search path is that of the server's own objects.
    pub async fn find(connection: &mut PgConnection, option: Option<&str>, is_pooled: bool) -> Result<Self> {
        if !is_pooled {
            // The connection has narrowed its path by now. Behind a pooler each transaction has the whole path.
            set(connection, "SET LOCAL search_path TO DEFAULT".to_owned()).await?;
        }
        // PostgreSQL leaves out of this list what does not exist, and what the role may not use.
        let path: Vec<String> = sqlx::query_scalar("SELECT pg_catalog.current_schemas(false)::pg_catalog.text[]")
            .persistent(false)
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| failure(&error).error)?;
        let given: String = sqlx::query_scalar("SELECT pg_catalog.current_setting('search_path')")
            .persistent(false)
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| failure(&error).error)?;
        sqlx::raw_sql(SERVER_ONLY).execute(&mut *connection).await.map_err(|error| failure(&error).error)?;
        let mut usable = path.into_iter().filter(|name| !name.starts_with("pg_"));
        if let Some(name) = option {
            let exists = is_there(connection, name).await?;
            return Ok(Self { name: name.to_owned(), later: Vec::new(), exists });
        }
        match usable.next() {
            Some(name) => Ok(Self { name, later: usable.collect(), exists: true }),
            None => Err(no_schema(&given)),
        }
    }

    /// As an identifier.
    pub fn quoted(&self) -> String {
        quote_identifier(&self.name)
    }

    /// The SQL of a file with the schema's name in it.
    pub fn fill(&self, sql: &str) -> String {
        sql.replace(PLACEHOLDER, &self.quoted())
    }

    /// Puts the schema into the search path, so that what is created from now on is created in it.
    pub async fn enter(&self, connection: &mut PgConnection) -> Result<()> {
        let sql = format!("SET LOCAL search_path = {}, pg_temp", self.quoted());
        set(connection, sql).await
    }

    /// Undoes [`Self::enter`].
    pub async fn leave(&self, connection: &mut PgConnection) -> Result<()> {
        set(connection, SERVER_ONLY.to_owned()).await
    }
}

async fn set(connection: &mut PgConnection, sql: String) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop).map_err(|error| failure(&error).error)
}

async fn is_there(connection: &mut PgConnection, name: &str) -> Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)")
        .bind(name)
        .persistent(false)
        .fetch_one(connection)
        .await
        .map_err(|error| failure(&error).error)
}

fn no_schema(path: &str) -> Error {
    Error::new(
        Code::SchemaMismatch,
        format!(
            "no schema of the search_path ({path}) exists or may be used by the role: create one, or name one in the option `schema`"
        ),
    )
}

/// The error for tables that are in a later schema of the search path, where they are not looked for.
pub fn in_another_schema(own: &str, found: &str) -> Error {
    Error::new(
        Code::SchemaMismatch,
        format!(
            "our tables belong into the first schema of the search_path, which is \"{own}\", but they are in \"{found}\": set the option {{schema: '{found}'}}, or put that schema first"
        ),
    )
}

/// The name as a quoted identifier, for SQL and for `search_path`.
pub fn quote_identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::{Schema, quote_identifier};

    #[test]
    fn quotes_identifiers() {
        assert_eq!(quote_identifier(r#"a"b c"#), r#""a""b c""#);
    }

    #[test]
    fn fills_in_the_name() {
        let schema = Schema { name: "a b".to_owned(), later: Vec::new(), exists: true };
        assert_eq!(schema.fill(r#"SELECT id FROM :"schema".users"#), r#"SELECT id FROM "a b".users"#);
    }
}
