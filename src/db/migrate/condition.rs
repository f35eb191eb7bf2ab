//! What is wrong with the tables: some are missing, or refer to another schema, or the role may not use them. `connect()` and
//! `healthCheck()` find this out with the one query that they send anyway.

use super::migration::Migration;
use super::schema::quote_identifier;
use crate::error::{Code, Error, Result};
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the query has found. The server sends each finding as one line, `<kind>|<text>`.
#[derive(Debug, Default)]
pub struct Condition {
    /// Tables that do not exist.
    pub missing: Vec<String>,
    /// Foreign keys, triggers and functions that lead into another schema.
    pub elsewhere: Vec<String>,
    /// Privileges that the role lacks.
    pub lacking: Vec<String>,
    /// Tables of which row level security hides all rows, because no policy applies to the role.
    pub hidden: Vec<String>,
    /// Tables of which policies decide what rows the role sees.
    pub filtered: Vec<String>,
    /// Indexes that only a process of version 3.x creates.
    pub old_indexes: Vec<String>,
    /// Whether the upkeep of the tables is due.
    pub is_upkeep_due: bool,
    pub schema: String,
    pub role: String,
}

/// Which warnings have been logged already: each is logged once.
#[derive(Debug, Default)]
pub struct Told {
    policies: AtomicBool,
    old_indexes: AtomicBool,
}

/// SQL for the columns `role` and `findings` of a query that has the name of our schema as `own.name`. All functions and
/// operators are qualified, so that they are the server's own whatever the search path is. `upkeep` is an SQL condition.
pub fn columns(migrations: &[Migration], old_indexes: Vec<&'static str>, upkeep: &str) -> String {
    let list = |names: Vec<&str>| {
        let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        format!("ARRAY[{}]::pg_catalog.name[]", quoted.join(", "))
    };
    let tables = list(migrations.iter().flat_map(Migration::tables).collect());
    let functions = list(migrations.iter().flat_map(Migration::functions).collect());
    let old_indexes = list(old_indexes);
    FINDINGS
        .replace(":tables", &tables)
        .replace(":functions", &functions)
        .replace(":old_indexes", &old_indexes)
        .replace(":upkeep", upkeep)
}

const FINDINGS: &str = "
    , current_user::pg_catalog.text AS role
    , ARRAY(
          WITH tables AS (
              SELECT c.oid, c.relname::pg_catalog.text AS name, c.relnamespace
                FROM pg_catalog.pg_class AS c
                JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
               WHERE n.nspname OPERATOR(pg_catalog.=) own.name
                 AND c.relname OPERATOR(pg_catalog.=) ANY (:tables)
          )
          SELECT pg_catalog.concat('missing|', known.name)
            FROM pg_catalog.unnest(:tables) AS known (name)
           WHERE NOT EXISTS (SELECT FROM tables AS t WHERE t.name OPERATOR(pg_catalog.=) known.name::pg_catalog.text)
           UNION ALL
          SELECT pg_catalog.concat('elsewhere|the foreign key ', o.conname, ' of ', t.name)
            FROM tables AS t
            JOIN pg_catalog.pg_constraint AS o ON o.conrelid OPERATOR(pg_catalog.=) t.oid
            JOIN pg_catalog.pg_class AS r ON r.oid OPERATOR(pg_catalog.=) o.confrelid
           WHERE r.relnamespace OPERATOR(pg_catalog.<>) t.relnamespace
             AND r.relname OPERATOR(pg_catalog.=) ANY (:tables)
           UNION ALL
          SELECT pg_catalog.concat('elsewhere|the trigger ', g.tgname, ' of ', t.name)
            FROM tables AS t
            JOIN pg_catalog.pg_trigger AS g ON g.tgrelid OPERATOR(pg_catalog.=) t.oid
            JOIN pg_catalog.pg_proc AS f ON f.oid OPERATOR(pg_catalog.=) g.tgfoid
           WHERE f.pronamespace OPERATOR(pg_catalog.<>) t.relnamespace
             AND f.proname OPERATOR(pg_catalog.=) ANY (:functions)
           UNION ALL
          SELECT pg_catalog.concat('elsewhere|the search_path of the function ', f.proname)
            FROM pg_catalog.pg_proc AS f
            JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) f.pronamespace
           CROSS JOIN LATERAL pg_catalog.unnest(f.proconfig) AS setting (text)
           WHERE n.nspname OPERATOR(pg_catalog.=) own.name
             AND f.proname OPERATOR(pg_catalog.=) ANY (:functions)
             AND pg_catalog.starts_with(setting.text, 'search_path=')
             AND setting.text OPERATOR(pg_catalog.<>) 'search_path=pg_catalog, pg_temp'::pg_catalog.text
           UNION ALL
          SELECT pg_catalog.concat('lacking|', needed.privilege, ' on ', t.name)
            FROM tables AS t
           CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS needed (privilege)
           WHERE NOT CASE
                         WHEN needed.privilege OPERATOR(pg_catalog.=) 'DELETE'::pg_catalog.text
                         THEN pg_catalog.has_table_privilege(t.oid, needed.privilege)
                         ELSE pg_catalog.has_any_column_privilege(t.oid, needed.privilege)
                     END
           UNION ALL
          -- The CASE keeps the question away from what is no sequence.
          SELECT pg_catalog.concat('lacking|USAGE on ', s.relname)
            FROM tables AS t
            JOIN pg_catalog.pg_attrdef AS d ON d.adrelid OPERATOR(pg_catalog.=) t.oid
            JOIN pg_catalog.pg_depend AS p
              ON p.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass::pg_catalog.oid
             AND p.objid OPERATOR(pg_catalog.=) d.oid
             AND p.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid
            JOIN pg_catalog.pg_class AS s ON s.oid OPERATOR(pg_catalog.=) p.refobjid
           WHERE NOT CASE
                         WHEN s.relkind OPERATOR(pg_catalog.=) 'S'::pg_catalog.\"char\"
                         THEN pg_catalog.has_sequence_privilege(s.oid, 'USAGE, UPDATE')
                         ELSE true
                     END
           UNION ALL
          SELECT pg_catalog.concat(
                     CASE WHEN EXISTS (
                         SELECT FROM pg_catalog.pg_policy AS p
                          CROSS JOIN LATERAL pg_catalog.unnest(p.polroles) AS to_role (oid)
                          WHERE p.polrelid OPERATOR(pg_catalog.=) t.oid
                            AND (
                                    to_role.oid OPERATOR(pg_catalog.=) 0::pg_catalog.oid
                                    OR pg_catalog.pg_has_role(to_role.oid, 'MEMBER')
                                )
                     ) THEN 'filtered|' ELSE 'hidden|' END
                   , t.name
                 )
            FROM tables AS t
           WHERE pg_catalog.row_security_active(t.oid)
           UNION ALL
          SELECT pg_catalog.concat('index|', i.relname)
            FROM tables AS t
            JOIN pg_catalog.pg_index AS x ON x.indrelid OPERATOR(pg_catalog.=) t.oid
            JOIN pg_catalog.pg_class AS i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
           WHERE i.relname OPERATOR(pg_catalog.=) ANY (:old_indexes)
           UNION ALL
          SELECT 'upkeep|'
           WHERE :upkeep
      ) AS findings";

