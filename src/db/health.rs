//! Whether the schema can serve: every table and every column is there, and we may use them.

use super::error::statement_failure;
use super::pool::Pool;
use crate::error::{Code, Error, Result};
use sqlx::Row as _;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The oldest major version of the server that is tested.
const OLDEST: u32 = 12;

/// A table's name and its columns, with spaces between them.
pub type Tables = &'static [(&'static str, &'static str)];

/// The error that a call would sooner or later meet.
pub async fn check(pool: &Arc<Pool>, tables: Tables) -> Result<()> {
    static SQL: OnceLock<String> = OnceLock::new();
    let sql = SQL.get_or_init(|| sql_of(tables));
    let mut lease = pool.acquire(None, pool.connecting_end()).await?;
    let row = lease.one_row(sql).await?;
    lease.settle(row.is_ok());
    let lists = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let (missing, forbidden): (Vec<String>, Vec<String>) =
        lists.map_err(|error| statement_failure(&error, Duration::ZERO, None).error)?;
    if !missing.is_empty() {
        let message = format!("the database lacks {}: restore it, or run the migrations anew", missing.join(", "));
        return Err(Error::new(Code::SchemaMismatch, message));
    }
    if !forbidden.is_empty() {
        let message = format!(
            "this role may not use {0}: GRANT SELECT, INSERT, UPDATE, DELETE ON {0} to it",
            forbidden.join(", ")
        );
        let mut error = Error::new(Code::QueryFailed, message);
        error.context.sql_state = Some("42501".to_owned());
        return Err(error);
    }
    Ok(())
}

/// Two lists of names: what is missing, and tables without the privileges that all of them together need.
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
              found AS (SELECT tab, col, to_regclass(tab)::oid AS oid FROM expected)
         SELECT ARRAY(
                    SELECT DISTINCT CASE WHEN oid IS NULL THEN tab ELSE tab || '.' || col END
                      FROM found
                     WHERE NOT EXISTS (
                               SELECT FROM pg_attribute a
                                WHERE a.attrelid = found.oid AND a.attname = found.col AND NOT a.attisdropped
                           )
                     ORDER BY 1
                     LIMIT 10
                )
              , ARRAY(
                    SELECT DISTINCT tab
                      FROM found
                     WHERE oid IS NOT NULL
                       AND NOT (
                               has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
                           AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')
                           )
                     ORDER BY 1
                     LIMIT 10
                )"
    )
}

/// Refuses a server that nobody has tried. Its version begins with a number: `12.22 (Debian 12.22-1)`.
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
