//! Migrations as SQL that an administrator can read, and run with psql. Each migration is one transaction, which also inserts
//! its row in `auth_migrations`.

use super::history;
use super::migration::Migration;
use super::plan::Plan;
use super::schema::{Schema, quote_identifier};
use crate::error::{Error, Result};
use std::fmt::Write as _;

/// A range of migrations. If `to` comes before `from`, they are rolled back.
#[derive(Debug)]
pub struct Range {
    /// `None` if the database is empty.
    pub from: Option<String>,
    pub to: RangeEnd,
}

#[derive(Debug)]
pub enum RangeEnd {
    Newest,
    Migration(String),
    /// An empty database.
    Nothing,
}

/// While a script waits for a lock, so does everybody else who needs the table. Who runs it can run it again.
const SETTINGS: &str = "SET LOCAL lock_timeout = '1s';\nSET LOCAL statement_timeout = 0;\n";

const SERVER_ONLY: &str = "SET LOCAL search_path = pg_catalog, pg_temp;\n";

/// The SQL of a range of migrations. No database is asked for this.
pub fn of_range(plan: &Plan, range: &Range) -> Result<String> {
    let name = plan.schema.clone().unwrap_or_else(|| "public".to_owned());
    let schema = Schema { exists: name == "public", name, later: Vec::new() };
    let from = position(plan.migrations, range.from.as_deref(), "from")?;
    let to = match &range.to {
        RangeEnd::Newest => plan.migrations.len(),
        RangeEnd::Migration(to) => position(plan.migrations, Some(to), "to")?,
        RangeEnd::Nothing => 0,
    };
    let between = |first: usize, end: usize| plan.migrations.iter().skip(first).take(end - first);
    if from <= to {
        Ok(up(&schema, &between(from, to).collect::<Vec<_>>(), from == 0))
    } else {
        Ok(down(&schema, &between(to, from).rev().collect::<Vec<_>>(), to == 0))
    }
}

/// How many migrations have been applied when the one with this id is the last.
pub fn position(migrations: &[Migration], id: Option<&str>, field: &str) -> Result<usize> {
    let Some(id) = id else { return Ok(0) };
    migrations
        .iter()
        .position(|migration| migration.id == id)
        .map(|at| at + 1)
        .ok_or_else(|| Error::invalid_input(field, "is not the id of a migration"))
}

/// `is_first` says that the database is empty.
pub fn up(schema: &Schema, migrations: &[&Migration], is_first: bool) -> String {
    let mut sql = String::new();
    for (at, migration) in migrations.iter().enumerate() {
        begin(&mut sql, migration.id);
        if at == 0 && is_first {
            if !schema.exists {
                // Writing to a String cannot fail.
                let _ = writeln!(sql, "CREATE SCHEMA IF NOT EXISTS {};", schema.quoted());
            }
            let _ = writeln!(sql, "{};", schema.fill(history::CREATE).trim());
        }
        enter(&mut sql, schema);
        let _ = writeln!(sql, "\n{}\n", migration.statements().trim());
        let _ = write!(sql, "{SERVER_ONLY}{};\nCOMMIT;\n\n", noting(schema, migration));
    }
    sql
}

/// The statement that notes a migration as applied.
pub fn noting(schema: &Schema, migration: &Migration) -> String {
    schema.fill(&format!(
        "INSERT INTO :\"schema\".auth_migrations (id, checksum, duration_ms) VALUES ('{}', '{}', 0)",
        migration.id,
        migration.checksum()
    ))
}

/// `is_all` says that nothing is left afterwards.
fn down(schema: &Schema, migrations: &[&Migration], is_all: bool) -> String {
    let mut sql = String::new();
    for (at, migration) in migrations.iter().enumerate() {
        begin(&mut sql, migration.id);
        enter(&mut sql, schema);
        let _ = writeln!(sql, "\n{}\n", migration.down.trim());
        let end = if is_all && at + 1 == migrations.len() {
            "DROP TABLE :\"schema\".auth_migrations".to_owned()
        } else {
            format!("DELETE FROM :\"schema\".auth_migrations WHERE id = '{}'", migration.id)
        };
        let _ = write!(sql, "{SERVER_ONLY}{};\nCOMMIT;\n\n", schema.fill(&end));
    }
    sql
}

fn begin(sql: &mut String, id: &str) {
    let _ = write!(sql, "-- {id}\n\nBEGIN;\n{SETTINGS}{SERVER_ONLY}");
}

fn enter(sql: &mut String, schema: &Schema) {
    let _ = writeln!(sql, "SET LOCAL search_path = {}, pg_temp;", schema.quoted());
}

/// The least privileges with which the store works, for a role that does not migrate. `beside_tables` are such as
/// `USAGE ON SEQUENCE …`.
pub fn grants(schema: &str, database: &str, role: &str, tables: &[&str], beside_tables: &[String]) -> Vec<String> {
    let (schema, role) = (quote_identifier(schema), quote_identifier(role));
    let mut statements = vec![
        format!("GRANT CONNECT ON DATABASE {} TO {role}", quote_identifier(database)),
        format!("GRANT USAGE ON SCHEMA {schema} TO {role}"),
        format!("GRANT SELECT ON {schema}.{} TO {role}", history::TABLE),
    ];
    statements.extend(
        tables.iter().map(|table| format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {schema}.{table} TO {role}")),
    );
    statements.extend(beside_tables.iter().map(|right| format!("GRANT {right} TO {role}")));
    statements
}

#[cfg(test)]
mod tests {
    use super::grants;

    #[test]
    fn grants_quote_names() {
        let statements = grants("a\"b", "c d", "e", &["users"], &[]);
        assert_eq!(statements[0], r#"GRANT CONNECT ON DATABASE "c d" TO "e""#);
        assert_eq!(statements[3], r#"GRANT SELECT, INSERT, UPDATE, DELETE ON "a""b".users TO "e""#);
    }
}