impl Condition {
    /// Reads the row of a query with [`columns`], whose seventh column is the name of the schema.
    pub fn read(row: &PgRow) -> sqlx::Result<Self> {
        let lines: Vec<String> = row.try_get("findings")?;
        let schema: Option<String> = row.try_get(6)?;
        let mut condition = Self { schema: schema.unwrap_or_default(), role: row.try_get("role")?, ..Self::default() };
        for line in lines {
            let (kind, text) = line.split_once('|').unwrap_or_default();
            if kind == "upkeep" {
                condition.is_upkeep_due = true;
                continue;
            }
            let list = match kind {
                "missing" => &mut condition.missing,
                "elsewhere" => &mut condition.elsewhere,
                "lacking" => &mut condition.lacking,
                "hidden" => &mut condition.hidden,
                "index" => &mut condition.old_indexes,
                _ => &mut condition.filtered,
            };
            list.push(text.to_owned());
        }
        Ok(condition)
    }

    /// The schema that the condition is about.
    pub fn schema(&self) -> &str {
        &self.schema
    }

    /// Returns an error if calls would fail, or would use tables of another schema. Policies that apply to the role and
    /// old indexes are allowed, and logged once.
    pub fn check(&self, told: &Told) -> Result<()> {
        let Self { missing, elsewhere, lacking, old_indexes, schema, role, hidden: _, filtered: _, is_upkeep_due: _ } =
            self;
        if !missing.is_empty() {
            return Err(mismatch(format!("tables are missing in the schema \"{schema}\": {}", missing.join(", "))));
        }
        if !elsewhere.is_empty() {
            return Err(mismatch(format!(
                "what belongs to the schema \"{schema}\" leads into another one: {}. Was a part of it moved or restored?",
                elsewhere.join(", ")
            )));
        }
        if !lacking.is_empty() {
            return Err(Error::new(
                Code::PermissionDenied,
                format!(
                    "the role lacks privileges ({}): GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \"{schema}\" TO \"{role}\"; GRANT USAGE ON ALL SEQUENCES IN SCHEMA \"{schema}\" TO \"{role}\"",
                    lacking.join(", ")
                ),
            ));
        }
        self.check_sight(told)?;
        if !old_indexes.is_empty() && !told.old_indexes.swap(true, Ordering::Relaxed) {
            let schema = quote_identifier(schema);
            let names: Vec<_> = old_indexes.iter().map(|name| format!("{schema}.{name}")).collect();
            tracing::warn!(
                indexes = old_indexes.join(", "),
                "a process of version 3.x has been started since, and has made its indexes again, which slow down writes: stop such processes, and run DROP INDEX {}",
                names.join(", ")
            );
        }
        Ok(())
    }

    /// Returns an error if row level security hides all rows of a table.
    pub fn check_sight(&self, told: &Told) -> Result<()> {
        let Self { hidden, filtered, schema, role, .. } = self;
        if let Some(table) = hidden.first() {
            return Err(Error::new(
                Code::PermissionDenied,
                format!(
                    "row level security hides every row from the role ({}): it needs a policy, such as CREATE POLICY auth_postgres ON \"{schema}\".\"{table}\" TO \"{role}\" USING (true)",
                    hidden.join(", ")
                ),
            ));
        }
        if !filtered.is_empty() && !told.policies.swap(true, Ordering::Relaxed) {
            tracing::warn!(tables = filtered.join(", "), "row level security applies to the role of the connection");
        }
        Ok(())
    }
}

fn mismatch(message: String) -> Error {
    Error::new(Code::SchemaMismatch, message)
}
