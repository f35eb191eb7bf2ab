//! Recognises the tables of another program, by comparing the catalogue's lines with those of the versions that are known.

use super::catalogue::{catalogue, table_of};
use super::difference::{Difference, refusal};
use super::execute::failure;
use super::functions::Function;
use super::history;
use super::schema::{Schema, in_another_schema};
use crate::error::{Error, Result};
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::BTreeSet;

/// The tables of one version of another program.
pub struct Shape {
    /// The program's version.
    pub name: &'static str,
    /// The lines of its tables, as [`catalogue`] returns them. Indexes may be missing, and nothing else may be there.
    pub catalogue: &'static [&'static str],
    /// SQL that creates the tables, for a rollback.
    pub create: &'static [&'static str],
    /// Further rules for a rollback: SELECTs of rows that this version cannot store.
    pub back_rules: &'static str,
    /// The program's own table of migrations, which has the same name as ours.
    pub history: Option<History>,
    /// Whether a trigger writes `updated_at`, with the server's time, and not the program with its own.
    pub has_update_triggers: bool,
    /// The program's functions.
    pub functions: &'static [Function],
}

/// Another program's table of migrations.
pub struct History {
    /// The ids that it must contain, and no others.
    pub ids: &'static [&'static str],
    /// SQL that creates it again, for a rollback.
    pub create: &'static str,
}

impl Shape {
    fn lines(&self) -> BTreeSet<&'static str> {
        self.catalogue.iter().flat_map(|text| text.lines()).collect()
    }

    /// Every table but the table of migrations.
    pub fn tables(&self) -> Vec<&'static str> {
        let names: BTreeSet<_> = self.lines().into_iter().filter_map(|line| line.split(['.', ':']).next()).collect();
        names.into_iter().filter(|name| *name != history::TABLE).collect()
    }

    /// Every index that does not belong to a constraint.
    pub fn indexes(&self) -> Vec<&'static str> {
        self.lines().into_iter().filter_map(|line| line.split_once(": index ").map(|(_, name)| name)).collect()
    }
}

/// Which of the versions the tables in the schema are from, or `None` if there are no such tables. Tables that differ from
/// all versions are refused.
pub async fn recognise(
    connection: &mut PgConnection,
    schema: &Schema,
    shapes: &'static [Shape],
) -> Result<Option<&'static Shape>> {
    let names: BTreeSet<_> = shapes.iter().flat_map(Shape::tables).chain([history::TABLE]).collect();
    let names: Vec<_> = names.into_iter().collect();
    let found = catalogue(connection, schema, &names).await?;
    if found.is_empty() {
        return Ok(None);
    }
    let found: BTreeSet<_> = found.iter().map(String::as_str).collect();
    let compared = shapes.iter().map(|shape| (shape, Difference::between(&found, &shape.lines())));
    match compared.min_by_key(|(_, difference)| difference.len()) {
        Some((shape, difference)) if difference.len() == 0 => {
            check_history(connection, schema, shape).await?;
            Ok(Some(shape))
        }
        Some((shape, difference)) => {
            Err(if is_foreign(&found, shape) { foreign(schema, &found) } else { difference.refuse(shape.name) })
        }
        None => Ok(None),
    }
}

/// The first later schema of the search path that has our tables, or those of the other program. Without this check a
/// second, empty set of tables would be created in our schema, and nobody would notice.
const ELSEWHERE: &str = "
    SELECT n.nspname::text
      FROM unnest($1) WITH ORDINALITY AS later (name, position)
      JOIN pg_namespace n ON n.nspname = later.name
     WHERE EXISTS (
               SELECT FROM pg_class c
                 JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'checksum'
                WHERE c.relnamespace = n.oid
                  AND c.relname = 'auth_migrations'
           )
        OR (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = ANY($2)) = cardinality($2)
     ORDER BY later.position
     LIMIT 1";

/// Refuses to create tables if a later schema of the search path has them already.
pub async fn refuse_elsewhere(connection: &mut PgConnection, schema: &Schema, shapes: &'static [Shape]) -> Result<()> {
    let Some(shape) = shapes.first() else { return Ok(()) };
    if schema.later.is_empty() {
        return Ok(());
    }
    let found: Option<String> = sqlx::query_scalar(ELSEWHERE)
        .bind(&schema.later)
        .bind(shape.tables())
        .persistent(false)
        .fetch_optional(connection)
        .await
        .map_err(|error| failure(&error).error)?;
    found.map_or(Ok(()), |found| Err(in_another_schema(&schema.name, &found)))
}

/// Whether the tables belong to an unrelated application: none of them has at least half of the columns of ours.
fn is_foreign(found: &BTreeSet<&str>, shape: &Shape) -> bool {
    let expected = shape.lines();
    let columns = |lines: &BTreeSet<&str>, table: &str| -> BTreeSet<String> {
        lines.iter().filter(|line| line.starts_with(&format!("{table}."))).map(|line| (*line).to_owned()).collect()
    };
    let tables: BTreeSet<&str> = found.iter().map(|line| table_of(line)).collect();
    tables.iter().all(|table| {
        let known = columns(&expected, table);
        let shared = columns(found, table).intersection(&known).count();
        // Most tables of any application have some of these columns: `id`, `name`, `created_at`.
        shared * 2 < known.len()
    })
}

fn foreign(schema: &Schema, found: &BTreeSet<&str>) -> Error {
    let tables: BTreeSet<&str> = found.iter().map(|line| table_of(line)).collect();
    let tables: Vec<&str> = tables.into_iter().collect();
    refusal(format!(
        "the schema \"{}\" has tables of another application under names that this package needs ({}): give its tables a schema of their own, such as {{schema: 'auth'}}",
        schema.name,
        tables.join(", ")
    ))
}

async fn check_history(connection: &mut PgConnection, schema: &Schema, shape: &Shape) -> Result<()> {
    let Some(history) = &shape.history else { return Ok(()) };
    let sql = schema.fill("SELECT id::text FROM :\"schema\".auth_migrations ORDER BY id");
    let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(|error| failure(&error).error)?;
    if ids == history.ids {
        return Ok(());
    }
    let (found, expected) = (ids.join(", "), history.ids.join(", "));
    Err(refusal(format!("auth_migrations of the TypeScript adapter lists [{found}] and not [{expected}]")))
}
