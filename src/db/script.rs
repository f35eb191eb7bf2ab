//! SQL that is not the store's: that of `lib/testing/`, which makes and drops the databases of an application's tests.

use super::error::statement_failure;
use super::pool::Pool;
use super::run::acquire::acquire;
use crate::error::Result;
use sqlx::{AssertSqlSafe, Row as _};
use std::sync::Arc;
use std::time::Duration;

/// The rows that the statements return. Every column must be text.
pub async fn run(pool: &Arc<Pool>, sql: String) -> Result<Vec<Vec<Option<String>>>> {
    let mut lease = acquire(pool, None, pool.connecting_end()).await?;
    let result = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(lease.connection()?).await;
    let failed = |error: &sqlx::Error| statement_failure(error, Duration::ZERO, None);
    let rows = match result {
        Ok(rows) => rows,
        Err(error) => {
            let failure = failed(&error);
            lease.settle(failure.connection_survives);
            return Err(failure.error);
        }
    };
    lease.settle(true);
    rows.iter()
        .map(|row| (0..row.len()).map(|column| row.try_get(column).map_err(|error| failed(&error).error)).collect())
        .collect()
}
