//! Converts the database of another program into ours, and back by a rollback. Either is one transaction, under the
//! migration lock, and includes the rows of `auth_migrations`.

use super::execute::{execute, migration_failed};
use super::functions::{self, Function};
use super::history::{self, TAKEN_OVER};
use super::locks::{self, LockFor};
use super::migration::{Migration, names_after};
use super::rebuild::Rebuild;
use super::rights::TriggerRight;
use super::rules::check_rules;
use super::schema::Schema;
use super::session::LOCK_TIMEOUT;
use super::set_aside::refuse_prefixed;
use super::shape::{Shape, recognise};
use super::zones::{Zones, check_zones};
use crate::db::deadline::millis;
use crate::error::Result;
use sqlx::{AssertSqlSafe, PgConnection};
use std::time::Instant;

/// The other program's tables, and the SQL that converts their rows. The module `store` knows them.
pub struct Legacy {
    /// The versions whose tables are recognised.
    pub shapes: &'static [Shape],
    /// SQL that creates functions for reading and writing the other program's times.
    pub clocks: &'static str,
    /// SELECTs of the rows that break our rules, so that the database cannot be taken over.
    pub rules: &'static str,
    /// The tables whose ids open something, so that no error may name one.
    pub opening: &'static [&'static str],
    /// SQL that copies the old rows into our tables.
    pub rows: &'static str,
    /// SELECTs of the rows that the other program's tables cannot store, so that the take-over cannot be rolled back.
    pub back_rules: &'static str,
    /// SQL that copies our rows into the other program's tables.
    pub back_rows: &'static str,
    /// Pairs of one of our tables, for which the other program has none, and the table whose owner and grants it gets.
    pub inherits_from: &'static [(&'static str, &'static str)],
    /// Pairs of a table of a later migration than the first, and a SELECT that is added to `back_rules` if the table
    /// exists.
    pub later: &'static [(&'static str, &'static str)],
    /// The rights that roles need for our triggers.
    pub trigger_rights: &'static [TriggerRight],
}

/// What a rollback has to restore. As text it reads `3.0.x server=UTC client=UTC`.
struct Origin {
    shape: &'static Shape,
    zones: Zones,
}

impl Origin {
    fn parse(text: &str, shapes: &'static [Shape]) -> Option<Self> {
        let (name, rest) = text.split_once(" server=")?;
        let (server, client) = rest.split_once(" client=")?;
        let shape = shapes.iter().find(|shape| shape.name == name)?;
        Some(Self { shape, zones: Zones { server: server.to_owned(), client: client.to_owned() } })
    }

    fn text(&self) -> String {
        format!("{} server={} client={}", self.shape.name, self.zones.server, self.zones.client)
    }
}

/// Converts the tables of another program into those of the first migration. Returns whether there were such tables. The
/// other migrations have to follow in the same transaction.
pub async fn take_over(
    connection: &mut PgConnection,
    schema: &Schema,
    legacy: &Legacy,
    zones: &Zones,
    first: &Migration,
) -> Result<bool> {
    let started = Instant::now();
    let Some(shape) = recognise(connection, schema, legacy.shapes).await? else { return Ok(false) };
    refuse_prefixed(connection, schema).await?;
    check_zones(connection, zones).await?;
    let origin = Origin { shape, zones: zones.clone() };
    let tables = shape.tables();
    tracing::info!(migration = TAKEN_OVER, from = origin.text(), "taking over the database of the TypeScript adapter");
    prepare(connection, schema, legacy, &origin, &tables).await?;
    // The tables may have changed before they were locked.
    recognise(connection, schema, legacy.shapes).await?;
    check_rules(connection, schema, legacy.rules, legacy.opening, "the database was not taken over").await?;
    let mut inherits_from: Vec<_> = same(&tables).chain(legacy.inherits_from.iter().copied()).collect();
    inherits_from.extend(tables.iter().map(|table| (history::TABLE, *table)));
    let create = first.statements();
    let rebuild = Rebuild {
        id: TAKEN_OVER,
        old: &tables,
        create: &[create.as_str()],
        new: &first.tables(),
        new_functions: &first.functions(),
        rows: legacy.rows,
        finish: &["DROP TABLE IF EXISTS :\"schema\".auth_migrations", history::CREATE],
        inherits_from: &inherits_from,
        gained: legacy.trigger_rights,
        lost: &[],
        functions: shape.functions,
    };
    rebuild.run(connection, schema).await?;
    let took = started.elapsed();
    history::insert(connection, schema, TAKEN_OVER, &origin.text(), took).await?;
    history::insert(connection, schema, first.id, &first.checksum(), took).await?;
    tracing::info!(migration = TAKEN_OVER, durationMs = millis(took), "taken over");
    Ok(true)
}

