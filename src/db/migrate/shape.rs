//! Whose tables these are: the lines of the catalogue, compared with those of the shapes that are known.

use super::catalogue::{catalogue, table_of};
use super::difference::{Difference, refusal};
use super::execute::failure;
use super::functions::Function;
use super::history;
use super::schema::{Schema, in_another_schema};
use crate::error::{Error, Result};
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::BTreeSet;

/// A database as another program makes it.
pub struct Shape {
    /// The program's version.
    pub name: &'static str,
    /// Texts of lines as [`CATALOGUE`] writes them. Indexes may be missing; nothing may be there beyond.
    pub catalogue: &'static [&'static str],
    /// SQL that makes the tables, to go back.
    pub create: &'static [&'static str],
    /// What only this shape has no place for, to be added to the rules of the way back.
    pub back_rules: &'static str,
    /// The program's own bookkeeping, which has the name of ours.
    pub history: Option<History>,
    /// Whether a trigger of the program's writes `updated_at`, by the server's clock.
    pub has_update_triggers: bool,
    /// The program's functions.
    pub functions: &'static [Function],
}

pub struct History {
    /// The rows that it must have.
    pub ids: &'static [&'static str],
    /// SQL that makes it again.
    pub create: &'static str,
}

impl Shape {
    fn lines(&self) -> BTreeSet<&'static str> {
        self.catalogue.iter().flat_map(|text| text.lines()).collect()
    }

    /// Every table of the shape but the bookkeeping.
    pub fn tables(&self) -> Vec<&'static str> {
        let names: BTreeSet<_> = self.lines().into_iter().filter_map(|line| line.split(['.', ':']).next()).collect();
        names.into_iter().filter(|name| *name != history::TABLE).collect()
    }

    /// Every index of the shape that no constraint has.
    pub fn indexes(&self) -> Vec<&'static str> {
        self.lines().into_iter().filter_map(|line| line.split_once(": index ").map(|(_, name)| name)).collect()
    }
}

/// Which of the shapes the schema has; `None` when it has none of their tables. Anything in between is refused.
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

/// Where the tables that are meant may lie, when the schema of ours has none of them: a second installation beside the
/// first, or an empty one beside the old tables, would be made without a word.
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

/// Refuses to do anything in a schema when a later one of the search path has the tables.
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

/// Whether no table is as the adapter would have made it: they are somebody else's altogether.
fn is_foreign(found: &BTreeSet<&str>, shape: &Shape) -> bool {
    let expected = shape.lines();
    let columns = |lines: &BTreeSet<&str>, table: &str| -> BTreeSet<String> {
        lines.iter().filter(|line| line.starts_with(&format!("{table}."))).map(|line| (*line).to_owned()).collect()
    };
    let tables: BTreeSet<&str> = found.iter().map(|line| table_of(line)).collect();
    tables.iter().all(|table| {
        let known = columns(&expected, table);
        let shared = columns(found, table).intersection(&known).count();
        // A few columns are alike anywhere: `id`, `name`, `created_at`.
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
