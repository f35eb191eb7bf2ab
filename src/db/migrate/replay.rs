//! What our migrations create. To find out, they run once more beside the tables, and that is rolled back. A comparison with
//! the result recognises tables that were created with the migrations' SQL by hand, and finds what the application has
//! added.

use super::catalogue::{bodies, catalogue, table_of};
use super::difference::{Difference, list, refusal};
use super::execute::execute;
use super::history;
use super::migration::Migration;
use super::schema::Schema;
use super::set_aside::{refuse_prefixed, set_aside, set_detached_aside, set_functions_aside};
use crate::error::{Code, Error, Result};
use sqlx::PgConnection;
use std::collections::BTreeSet;

/// Refuses to drop tables that have anything that these migrations did not create.
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

/// The lines of the tables and functions that the migrations create.
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
    set_aside(connection, schema, id, &all).await?;
    set_functions_aside(connection, schema, id, &functions).await?;
    set_detached_aside(connection, schema, id, &all).await?;
    for migration in migrations {
        migration.apply(connection, schema).await?;
    }
    let mut lines = catalogue(connection, schema, tables).await?;
    lines.extend(bodies(connection, schema, &functions).await?);
    execute(connection, id, "ROLLBACK TO SAVEPOINT made_by; RELEASE SAVEPOINT made_by").await?;
    Ok(lines)
}

/// For a database whose tables were created with the migrations' SQL by hand, so that there is no `auth_migrations`: how
/// many of the migrations have been run.
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

/// The error if [`baseline`] recognises none of the migrations. It lists the differences to what all of them create.
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
