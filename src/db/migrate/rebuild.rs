//! Replaces a set of tables by another one and copies the rows, all in the transaction that is open. The old tables are
//! renamed, the new ones are created as in an empty database, and the rows are copied while there are no indexes, foreign
//! keys or triggers that would slow this down. Then the old tables are dropped. Owners, grants and the foreign keys of
//! other tables are kept. The caller says which tables these are, and which SQL copies the rows.
//!
//! Queries over the catalogue write the statements. Each of them takes a list of names as `$1` and the schema as `$2`.

use super::execute::{execute, migration_failed};
use super::functions::{self, Function};
use super::generated::{execute_each, execute_for, statements};
use super::rights::{TriggerRight, inherit};
use super::schema::Schema;
use super::set_aside::set_aside;
use crate::db::deadline::millis;
use crate::error::Result;
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::Instant;

pub struct Rebuild<'r> {
    /// The id of the migration, for errors and the log.
    pub id: &'static str,
    /// The tables that are replaced.
    pub old: &'r [&'r str],
    /// SQL that creates the new tables and functions.
    pub create: &'r [&'r str],
    /// The names of the new tables.
    pub new: &'r [&'r str],
    /// The names of the new functions, which get the owner of the tables.
    pub new_functions: &'r [&'r str],
    /// SQL that copies the rows from the old tables, which are named `auth_old_…` by then. The part for each new table
    /// begins with a line `-- into <table>`.
    pub rows: &'r str,
    /// SQL that runs after the rows have been copied, and before owners and grants are set.
    pub finish: &'r [&'r str],
    /// Pairs of a new table and the old one whose owner and grants it gets.
    pub inherits_from: &'r [(&'r str, &'r str)],
    /// Rights to give to the roles that need them for triggers, because a trigger runs with the rights of the role that
    /// writes.
    pub gained: &'r [TriggerRight],
    /// Rights that were given to roles for triggers, and that are taken back.
    pub lost: &'r [TriggerRight],
    /// Functions that are dropped together with the old tables, unless something else needs them.
    pub functions: &'r [Function],
}

const DROP_TABLES: &str =
    "SELECT 'DROP TABLE ' || string_agg(format('%I.%I', $2, 'auth_old_' || name), ', ') FROM unnest($1) AS name";

/// Drops what else has the prefix, which is `$1`: sequences that no column owned, and functions that helped to copy the
/// rows.
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

/// Statements for the foreign keys that lead from other tables to those that are replaced. The foreign key of a partition
/// belongs to its partitioned table, and needs no statement of its own.
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

/// The indexes and foreign keys of the new tables: it is cheaper to create them after the rows have been copied. Foreign
/// keys are dropped before the indexes, and created after them, because they depend on the unique indexes of the tables that
/// they refer to.
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

/// Whether it is a foreign key, its name, the SQL that drops it, and the SQL that creates it again.
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
        functions::own(connection, schema, id, self.new_functions).await?;
        execute_for(connection, schema, id, DROP_TABLES, self.old).await?;
        execute_for(connection, schema, id, DROP_REST, &["auth_old_"]).await?;
        functions::drop_unused(connection, schema, id, self.functions).await
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
        // A foreign key is checked by a join, and the planner needs statistics for that, as it does for the application's
        // statements.
        execute_for(connection, schema, id, ANALYZE, self.new).await?;
        for (_, name, _, create) in &references {
            self.timed(connection, "checking foreign key", name, create).await?;
        }
        execute_for(connection, schema, id, ENABLE_TRIGGERS, self.new).await
    }

    /// Runs a statement that takes long if there are many rows, and logs when it begins and ends.
    async fn timed(&self, connection: &mut PgConnection, step: &str, what: &str, sql: &str) -> Result<()> {
        let started = Instant::now();
        tracing::info!(migration = self.id, step, what, "step begins");
        let rows = execute(connection, self.id, AssertSqlSafe(sql.to_owned())).await?;
        tracing::info!(migration = self.id, step, what, rows, durationMs = millis(started.elapsed()), "step done");
        Ok(())
    }
}

/// Gives the tables and functions that a later migration has created to the owner of `users`. The roles that have rights to
/// `users` get the same rights to these tables.
pub async fn join_users(
    connection: &mut PgConnection,
    schema: &Schema,
    id: &str,
    tables: &[&str],
    functions: &[&str],
) -> Result<()> {
    let inherits_from: Vec<_> = tables.iter().map(|table| format!("{table} users")).collect();
    inherit(connection, schema, id, &inherits_from, &[], &[]).await?;
    functions::own(connection, schema, id, functions).await
}
