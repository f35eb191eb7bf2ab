//! Whether the tables are as the migrations make them.

use super::check::{Check, Topic};
use crate::db::migrate::{self, Deviation, MigrationPhase, Plan, Progress, Schema};
use crate::db::pool::Lease;
use std::time::Duration;

pub const MIGRATIONS: Topic = Topic {
    id: "schema.migrations",
    title: "migrations",
    expected: "all applied, as this version of the package has them, and no others",
};
const DRIFT: Topic =
    Topic { id: "schema.drift", title: "tables and functions", expected: "as the migrations make them" };

pub fn migrations(progress: &Progress, plan: &Plan, schema: &Schema) -> Check {
    let count = progress.migrations.len();
    let list = |phase| progress.ids(phase).join(", ");
    if progress.is_empty() {
        return MIGRATIONS.error(
            format!("none of {count} has been applied in the schema \"{}\"", progress.schema),
            migrate_command(&progress.schema),
        );
    }
    if !progress.ids(MigrationPhase::Edited).is_empty() {
        return MIGRATIONS.error(
            format!("applied in another form than this package has: {}", list(MigrationPhase::Edited)),
            "use the version of the package that has applied them, or restore a backup",
        );
    }
    if !progress.ids(MigrationPhase::Newer).is_empty() {
        return MIGRATIONS.error(
            format!("the database is newer than this package, which does not know {}", list(MigrationPhase::Newer)),
            "use the version of the package that has applied them, or roll back with it",
        );
    }
    let lost = progress.lost();
    if !lost.is_empty() {
        let notes = plan.migrations.iter().filter(|migration| lost.contains(&migration.id));
        return MIGRATIONS.error(
            format!("not noted, though later ones are: {}", lost.join(", ")),
            notes.map(|migration| migrate::noting(schema, migration)).collect::<Vec<_>>().join("; "),
        );
    }
    if !progress.ids(MigrationPhase::Pending).is_empty() {
        return MIGRATIONS
            .error(format!("pending: {}", list(MigrationPhase::Pending)), migrate_command(&progress.schema));
    }
    MIGRATIONS.ok(format!("{count} applied"))
}

/// Without the schema the command would make the tables in another one, unless the URL names it.
fn migrate_command(schema: &str) -> String {
    let is_plain = schema.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    let word = if is_plain { schema.to_owned() } else { format!("'{}'", schema.replace('\'', r"'\''")) };
    format!("auth-postgres migrate --schema {word}")
}

pub async fn drift(
    lease: &mut Lease,
    plan: &Plan,
    progress: &Progress,
    limit: Option<Duration>,
    checks: &mut Vec<Check>,
) {
    if progress.is_empty() {
        return;
    }
    if !progress.ids(MigrationPhase::Newer).is_empty() {
        checks.push(DRIFT.notice("could not be compared, because the database is newer than this package"));
        return;
    }
    let lost = progress.lost();
    let has_run = |id: &str| progress.has(id) || lost.contains(&id);
    let applied: Vec<_> = plan.migrations.iter().filter(|migration| has_run(migration.id)).collect();
    match migrate::deviations(lease, plan.schema.as_deref(), &applied, limit).await {
        Ok((deviations, count)) if deviations.is_empty() => {
            checks.push(DRIFT.ok(format!("{count} parts compared")));
        }
        Ok((deviations, _)) => checks.extend(deviations.into_iter().map(deviation)),
        Err(error) if error.context.sql_state.as_deref() == Some("42501") => checks.push(DRIFT.notice(
            "could not be compared, because the role may not create a schema for a moment: run the diagnosis with the role that migrates, and GRANT CREATE ON DATABASE to it",
        )),
        Err(error) => checks.push(DRIFT.unknown(&error)),
    }
}

/// An addition may be intended by the application, and an index can refuse no row unless it is unique. A part that is
/// missing or different never is, nor is a partition whose rows are lost in a crash.
fn deviation(found: Deviation) -> Check {
    let Deviation { kind, name, expected, actual, repair } = found;
    let title = format!("{kind} {name}");
    let is_addition = expected.is_none();
    let mut check = match (is_addition, kind.as_str()) {
        (true, "durability") => DRIFT.error(actual.unwrap_or_default(), repair),
        (true, "index") if !actual.as_ref().is_some_and(|sql| sql.starts_with("CREATE UNIQUE")) => {
            DRIFT.notice(format!("an index that no migration makes: {}", actual.unwrap_or_default()))
        }
        (true, _) => DRIFT.warning(
            format!("no migration makes this: {}", actual.unwrap_or_default()),
            format!("{repair}; -- unless it is meant: a rollback may refuse such additions"),
        ),
        (false, "table") => DRIFT.error(
            actual.unwrap_or_else(|| "missing".to_owned()),
            "restore it from a backup, or make it with the SQL that `auth-postgres sql` prints",
        ),
        (false, _) => DRIFT.error(actual.unwrap_or_else(|| "missing".to_owned()), repair),
    };
    if let Some(expected) = expected {
        check = check.expecting(expected);
    }
    check.titled(title)
}
