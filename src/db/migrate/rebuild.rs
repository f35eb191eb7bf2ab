//! Replaces a set of tables by another set and carries the rows over, in the transaction that is open: the old
//! tables go aside, the new ones are made as in an empty database, rows are copied while no index, foreign key or
//! trigger slows them down, and the old tables go. Owners, grants and other tables' foreign keys are kept.
//! Which tables those are, and how rows become rows, the caller says.
//!
//! The statements are made by queries over the catalogue, which all take a list of names as `$1` and the schema as `$2`.

use super::execute::{execute, migration_failed};
use super::generated::{execute_each, execute_for, statements};
use super::rights::{TriggerRight, inherit};
use super::schema::Schema;
use crate::db::deadline::millis;
use crate::error::Result;
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::Instant;

pub struct Rebuild<'r> {
    /// The migration in whose name this happens.
    pub id: &'static str,
    pub old: &'r [&'r str],
    /// SQL that makes the new tables, whose names follow.
    pub create: &'r [&'r str],
    pub new: &'r [&'r str],
    /// Functions that it makes as well: they get the owner of the tables.
    pub new_functions: &'r [&'r str],
    /// SQL that fills them from the old ones, named `auth_old_…`: parts that begin with a line `-- into <table>`.
    pub rows: &'r str,
    /// SQL to run when the rows are there, before owners and grants are set.
    pub finish: &'r [&'r str],
    /// New tables, and the old ones whose owner and grants they get.
    pub inherits_from: &'r [(&'r str, &'r str)],
    /// Rights that follow from others, because triggers run as whoever writes.
    pub gained: &'r [TriggerRight],
    /// Those that had been given in that manner, and that end here.
    pub lost: &'r [TriggerRight],
    /// Functions without arguments that go with the old tables, unless something else needs them.
    pub functions: &'r [Function],
}

/// A function without arguments.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    /// How its body reads in lower case, with a space for what parts words; `None` when the name alone is enough.
    pub body: Option<&'static str>,
}

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

const DROP_TABLES: &str =
    "SELECT 'DROP TABLE ' || string_agg(format('%I.%I', $2, 'auth_old_' || name), ', ') FROM unnest($1) AS name";

/// What else bears the prefix, which is `$1`: sequences that no column owned, and functions that helped with the rows.
const DROP_REST: &str = "
    SELECT format('DROP SEQUENCE %I.%I', $2, s.relname)
      FROM pg_class s
     WHERE s.relkind = 'S'
       AND starts_with(s.relname::text, $1[1])
       AND s.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
     UNION ALL
    SELECT format('DROP FUNCTION %s', f.oid::regprocedure)
      FROM pg_proc f
     WHERE starts_with(f.proname::text, $1[1])
       AND f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)";

/// Foreign keys of tables that stay to tables that go. A partition's is its parent's.
macro_rules! references {
    ($statement:literal) => {
        concat!(
            "SELECT ",
            $statement,
            " FROM pg_constraint o
               JOIN pg_class t ON t.oid = o.confrelid
              WHERE o.contype = 'f'
                AND o.conparentid = 0
                AND t.relname = ANY($1)
                AND t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
                AND NOT EXISTS (
                        SELECT FROM pg_class own
                         WHERE own.oid = o.conrelid
                           AND own.relname = ANY($1)
                           AND own.relnamespace = t.relnamespace
                    )
              ORDER BY o.oid"
        )
    };
}
const DROP_REFERENCES: &str =
    references!("format('ALTER TABLE %s DROP CONSTRAINT %I', o.conrelid::regclass, o.conname)");
const ADD_REFERENCES: &str = references!(
    "format(
        'ALTER TABLE %s ADD CONSTRAINT %I %s%s'
      , o.conrelid::regclass
      , o.conname
      , pg_get_constraintdef(o.oid)
      , format(
            '; COMMENT ON CONSTRAINT %I ON %s IS ' || quote_literal(obj_description(o.oid, 'pg_constraint'))
          , o.conname
          , o.conrelid::regclass
        )
    )"
);

/// What of the new tables is cheaper to make when the rows are there. Foreign keys hang on the indexes of the tables that they refer to.
const SUSPENDED: &str = "
    WITH tables AS (
        SELECT c.oid
          FROM pg_class c
         WHERE c.relname = ANY($1)
           AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
    )
    SELECT o.contype = 'f'
         , o.conname::text
         , format('ALTER TABLE %s DROP CONSTRAINT %I', t.oid::regclass, o.conname)
         , format('ALTER TABLE %s ADD CONSTRAINT %I %s', t.oid::regclass, o.conname, pg_get_constraintdef(o.oid))
      FROM tables t
      JOIN pg_constraint o ON o.conrelid = t.oid
     WHERE o.contype IN ('f', 'p', 'u')
     UNION ALL
    SELECT false
         , c.relname::text
         , format('DROP INDEX %s', i.indexrelid::regclass)
         , pg_get_indexdef(i.indexrelid)
      FROM tables t
      JOIN pg_index i ON i.indrelid = t.oid
      JOIN pg_class c ON c.oid = i.indexrelid
     WHERE NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = t.oid)
     ORDER BY 2";

const ANALYZE: &str = "SELECT format('ANALYZE %I.%I', $2, name) FROM unnest($1) AS name";
const DISABLE_TRIGGERS: &str =
    "SELECT format('ALTER TABLE %I.%I DISABLE TRIGGER USER', $2, name) FROM unnest($1) AS name";
const ENABLE_TRIGGERS: &str =
    "SELECT format('ALTER TABLE %I.%I ENABLE TRIGGER USER', $2, name) FROM unnest($1) AS name";

