//! What can be found out about a database without changing it.

use super::execute::failure;
use super::migration::Migration;
use super::plan::Plan;
use super::progress::{self, Progress};
use super::schema::Schema;
use super::undo::{self, Rollback, RollbackPreview};
use super::{history, script, session, shape};
use crate::db::pool::Pool;
use crate::db::run::acquire::acquire;
use crate::db::silence::Unwatched;
use crate::error::Result;
use sqlx::PgConnection;
use std::sync::Arc;

/// Runs the body in a read-only transaction, and ends the transaction. `$schema` is the schema of our tables.
macro_rules! looking {
    ($pool:expr, $plan:expr, |$transaction:ident, $schema:ident| $work:expr) => {{
        let mut lease = acquire($pool, None, $pool.connecting_end()).await?;
        let is_pooled = lease.target().is_pooled();
        let mut $transaction = session::begin_read_only(&mut lease).await?;
        let $schema = Schema::find(&mut $transaction, $plan.schema.as_deref(), is_pooled).await?;
        let result = async { $work }.await;
        $transaction.rollback().await.map_err(|error| failure(&error).error)?;
        lease.settle(true);
        result
    }};
}

/// The migrations that `migrate()` would apply, and their SQL.
pub async fn pending_script(pool: &Arc<Pool>, plan: &Plan, count: usize) -> Result<(Vec<String>, String)> {
    looking!(pool, plan, |transaction, schema| {
        let applied = history::read(&mut transaction, &schema).await?;
        let is_first = applied.is_none();
        let pending = match applied {
            Some(applied) => applied.pending(plan.migrations)?,
            None => plan.migrations.iter().collect(),
        };
        let pending: Vec<&Migration> = pending
            .into_iter()
            .filter(|each| plan.migrations.iter().take(count).any(|other| other.id == each.id))
            .collect();
        if is_first && let Some(shape) = shape::recognise(&mut transaction, &schema, plan.legacy.shapes).await? {
            return Err(history::mismatch(
                history::TAKEN_OVER,
                &format!(
                    "takes over the tables of the TypeScript adapter {}, which no script can do: run it without a dry run",
                    shape.name
                ),
            ));
        }
        let sql = script::up(&schema, &pending, is_first);
        Ok((pending.iter().map(|migration| migration.id.to_owned()).collect(), sql))
    })
}

/// Which migrations have been applied.
pub async fn progress(pool: &Arc<Pool>, plan: &Plan) -> Result<Progress> {
    looking!(pool, plan, |transaction, schema| progress::read(&mut transaction, &schema, plan.migrations).await)
}

/// The same in a transaction that is open.
pub async fn progress_in(connection: &mut PgConnection, schema: &Schema, plan: &Plan) -> Result<Progress> {
    progress::read(connection, schema, plan.migrations).await
}

/// What a rollback would do.
pub async fn rollback_preview(pool: &Arc<Pool>, plan: &Plan, rollback: &Rollback) -> Result<RollbackPreview> {
    rollback.check(plan.migrations)?;
    looking!(pool, plan, |transaction, schema| {
        let _unwatched = Unwatched::begin();
        undo::preview(&mut transaction, &schema, plan, rollback.to.as_deref()).await
    })
}

/// What a role needs beside the tables named in `$1`, in the schema `$3`: the sequences of their defaults, and those of the
/// functions named in `$2` that it calls itself, which act for their owner. PUBLIC has these rights, but may lose them.
const NEEDED_BESIDE_TABLES: &str = "
    SELECT 'USAGE ON SEQUENCE ' || s.oid::regclass
      FROM pg_class t
      JOIN pg_attrdef d ON d.adrelid = t.oid
      JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass
      JOIN pg_class s ON s.oid = p.refobjid AND s.relkind = 'S'
     WHERE t.relname = ANY($1)
       AND t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $3)
     UNION
    SELECT 'EXECUTE ON FUNCTION ' || f.oid::regprocedure
      FROM pg_proc f
     WHERE f.proname = ANY($2)
       AND f.prosecdef
       AND f.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $3)
     ORDER BY 1";

/// The statements that give a role the privileges that the store needs.
pub async fn grants(pool: &Arc<Pool>, plan: &Plan, role: &str, tables: &[&str]) -> Result<Vec<String>> {
    looking!(pool, plan, |transaction, schema| {
        let database: String = sqlx::query_scalar("SELECT current_database()::text")
            .persistent(false)
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| failure(&error).error)?;
        let functions: Vec<&str> = plan.migrations.iter().flat_map(Migration::functions).collect();
        let beside_tables: Vec<String> = sqlx::query_scalar(NEEDED_BESIDE_TABLES)
            .bind(tables)
            .bind(functions)
            .bind(&schema.name)
            .persistent(false)
            .fetch_all(&mut *transaction)
            .await
            .map_err(|error| failure(&error).error)?;
        Ok(script::grants(&schema.name, &database, role, tables, &beside_tables))
    })
}
