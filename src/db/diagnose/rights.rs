//! What the role may do with the tables.

use super::ask::{ask_what_is_amiss, literal, literals};
use super::check::{Check, Topic, listed};
use crate::db::health::{Tables, check_on};
use crate::db::migrate::{self, Condition, Migration, Plan, Schema, quote_identifier};
use crate::db::pool::Lease;
use crate::error::Result;
use sqlx::PgConnection;

const PRIVILEGES: Topic = Topic {
    id: "rights.privileges",
    title: "privileges",
    expected: "SELECT, INSERT, UPDATE and DELETE on every table, EXECUTE on the functions and USAGE on the sequences",
};
const ROWS: Topic =
    Topic { id: "rights.rows", title: "row level security", expected: "no policy keeps rows from the role" };
const COLUMNS: Topic =
    Topic { id: "schema.columns", title: "columns", expected: "every column that statements use can be read" };
const ELSEWHERE: Topic = Topic {
    id: "schema.references",
    title: "references",
    expected: "foreign keys, triggers and functions lead to the same schema",
};
const OLD_INDEXES: Topic =
    Topic { id: "schema.old-indexes", title: "indexes of version 3.x", expected: "none, since they slow writes down" };

/// Privileges that the role lacks, each with the statement that grants it.
type Lacking = Vec<(String, String)>;

/// The functions that the role calls itself, which act for their owner. Triggers call theirs whatever the role may do.
const FUNCTIONS: &str = "
    SELECT format('EXECUTE on %s', f.proname) AS line
         , format('GRANT EXECUTE ON FUNCTION %s TO %I', f.oid::regprocedure, current_user) AS repair
      FROM pg_proc f
      JOIN pg_namespace n ON n.oid = f.pronamespace
     WHERE n.nspname = :schema
       AND f.proname IN (:functions)
       AND f.prosecdef
       AND f.prorettype <> 'trigger'::regtype
       AND NOT has_function_privilege(f.oid, 'EXECUTE')
     ORDER BY 1";

/// The functions that the role lacks the right to call.
pub async fn functions(connection: &mut PgConnection, schema: &Schema, plan: &Plan) -> Result<Lacking> {
    let functions: Vec<&str> = plan.migrations.iter().flat_map(Migration::functions).collect();
    let sql = FUNCTIONS.replace(":schema", &literal(&schema.name)).replace(":functions", &literals(&functions));
    ask_what_is_amiss(connection, sql).await
}

pub async fn check(
    lease: &mut Lease,
    plan: &Plan,
    tables: Tables,
    functions: Result<Lacking>,
    checks: &mut Vec<Check>,
) {
    match migrate::condition(lease, plan).await {
        Ok(Some(condition)) => {
            checks.push(match functions {
                Ok(lacking) => privileges(&condition, lacking),
                Err(error) => PRIVILEGES.unknown(&error),
            });
            judge(&condition, checks);
            checks.push(match check_on(lease, tables).await {
                Ok(()) => COLUMNS.ok("all there"),
                Err(error) => COLUMNS.failed(&error, "see the findings about the schema and the privileges"),
            });
        }
        Ok(None) => {}
        Err(error) => checks.push(PRIVILEGES.failed(
            &error,
            "run the statements that `auth-postgres grants <role>` prints, with the role that owns the tables",
        )),
    }
}

fn judge(condition: &Condition, checks: &mut Vec<Check>) {
    let Condition { missing: _, elsewhere, lacking: _, hidden, filtered, old_indexes, schema, role, is_upkeep_due: _ } =
        condition;
    let (schema, role) = (quote_identifier(schema), quote_identifier(role));
    checks.push(if let Some(table) = hidden.first() {
        ROWS.error(
            format!("every row is hidden: {}", listed(hidden)),
            format!(
                "CREATE POLICY auth_postgres ON {schema}.{table} TO {role} USING (true), and the same for the others"
            ),
        )
    } else if filtered.is_empty() {
        ROWS.ok("not in force for the role")
    } else {
        ROWS.notice(format!("policies apply to the role: {}", listed(filtered)))
    });
    checks.push(if elsewhere.is_empty() {
        ELSEWHERE.ok("all in it")
    } else {
        ELSEWHERE.error(listed(elsewhere), "restore the part that was moved, or move all tables and functions together")
    });
    checks.push(if old_indexes.is_empty() {
        OLD_INDEXES.ok("none")
    } else {
        let drops: Vec<String> = old_indexes.iter().map(|name| format!("DROP INDEX {schema}.{name}")).collect();
        OLD_INDEXES.warning(
            format!("a process of version 3.x has made them again: {}", listed(old_indexes)),
            format!("stop such processes, and run {}", drops.join("; ")),
        )
    });
}

fn privileges(condition: &Condition, functions: Lacking) -> Check {
    let (schema, role) = (quote_identifier(&condition.schema), quote_identifier(&condition.role));
    let on_tables = condition.lacking.iter().map(|line| (line.clone(), grant(line, &schema, &role)));
    let (lines, grants): (Vec<_>, Vec<_>) = on_tables.chain(functions).unzip();
    if lines.is_empty() {
        return PRIVILEGES.ok("all there");
    }
    PRIVILEGES.error(format!("missing: {}", listed(&lines)), grants.join("; "))
}

/// `DELETE on sessions` as a statement.
fn grant(line: &str, schema: &str, role: &str) -> String {
    let (privilege, table) = line.split_once(" on ").unwrap_or((line, ""));
    format!("GRANT {privilege} ON {schema}.{table} TO {role}")
}
