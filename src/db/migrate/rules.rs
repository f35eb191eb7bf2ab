//! Looks for rows because of which a database cannot be taken over, or cannot be given back.

use super::execute::migration_failed;
use super::history::TAKEN_OVER;
use super::schema::Schema;
use crate::db::deadline::millis;
use crate::error::{Code, Error, Result, Violation};
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::Instant;

/// How many ids of rows an error lists for each rule.
const LISTED: i32 = 20;

/// `opening` are the tables whose ids open something, such as a login. Of these only the beginning is listed, and little of one
/// that is short.
pub async fn check_rules(
    connection: &mut PgConnection,
    schema: &Schema,
    rules: &str,
    opening: &[&str],
    outcome: &str,
) -> Result<()> {
    let rules = schema.fill(rules);
    let started = Instant::now();
    let broken: Vec<Violation> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT rule
              , \"table\"
              , reason
              , count(*) AS count
              , (array_agg(
                    CASE WHEN \"table\" = ANY($2) THEN left(id, least(8, length(id) / 3)) || '…' ELSE id END
                    ORDER BY id COLLATE \"C\"
                ))[1:$1] AS ids
           FROM (SELECT DISTINCT rule, \"table\", reason, id::text FROM ({rules}) AS broken (rule, \"table\", reason, id)) AS broken
          GROUP BY rule, \"table\", reason
          ORDER BY \"table\", rule"
    )))
    .bind(LISTED)
    .bind(opening)
    .persistent(false)
    .fetch_all(connection)
    .await
    .map_err(|error| migration_failed(TAKEN_OVER, &error))?;
    tracing::info!(
        migration = TAKEN_OVER,
        broken = broken.len(),
        durationMs = millis(started.elapsed()),
        "rules checked"
    );
    if broken.is_empty() {
        return Ok(());
    }
    let list: Vec<_> = broken.iter().map(describe).collect();
    let mut error = Error::new(
        Code::MigrationFailed,
        format!("{outcome}, and nothing was changed, because of rows that must be repaired first: {}", list.join("; ")),
    );
    error.context.migration = Some(TAKEN_OVER.to_owned());
    error.context.violations = Some(broken);
    Err(error)
}

fn describe(violation: &Violation) -> String {
    let Violation { rule, table, reason, count, ids } = violation;
    let more = if *count > i64::from(LISTED) { ", …" } else { "" };
    format!("{table}: {reason} ({rule}, {count} rows: {}{more})", ids.join(", "))
}
