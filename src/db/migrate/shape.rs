//! Whose tables these are: the catalogue as lines of text, compared with the lines of the shapes that are known.

use super::failure;
use crate::error::{Code, Error, Result};
use sqlx::PgConnection;
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
        names.into_iter().filter(|name| *name != super::history::TABLE).collect()
    }
}

/// What is there of the tables named in `$1`, in the current schema. Everything that hangs on them counts: views,
/// policies and publications would not survive without a word.
const CATALOGUE: &str = "
    WITH tables AS (
        SELECT c.oid, c.relname, c.relkind, c.relrowsecurity
          FROM pg_class c
         WHERE c.relname = ANY($1)
           AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    )
    SELECT format(
               '%s.%s %s%s%s%s%s'
             , t.relname
             , a.attname
             , format_type(a.atttypid, a.atttypmod)
             , CASE WHEN a.attnotnull THEN ' not null' END
             , ' default ' || pg_get_expr(d.adbin, d.adrelid)
             , CASE WHEN a.attidentity <> '' OR a.attgenerated <> '' THEN ' generated' END
             , CASE WHEN a.attcollation <> y.typcollation THEN ' collated' END
           )
      FROM tables t
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type y ON y.oid = a.atttypid
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     UNION ALL
    SELECT format('%s: constraint %s %s', t.relname, o.conname, pg_get_constraintdef(o.oid))
      FROM tables t
      JOIN pg_constraint o ON o.conrelid = t.oid AND o.contype <> 'n'
     UNION ALL
    SELECT format('%s: index %s', t.relname, i.indexrelid::regclass)
      FROM tables t
      JOIN pg_index i ON i.indrelid = t.oid
     WHERE NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = t.oid)
     UNION ALL
    SELECT format('%s: trigger %s calls %s', t.relname, g.tgname, g.tgfoid::regproc)
      FROM tables t
      JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
     UNION ALL
    SELECT format('%s: %s', t.relname, CASE WHEN t.relrowsecurity THEN 'row level security' ELSE 'no ordinary table' END)
      FROM tables t
     WHERE t.relrowsecurity
        OR t.relkind <> 'r'
     UNION ALL
    SELECT format('%s: inheritance', t.relname)
      FROM tables t
     WHERE EXISTS (SELECT FROM pg_inherits h WHERE t.oid IN (h.inhparent, h.inhrelid))
     UNION ALL
    SELECT format('%s: used by %s', t.relname, pg_describe_object(p.classid, p.objid, 0))
      FROM tables t
      JOIN pg_depend p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = t.oid
     WHERE p.classid IN (
               'pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_publication_rel'::regclass
             , 'pg_statistic_ext'::regclass, 'pg_proc'::regclass
           )
     GROUP BY t.relname, p.classid, p.objid";

/// How many differences an error lists.
const LISTED: usize = 10;

/// Which of the shapes the database has; `None` when it has none of their tables. Anything in between is refused.
pub async fn recognise(connection: &mut PgConnection, shapes: &'static [Shape]) -> Result<Option<&'static Shape>> {
    let names: BTreeSet<_> = shapes.iter().flat_map(Shape::tables).chain([super::history::TABLE]).collect();
    let names: Vec<_> = names.into_iter().collect();
    let found: Vec<String> = sqlx::query_scalar(CATALOGUE)
        .bind(names)
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| failure(&error).error)?;
    if found.is_empty() {
        return Ok(None);
    }
    let found: BTreeSet<_> = found.iter().map(String::as_str).collect();
    let compared = shapes.iter().map(|shape| (shape, Difference::between(&found, &shape.lines())));
    match compared.min_by_key(|(_, difference)| difference.len()) {
        Some((shape, difference)) if difference.len() == 0 => {
            check_history(connection, shape).await?;
            Ok(Some(shape))
        }
        Some((shape, difference)) => Err(difference.refuse(shape.name)),
        None => Ok(None),
    }
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

    fn refuse(&self, nearest: &str) -> Error {
        let parts: Vec<_> = [("missing", &self.missing), ("unexpected", &self.unexpected)]
            .into_iter()
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(what, lines)| format!(", {what}: {}", list(lines)))
            .collect();
        refusal(format!(
            "the tables here are neither ours nor those of the TypeScript adapter; compared with {nearest} of it{}",
            parts.concat()
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
    error.context.migration = Some(super::legacy::ID.to_owned());
    error
}

async fn check_history(connection: &mut PgConnection, shape: &Shape) -> Result<()> {
    let Some(history) = &shape.history else { return Ok(()) };
    let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM auth_migrations ORDER BY id")
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
