//! Replaces a set of tables by another set and carries the rows over, in the transaction that is open: the old
//! tables go aside, the new ones are made as in an empty database, rows are copied while no index, foreign key or
//! trigger slows them down, and the old tables go. Owners, grants and other tables' foreign keys are kept.
//! Which tables those are, and how rows become rows, the caller says.
//!
//! The statements are made by queries over the catalogue, which all take a list of names as `$1`. The search
//! path is the one schema of the tables.

use super::{migration_failed, run};
use crate::db::pool::millis;
use crate::error::Result;
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::Instant;

pub struct Rebuild<'r> {
    /// The migration in whose name this happens.
    pub id: &'static str,
    pub old: &'r [&'r str],
    /// SQL that makes the new tables.
    pub create: &'r [&'r str],
    /// SQL that fills them from the old ones, named `auth_old_…`: parts that begin with a line `-- into <table>`.
    pub rows: &'r str,
    /// SQL to run when the rows are there, before owners and grants are set.
    pub finish: &'r [&'r str],
    /// New tables, and the old ones whose owner and grants they get.
    pub heirs: &'r [(&'r str, &'r str)],
    /// Functions without arguments that go with the old tables, unless something else needs them.
    pub functions: &'r [&'r str],
}

/// Indexes, sequences and the names that PostgreSQL 18 gives to NOT NULL too: they are wanted again. The sequence of
/// a column keeps its own name behind the prefix, as the tables do, so that SQL can name it.
const SET_ASIDE: &str = "
    WITH tables AS (
        SELECT c.oid, c.relname
          FROM pg_class c
         WHERE c.relname = ANY($1)
           AND c.relkind = 'r'
           AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    )
    SELECT format('ALTER TABLE %I RENAME TO %I', t.relname, 'auth_old_' || t.relname)
      FROM tables t
     UNION ALL
    SELECT format('ALTER INDEX %I RENAME TO %I', c.relname, 'auth_old_' || c.oid)
      FROM tables t
      JOIN pg_index i ON i.indrelid = t.oid
      JOIN pg_class c ON c.oid = i.indexrelid
     UNION ALL
    SELECT format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', 'auth_old_' || t.relname, o.conname, 'auth_old_' || o.oid)
      FROM tables t
      JOIN pg_constraint o ON o.conrelid = t.oid AND o.contype = 'n'
     UNION ALL
    SELECT format('ALTER SEQUENCE %I RENAME TO %I', s.relname, 'auth_old_' || s.relname)
      FROM pg_class s
     WHERE s.relkind = 'S'
       AND s.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
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

const DROP_TABLES: &str =
    "SELECT 'DROP TABLE ' || string_agg(quote_ident('auth_old_' || name), ', ') FROM unnest($1) AS name";

/// What else bears the prefix, which is `$1`: sequences that no column owned, and functions that helped with the rows.
const DROP_REST: &str = "
    SELECT format('DROP SEQUENCE %I', s.relname)
      FROM pg_class s
     WHERE s.relkind = 'S'
       AND starts_with(s.relname, $1[1])
       AND s.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
     UNION ALL
    SELECT format('DROP FUNCTION %s', f.oid::regprocedure)
      FROM pg_proc f
     WHERE starts_with(f.proname, $1[1])
       AND f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())";

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
                AND t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
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
    "format('ALTER TABLE %s ADD CONSTRAINT %I %s', o.conrelid::regclass, o.conname, pg_get_constraintdef(o.oid))"
);

/// Every table of the schema; of the names, one is empty.
const TABLES: &str = "
    SELECT relname::text
      FROM pg_class
     WHERE relkind = 'r'
       AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
       AND relname <> ALL($1)
     ORDER BY oid";

/// What of the new tables is cheaper to make when the rows are there. Foreign keys hang on the indexes of the tables that they refer to.
const SUSPENDED: &str = "
    WITH tables AS (
        SELECT c.oid
          FROM pg_class c
         WHERE c.relname = ANY($1)
           AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
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
         , i.indexrelid::regclass::text
         , format('DROP INDEX %s', i.indexrelid::regclass)
         , pg_get_indexdef(i.indexrelid)
      FROM tables t
      JOIN pg_index i ON i.indrelid = t.oid
     WHERE NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = t.oid)
     ORDER BY 2";

const ANALYZE: &str = "SELECT format('ANALYZE %I', name) FROM unnest($1) AS name";
const DISABLE_TRIGGERS: &str = "SELECT format('ALTER TABLE %I DISABLE TRIGGER USER', name) FROM unnest($1) AS name";
const ENABLE_TRIGGERS: &str = "SELECT format('ALTER TABLE %I ENABLE TRIGGER USER', name) FROM unnest($1) AS name";