/// Undoes [`take_over`] and all migrations after it at once. If these were undone one by one, the rows of a later one would
/// be gone before a rule finds that the rest cannot be undone.
pub async fn give_back(
    connection: &mut PgConnection,
    schema: &Schema,
    legacy: &Legacy,
    origin: &str,
    migrations: &[&'static Migration],
) -> Result<()> {
    let Some(origin) = Origin::parse(origin, legacy.shapes) else {
        return Err(history::mismatch(TAKEN_OVER, "was applied by another version of this package"));
    };
    let shape = origin.shape;
    let tables = shape.tables();
    let later = present(connection, schema, legacy.later).await?;
    let own = legacy.inherits_from.iter().map(|(own, _)| *own).chain(later.iter().map(|(table, _)| *table));
    let ours: Vec<_> = tables.iter().copied().chain(own).collect();
    tracing::info!(migration = TAKEN_OVER, to = origin.text(), "giving the database back to the TypeScript adapter");
    prepare(connection, schema, legacy, &origin, &ours).await?;
    let later_rules: String = later.iter().map(|(_, rule)| *rule).collect();
    let rules = format!("{}{}{later_rules}", legacy.back_rules, shape.back_rules);
    check_rules(connection, schema, &rules, legacy.opening, "nothing was rolled back").await?;
    let others = functions::others(connection, schema, TAKEN_OVER, shape.functions).await?;
    if !others.is_empty() {
        return Err(history::mismatch(
            TAKEN_OVER,
            &format!("cannot be undone: the application has a function of its own named {}()", others.join("(), ")),
        ));
    }
    let functions: Vec<_> = migrations
        .iter()
        .flat_map(|migration| names_after(migration.down, "DROP FUNCTION "))
        .map(|name| Function { name, body: None })
        .collect();
    let mut finish = vec!["DROP TABLE :\"schema\".auth_migrations"];
    finish.extend(shape.history.as_ref().map(|history| history.create));
    let mut inherits_from: Vec<_> = same(&tables).collect();
    if shape.history.is_some() {
        inherits_from.extend(tables.iter().map(|table| (history::TABLE, *table)));
    }
    let rebuild = Rebuild {
        id: TAKEN_OVER,
        old: &ours,
        create: shape.create,
        new: &tables,
        new_functions: &shape.functions.iter().map(|function| function.name).collect::<Vec<_>>(),
        rows: legacy.back_rows,
        finish: &finish,
        inherits_from: &inherits_from,
        gained: &[],
        lost: legacy.trigger_rights,
        functions: &functions,
    };
    rebuild.run(connection, schema).await
}

/// The pairs whose table exists. The migration of a table may have been rolled back before.
async fn present(
    connection: &mut PgConnection,
    schema: &Schema,
    later: &[(&'static str, &'static str)],
) -> Result<Vec<(&'static str, &'static str)>> {
    let names: Vec<&str> = later.iter().map(|(table, _)| *table).collect();
    let found: Vec<String> = sqlx::query_scalar(
        "SELECT relname::text
           FROM pg_class
          WHERE relname = ANY($1)
            AND relkind = 'r'
            AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $2)",
    )
    .bind(names)
    .bind(&schema.name)
    .persistent(false)
    .fetch_all(connection)
    .await
    .map_err(|error| migration_failed(TAKEN_OVER, &error))?;
    Ok(later.iter().copied().filter(|(table, _)| found.iter().any(|name| name == table)).collect())
}

/// Pairs of each table and itself.
fn same<'t>(tables: &[&'t str]) -> impl Iterator<Item = (&'t str, &'t str)> {
    tables.iter().map(|table| (*table, *table))
}

/// Locks the tables, creates the functions for times, and makes settings for the statements that follow. These may wait for
/// locks for longer: what they could keep waiting waits already. Rules read whole tables, so that sequential scans are allowed.
/// Their statements are long and run once: compiling them (`jit`) would cost more than it saves.
async fn prepare(
    connection: &mut PgConnection,
    schema: &Schema,
    legacy: &Legacy,
    origin: &Origin,
    tables: &[&str],
) -> Result<()> {
    locks::lock(connection, schema, TAKEN_OVER, tables, LockFor::Changing).await?;
    locks::limit(connection, TAKEN_OVER, LOCK_TIMEOUT).await?;
    let Zones { server, client } = &origin.zones;
    sqlx::query(
        "SELECT set_config('auth_postgres.schema', $4, true)
              , set_config('auth_postgres.server_zone', $1, true)
              , set_config('auth_postgres.client_zone', $2, true)
              , set_config('auth_postgres.update_zone', $3, true)
              , set_config('enable_seqscan', 'on', true)
              , set_config('jit', 'off', true)",
    )
    .bind(server)
    .bind(client)
    .bind(if origin.shape.has_update_triggers { server } else { client })
    .bind(&schema.name)
    .persistent(false)
    .execute(&mut *connection)
    .await
    .map_err(|error| migration_failed(TAKEN_OVER, &error))?;
    execute(connection, TAKEN_OVER, AssertSqlSafe(schema.fill(legacy.clocks))).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::{Origin, Shape, Zones};

    const SHAPES: &[Shape] = &[Shape {
        name: "3.0.x",
        catalogue: &[],
        create: &[],
        back_rules: "",
        history: None,
        has_update_triggers: false,
        functions: &[],
    }];

    #[test]
    fn reads_back_where_a_database_came_from() {
        let zones = Zones { server: "Etc/GMT+5".to_owned(), client: "Europe/Berlin".to_owned() };
        let text = Origin { shape: &SHAPES[0], zones: zones.clone() }.text();
        assert_eq!(text, "3.0.x server=Etc/GMT+5 client=Europe/Berlin");
        assert_eq!(Origin::parse(&text, SHAPES).map(|origin| origin.zones), Some(zones));
        assert!(Origin::parse("2.0.x server=UTC client=UTC", SHAPES).is_none());
    }
}
