//! What `diagnose` returns.

use super::{PostgresStorageAdapter, options_or};
use crate::bridge::{Json, Pending};
use crate::db::Db;
use crate::db::diagnose::{Check, Subject};
use crate::input::{Natural, input};
use crate::store::diagnosis::check_data;
use crate::store::tables::TABLES;
use napi_derive::napi;
use serde::Serialize;
use std::sync::Arc;

input! {
    /// The options of `diagnose`.
    DiagnoseOptions {
        /// How many processes connect with the same `max`. Default: 1.
        processes "processes": Option<Natural>,
    }
}

/// One thing that `diagnose` has looked at.
#[derive(Debug, Serialize)]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct Finding {
    /// Names the check in every version: `schema.drift`, `tables.indexes`. Several findings may have the same.
    pub id: &'static str,
    /// `warning` and `error` mean that something has to be done. With `error`, calls fail, or rows are not safe. `notice` is
    /// worth knowing, or could not be checked.
    #[napi(ts_type = "FindingSeverity")]
    pub severity: &'static str,
    /// What was looked at, in a few words.
    pub title: String,
    pub expected: String,
    pub actual: String,
    /// What to do, as SQL where a statement does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<String>,
}

impl From<Check> for Finding {
    fn from(check: Check) -> Self {
        let Check { id, title, gravity, expected, actual, repair } = check;
        Self { id, severity: gravity.name(), title, expected, actual, repair }
    }
}

#[napi]
impl PostgresStorageAdapter {
    /// Looks for whatever is wrong with the database or soon will be: its tables compared with what the migrations make, the
    /// role's privileges, the server's limits, indexes, statistics, expired rows. Changes nothing. Resolves with a finding for
    /// each check, those that are as expected included.
    ///
    /// Comparing the tables needs the right to create a schema in the database, as the role that migrates has. Without it that
    /// one check says so.
    ///
    /// Rejects with `connection_failed`, `authentication_failed` or `tls_failed` if the database cannot be reached.
    #[napi]
    pub fn diagnose(&self, options: Option<Json<DiagnoseOptions>>) -> Pending<Vec<Finding>> {
        let database = Arc::clone(&self.database);
        self.start("diagnose", async move {
            let none = DiagnoseOptions { processes: None };
            let DiagnoseOptions { processes } = options_or(options.as_ref(), none)?;
            let processes = processes.map_or(1, |Natural(processes)| processes);
            let work = database.enter()?;
            let mut checks = database.diagnose(&work, &Subject { tables: TABLES, processes }).await?;
            // Without tables there is nothing else to look at.
            if checks.iter().any(|check| check.id == "schema.columns") {
                checks.extend(check_data(&mut Db::new(work, "diagnose", None)).await);
            }
            Ok(checks.into_iter().map(Finding::from).collect())
        })
    }
}
