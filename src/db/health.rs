//! Checks that every column of our tables exists and that the role may read it. Whether whole tables are missing, and whether
//! the role may write them, is found out in `migrate/condition.rs`.

use super::error::statement_failure;
use super::pool::{Lease, Pool};
use super::run::acquire::acquire;
use super::run::pooler::one_row;
use crate::error::{Code, Error, Result};
use sqlx::Row as _;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The oldest major version of the server that is tested.
const OLDEST: u32 = 12;

/// Pairs of a table's name and the names of its columns, which are separated by spaces.
pub type Tables = &'static [(&'static str, &'static str)];

/// Returns the error with which some call would fail, if there is one.
pub async fn check(pool: &Arc<Pool>, tables: Tables) -> Result<()> {
    let mut lease = acquire(pool, None, pool.connecting_end()).await?;
    check_on(&mut lease, tables).await
}

/// Does the same on a given connection.
pub async fn check_on(lease: &mut Lease, tables: Tables) -> Result<()> {
    static SQL: OnceLock<String> = OnceLock::new();
    let sql = SQL.get_or_init(|| sql_of(tables));
    let row = one_row(lease, sql.clone()).await?;
    lease.settle(row.is_ok());
    let lists = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let (missing, forbidden): (Vec<String>, Vec<String>) =
        lists.map_err(|error| statement_failure(&error, Duration::ZERO, None).error)?;
    if !missing.is_empty() {
        let message = format!("the database lacks {}: restore it, or run the migrations anew", missing.join(", "));
        return Err(Error::new(Code::SchemaMismatch, message));
    }
    if !forbidden.is_empty() {
        let message = format!("this role may not read {0}: GRANT SELECT on the table to it", forbidden.join(", "));
        let mut error = Error::new(Code::PermissionDenied, message);
        error.context.sql_state = Some("42501".to_owned());
        return Err(error);
    }
    Ok(())
}

/// A query for two lists of columns: those that are missing, and those that the role may not read. All functions and
/// operators are qualified, so that they are the server's own whatever the search path is.
fn sql_of(tables: Tables) -> String {
    let mut values = String::new();
    for (table, columns) in tables {
        for column in columns.split_ascii_whitespace() {
            let separator = if values.is_empty() { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(values, "{separator}('{table}', '{column}')");
        }
    }
    format!(
        "WITH expected (tab, col) AS (VALUES {values}),
              found AS (
                  SELECT pg_catalog.concat(e.tab, '.', e.col) AS name, a.attrelid, a.attnum
                    FROM expected AS e
                    LEFT JOIN pg_catalog.pg_attribute AS a
                      ON a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass(e.tab)::pg_catalog.oid
                     AND a.attname OPERATOR(pg_catalog.=) e.col::pg_catalog.name
                     AND NOT a.attisdropped
              )
         SELECT ARRAY(SELECT name FROM found WHERE attnum IS NULL ORDER BY name LIMIT 10)
              , ARRAY(
                    SELECT name
                      FROM found
                     WHERE NOT pg_catalog.has_column_privilege(attrelid, attnum, 'SELECT')
                     ORDER BY name
                     LIMIT 10
                )"
    )
}

/// Refuses a server that is older than those that are tested. The version is a text such as `12.22 (Debian 12.22-1)`.
pub fn check_version(version: &str) -> Result<()> {
    let digits = version.find(|char: char| !char.is_ascii_digit()).map_or(version, |at| &version[..at]);
    match digits.parse::<u32>() {
        Ok(major) if major < OLDEST => {
            let message = format!("the server is PostgreSQL {version}; the oldest that is supported is {OLDEST}");
            Err(Error::new(Code::SchemaMismatch, message))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check_version;

    #[test]
    fn refuses_old_servers() {
        for version in ["9.6.24", "10.23", "11.22 (Debian 11.22-1)", "11beta1"] {
            assert!(check_version(version).is_err(), "{version}");
        }
        for version in ["12.22", "18.4", "19devel", "17.10 (Debian 17.10-1.pgdg120+1)", "unknown"] {
            assert!(check_version(version).is_ok(), "{version}");
        }
    }
}
