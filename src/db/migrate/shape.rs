//! Whose tables these are: the lines of the catalogue, compared with those of the shapes that are known.

use super::catalogue::{bodies, catalogue, table_of};
use super::execute::{execute, failure};
use super::history;
use super::migration::Migration;
use super::rebuild::{self, Function};
use super::schema::{Schema, in_another_schema};
use crate::error::{Code, Error, Result};
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

/// How many differences an error lists.
const LISTED: usize = 10;

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

/// Stops what would drop these tables when they have anything that these migrations did not make. What they make is
/// seen by letting them run once more, beside the tables, and undoing that.
pub async fn refuse_additions(
    connection: &mut PgConnection,
    schema: &Schema,
    migrations: &[&'static Migration],
    tables: &[&str],
) -> Result<()> {
    if tables.is_empty() {
        return Ok(());
    }
    refuse_prefixed(connection, schema).await?;
    let found = catalogue(connection, schema, tables).await?;
    let expected = made_by(connection, schema, migrations, tables).await?;
    let expected: BTreeSet<&str> = expected.iter().map(String::as_str).collect();
    let mut additions: Vec<&str> = found.iter().map(String::as_str).filter(|line| !expected.contains(line)).collect();
    additions.sort_unstable();
    if additions.is_empty() {
        return Ok(());
    }
    Err(refusal(format!(
        "nothing was rolled back, because the tables have what this package did not make, and what would be dropped with them: {}",
        list(&additions)
    )))
}

/// What the migrations make of these tables, and their functions.
async fn made_by(
    connection: &mut PgConnection,
    schema: &Schema,
    migrations: &[&'static Migration],
    tables: &[&str],
) -> Result<Vec<String>> {
    let id = history::TABLE;
    execute(connection, id, "SAVEPOINT made_by").await?;
    let all: Vec<&str> = migrations.iter().flat_map(|migration| migration.tables()).collect();
    let functions: Vec<&str> = migrations.iter().flat_map(|migration| migration.functions()).collect();
    rebuild::set_aside(connection, schema, id, &all).await?;
    rebuild::set_functions_aside(connection, schema, id, &functions).await?;
    for migration in migrations {
        migration.apply(connection, schema).await?;
    }
    let mut lines = catalogue(connection, schema, tables).await?;
    lines.extend(bodies(connection, schema, &functions).await?);
    execute(connection, id, "ROLLBACK TO SAVEPOINT made_by; RELEASE SAVEPOINT made_by").await?;
    Ok(lines)
}

/// How many of the migrations a database has that was made with their SQL by hand, and so lacks the bookkeeping.
pub async fn baseline(
    connection: &mut PgConnection,
    schema: &Schema,
    migrations: &'static [Migration],
) -> Result<usize> {
    let mut tables: Vec<&str> = migrations.iter().flat_map(Migration::tables).collect();
    tables.push(history::TABLE);
    let functions: Vec<&str> = migrations.iter().flat_map(Migration::functions).collect();
    let mut found: BTreeSet<String> = catalogue(connection, schema, &tables).await?.into_iter().collect();
    found.extend(bodies(connection, schema, &functions).await?);
    let Some(first) = migrations.first() else { return Ok(0) };
    let is_there = |table: &&str| found.iter().any(|line| table_of(line) == *table);
    if !first.tables().iter().all(is_there) {
        return Ok(0);
    }
    refuse_prefixed(connection, schema).await?;
    let all: Vec<&'static Migration> = migrations.iter().collect();
    for count in (1..=all.len()).rev() {
        let made = made_by(connection, schema, &all[..count], &tables).await?;
        if made.into_iter().collect::<BTreeSet<_>>() == found {
            return Ok(count);
        }
    }
    Ok(0)
}

/// Why [`baseline`] recognises none: what distinguishes the tables from those that all migrations make.
pub async fn refuse_unrecognised(
    connection: &mut PgConnection,
    schema: &Schema,
    migrations: &'static [Migration],
) -> Result<()> {
    let all: Vec<&'static Migration> = migrations.iter().collect();
    let mut tables: Vec<&str> = migrations.iter().flat_map(Migration::tables).collect();
    tables.push(history::TABLE);
    let functions: Vec<&str> = migrations.iter().flat_map(Migration::functions).collect();
    let mut found = catalogue(connection, schema, &tables).await?;
    if found.is_empty() {
        return Err(Error::new(
            Code::SchemaMismatch,
            format!("the schema \"{}\" has no tables of ours that could be noted as migrated", schema.name),
        ));
    }
    found.extend(bodies(connection, schema, &functions).await?);
    let made = made_by(connection, schema, &all, &tables).await?;
    let difference =
        Difference::between(&found.iter().map(String::as_str).collect(), &made.iter().map(String::as_str).collect());
    Err(Error::new(
        Code::SchemaMismatch,
        format!(
            "the tables are not as any of the migrations leaves them; compared with the last one{}",
            difference.text()
        ),
    ))
}

struct Difference<'l> {
    missing: Vec<&'l str>,
    unexpected: Vec<&'l str>,
}

impl<'l> Difference<'l> {
    fn between(found: &BTreeSet<&'l str>, expected: &BTreeSet<&'l str>) -> Self {
        let is_index = |line: &str| line.contains(": index ");
        Self {
            missing: expected.difference(found).copied().filter(|line| !is_index(line)).collect(),
            unexpected: found.difference(expected).copied().collect(),
        }
    }

    fn len(&self) -> usize {
        self.missing.len() + self.unexpected.len()
    }

    fn text(&self) -> String {
        let parts: Vec<_> = [("missing", &self.missing), ("unexpected", &self.unexpected)]
            .into_iter()
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(what, lines)| format!(", {what}: {}", list(lines)))
            .collect();
        parts.concat()
    }

    fn refuse(&self, nearest: &str) -> Error {
        refusal(format!(
            "the tables here are neither ours nor those of the TypeScript adapter; compared with {nearest} of it{}",
            self.text()
        ))
    }
}

fn list(lines: &[&str]) -> String {
    let listed = lines.iter().take(LISTED).copied().collect::<Vec<_>>().join("; ");
    match lines.len().saturating_sub(LISTED) {
        0 => listed,
        more => format!("{listed}; and {more} more"),
    }
}

fn refusal(message: String) -> Error {
    let mut error = Error::new(Code::SchemaMismatch, message);
    error.context.migration = Some(history::TAKEN_OVER.to_owned());
    error
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
