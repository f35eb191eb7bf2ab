//! What the role may do with the tables.

use super::check::{Check, Topic, listed};
use crate::db::health::{Tables, check_on};
use crate::db::migrate::{self, Condition, Plan, quote_identifier};
use crate::db::pool::Lease;

const PRIVILEGES: Topic = Topic {
    id: "rights.privileges",
    title: "privileges",
    expected: "SELECT, INSERT, UPDATE and DELETE on every table",
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

pub async fn check(lease: &mut Lease, plan: &Plan, tables: Tables, checks: &mut Vec<Check>) {
    match migrate::condition(lease, plan).await {
        Ok(Some(condition)) => {
            judge(&condition, checks);
            checks.push(match check_on(lease, tables).await {
                Ok(()) => COLUMNS.ok("all there"),
                Err(error) => COLUMNS.error(error.message, "see the findings about the schema and the privileges"),
            });
        }
        Ok(None) => {}
        Err(error) => checks.push(PRIVILEGES.error(
            error.message.into_owned(),
            "run the statements that `auth-postgres grants <role>` prints, with the role that owns the tables",
        )),
    }
}

fn judge(condition: &Condition, checks: &mut Vec<Check>) {
    let Condition { missing: _, elsewhere, lacking, hidden, filtered, old_indexes, schema, role, is_upkeep_due: _ } =
        condition;
    let (schema, role) = (quote_identifier(schema), quote_identifier(role));
    checks.push(if lacking.is_empty() {
        PRIVILEGES.ok("all there")
    } else {
        PRIVILEGES.error(
            format!("missing: {}", listed(lacking)),
            lacking.iter().map(|line| grant(line, &schema, &role)).collect::<Vec<_>>().join("; "),
        )
    });
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

/// `DELETE on sessions` as a statement.
fn grant(line: &str, schema: &str, role: &str) -> String {
    let (privilege, table) = line.split_once(" on ").unwrap_or((line, ""));
    format!("GRANT {privilege} ON {schema}.{table} TO {role}")
}