/// Functions belong to the owner of the tables: whoever owns these can roll back. Those with our prefix are ours,
/// whatever arguments they take.
const OWN_FUNCTIONS: &str = "
    SELECT format('ALTER FUNCTION %s OWNER TO %I', f.oid::regprocedure, pg_get_userbyid(t.relowner))
      FROM pg_proc f
      JOIN pg_class t ON t.relnamespace = f.pronamespace AND t.relname = 'users'
     WHERE f.proname = ANY($1)
       AND (f.pronargs = 0 OR starts_with(f.proname::text, 'auth_'))
       AND f.proowner <> t.relowner
       AND f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)";

/// A function's body without what means nothing.
macro_rules! plain_body {
    () => {
        "btrim(regexp_replace(replace(lower(f.prosrc), ':=', '='), '[[:space:];]+', ' ', 'g'))"
    };
}

/// The names in `$1` that stand for another function than the one whose [`plain_body`] is in `$3` are left alone.
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

/// The names in `$1` under which the schema has another function than the one whose [`plain_body`] is in `$3`.
const OTHER_FUNCTIONS: &str = concat!(
    "SELECT f.proname::text
       FROM unnest($1, $3) AS known (name, body)
       JOIN pg_proc f ON f.proname = known.name
      WHERE f.pronargs = 0
        AND f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)
        AND known.body <> ",
    plain_body!()
);

/// Whether it is a foreign key, its name, how to drop it, and how to make it again.
type Suspended = (bool, String, String, String);

impl Rebuild<'_> {
    pub async fn run(&self, connection: &mut PgConnection, schema: &Schema) -> Result<()> {
        let id = self.id;
        let drop_references = statements(connection, schema, id, DROP_REFERENCES, self.old).await?;
        let add_references = statements(connection, schema, id, ADD_REFERENCES, self.old).await?;
        execute_each(connection, id, &drop_references).await?;
        set_aside(connection, schema, id, self.old).await?;
        schema.enter(connection).await?;
        execute_each(connection, id, self.create).await?;
        schema.leave(connection).await?;
        self.fill(connection, schema).await?;
        execute_each(connection, id, &add_references).await?;
        for sql in self.finish {
            execute_each(connection, id, &[schema.fill(sql)]).await?;
        }
        let inherits_from: Vec<_> =
            self.inherits_from.iter().map(|(new, old)| format!("{new} auth_old_{old}")).collect();
        inherit(connection, schema, id, &inherits_from, self.gained, self.lost).await?;
        execute_for(connection, schema, id, OWN_FUNCTIONS, self.new_functions).await?;
        execute_for(connection, schema, id, DROP_TABLES, self.old).await?;
        execute_for(connection, schema, id, DROP_REST, &["auth_old_"]).await?;
        let unused = functions(connection, schema, id, UNUSED_FUNCTIONS, self.functions).await?;
        execute_each(connection, id, &unused).await
    }

    async fn fill(&self, connection: &mut PgConnection, schema: &Schema) -> Result<()> {
        let id = self.id;
        let suspended: Vec<Suspended> = sqlx::query_as(SUSPENDED)
            .bind(self.new)
            .bind(&schema.name)
            .persistent(false)
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| migration_failed(id, &error))?;
        let (references, indexes): (Vec<_>, Vec<_>) =
            suspended.into_iter().partition(|(is_reference, ..)| *is_reference);
        for (_, _, drop, _) in references.iter().chain(&indexes) {
            execute_each(connection, id, &[drop]).await?;
        }
        execute_for(connection, schema, id, DISABLE_TRIGGERS, self.new).await?;
        for part in self.rows.split("-- into ").skip(1) {
            let (table, sql) = part.split_once('\n').unwrap_or((part, ""));
            self.timed(connection, "copying rows", table, &schema.fill(sql)).await?;
        }
        for (_, name, _, create) in &indexes {
            self.timed(connection, "building index", name, create).await?;
        }
        // A foreign key is checked by a join, whose planner should know the sizes; so should the application's.
        execute_for(connection, schema, id, ANALYZE, self.new).await?;
        for (_, name, _, create) in &references {
            self.timed(connection, "checking foreign key", name, create).await?;
        }
        execute_for(connection, schema, id, ENABLE_TRIGGERS, self.new).await
    }

    /// Runs one of the statements that take long with many rows, and logs it.
    async fn timed(&self, connection: &mut PgConnection, step: &str, what: &str, sql: &str) -> Result<()> {
        let started = Instant::now();
        tracing::info!(migration = self.id, step, what, "step begins");
        let rows = execute(connection, self.id, AssertSqlSafe(sql.to_owned())).await?;
        tracing::info!(migration = self.id, step, what, rows, durationMs = millis(started.elapsed()), "step done");
        Ok(())
    }
}

/// Tables that a later migration has made belong to the owner of `users`, as its functions do, and whoever has rights
/// to `users` has them to these.
pub async fn join_users(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    tables: &[&str],
    functions: &[&str],
) -> Result<()> {
    let inherits_from: Vec<_> = tables.iter().map(|table| format!("{table} users")).collect();
    inherit(connection, schema, id, &inherits_from, &[], &[]).await?;
    execute_for(connection, schema, id, OWN_FUNCTIONS, functions).await
}

/// Gives the tables, and what bears names of its own in them, names with the prefix `auth_old_`.
pub async fn set_aside(connection: &mut PgConnection, schema: &Schema, id: &str, tables: &[&str]) -> Result<()> {
    execute_for(connection, schema, id, SET_ASIDE, tables).await
}

/// Those of the names under which the schema has another function.
pub async fn other_functions(
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

/// The same for functions without arguments.
pub async fn set_functions_aside(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    functions: &[&str],
) -> Result<()> {
    execute_for(connection, schema, id, SET_FUNCTIONS_ASIDE, functions).await
}