/// `$1` are pairs, `<new> <old>`. Our bookkeeping is read by whoever may use the tables, and written by the owner.
/// Owners come last: the role that does this need not be one.
const INHERITANCE: &str = "
    WITH heirs AS (
        SELECT split_part(pair, ' ', 1) AS heir, c.oid, c.relowner, c.relacl
          FROM unnest($1) AS pair
          JOIN pg_class c ON c.relname = 'auth_old_' || split_part(pair, ' ', 2)
         WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    ), grants AS (
        SELECT h.heir, h.relowner, a.grantee, a.privilege_type AS privilege, a.is_grantable
          FROM heirs h
         CROSS JOIN aclexplode(h.relacl) a
         UNION ALL
        SELECT h.heir, h.relowner, a.grantee, format('%s (%I)', a.privilege_type, c.attname), a.is_grantable
          FROM heirs h
          JOIN pg_attribute c ON c.attrelid = h.oid AND c.attnum > 0
         CROSS JOIN aclexplode(c.attacl) a
         WHERE EXISTS (SELECT FROM pg_attribute n WHERE n.attrelid = to_regclass(quote_ident(h.heir)) AND n.attname = c.attname)
    ), permitted AS (
        SELECT heir, relowner, grantee, privilege, is_grantable FROM grants WHERE heir <> 'auth_migrations'
         UNION
        SELECT heir, relowner, grantee, 'SELECT', false FROM grants WHERE heir = 'auth_migrations'
    )
    SELECT format(
               'GRANT %s ON %I TO %s%s'
             , privilege
             , heir
             , CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
             , CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END
           )
      FROM permitted
     WHERE grantee <> relowner
     UNION ALL
    SELECT DISTINCT format('ALTER TABLE %I OWNER TO %I', heir, pg_get_userbyid(relowner))
      FROM heirs
     WHERE pg_get_userbyid(relowner) <> current_user";

const UNUSED_FUNCTIONS: &str = "
    SELECT format('DROP FUNCTION %s', f.oid::regprocedure)
      FROM pg_proc f
     WHERE f.proname = ANY($1)
       AND f.pronargs = 0
       AND f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
       AND NOT EXISTS (SELECT FROM pg_depend p WHERE p.refclassid = 'pg_proc'::regclass AND p.refobjid = f.oid)";

/// Whether it is a foreign key, its name, how to drop it, and how to make it again.
type Suspended = (bool, String, String, String);

impl Rebuild<'_> {
    pub async fn run(&self, connection: &mut PgConnection) -> Result<()> {
        let drop_references = self.statements(connection, DROP_REFERENCES, self.old).await?;
        let add_references = self.statements(connection, ADD_REFERENCES, self.old).await?;
        self.execute(connection, &drop_references).await?;
        self.execute_for(connection, SET_ASIDE, self.old).await?;
        let present = self.statements(connection, TABLES, &[""]).await?;
        self.execute(connection, self.create).await?;
        let new = self.statements(connection, TABLES, &present).await?;
        self.fill(connection, &new).await?;
        self.execute(connection, &add_references).await?;
        self.execute(connection, self.finish).await?;
        let heirs: Vec<_> = self.heirs.iter().map(|(new, old)| format!("{new} {old}")).collect();
        self.execute_for(connection, INHERITANCE, &heirs).await?;
        self.execute_for(connection, DROP_TABLES, self.old).await?;
        self.execute_for(connection, DROP_REST, &["auth_old_"]).await?;
        self.execute_for(connection, UNUSED_FUNCTIONS, self.functions).await
    }

    async fn fill(&self, connection: &mut PgConnection, new: &[String]) -> Result<()> {
        let suspended: Vec<Suspended> = sqlx::query_as(SUSPENDED)
            .bind(new)
            .persistent(false)
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| migration_failed(self.id, &error))?;
        let (references, indexes): (Vec<_>, Vec<_>) =
            suspended.into_iter().partition(|(is_reference, ..)| *is_reference);
        for (_, _, drop, _) in references.iter().chain(&indexes) {
            self.execute(connection, &[drop]).await?;
        }
        self.execute_for(connection, DISABLE_TRIGGERS, new).await?;
        for part in self.rows.split("-- into ").skip(1) {
            let (table, sql) = part.split_once('\n').unwrap_or((part, ""));
            self.timed(connection, "copying rows", table, sql).await?;
        }
        for (_, name, _, create) in &indexes {
            self.timed(connection, "building index", name, create).await?;
        }
        // A foreign key is checked by a join, whose planner should know the sizes; so should the application's.
        self.execute_for(connection, ANALYZE, new).await?;
        for (_, name, _, create) in &references {
            self.timed(connection, "checking foreign key", name, create).await?;
        }
        self.execute_for(connection, ENABLE_TRIGGERS, new).await
    }

    /// Runs one of the statements that take long with many rows, and logs it.
    async fn timed(&self, connection: &mut PgConnection, step: &str, what: &str, sql: &str) -> Result<()> {
        let started = Instant::now();
        tracing::info!(migration = self.id, step, what, "step begins");
        let rows = run(connection, self.id, AssertSqlSafe(sql.to_owned())).await?;
        tracing::info!(migration = self.id, step, what, rows, durationMs = millis(started.elapsed()), "step done");
        Ok(())
    }

    /// The statements, or the names, that a query over the catalogue makes.
    async fn statements<N: AsRef<str>>(
        &self,
        connection: &mut PgConnection,
        query: &'static str,
        names: &[N],
    ) -> Result<Vec<String>> {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        sqlx::query_scalar(query)
            .bind(names)
            .persistent(false)
            .fetch_all(connection)
            .await
            .map_err(|error| migration_failed(self.id, &error))
    }

    async fn execute<S: AsRef<str>>(&self, connection: &mut PgConnection, statements: &[S]) -> Result<()> {
        for sql in statements {
            run(connection, self.id, AssertSqlSafe(sql.as_ref().to_owned())).await?;
        }
        Ok(())
    }

    async fn execute_for<N: AsRef<str>>(
        &self,
        connection: &mut PgConnection,
        query: &'static str,
        names: &[N],
    ) -> Result<()> {
        let statements = self.statements(connection, query, names).await?;
        self.execute(connection, &statements).await
    }
}
