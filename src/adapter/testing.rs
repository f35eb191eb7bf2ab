//! What `@kitiumai/auth-postgres/testing` needs of the core. The class that applications get has no such method.

use super::{Pending, PostgresStorageAdapter};
use crate::db::migrate::Migration;
use crate::store::schema::MIGRATIONS;
use napi_derive::napi;
use std::sync::Arc;

#[napi]
impl PostgresStorageAdapter {
    /// For `lib/testing/`: runs its SQL, whose rows hold text alone. Errors name the function that applications call.
    #[napi(skip_typescript)]
    pub fn run_script(&self, sql: String) -> Pending<Vec<Vec<Option<String>>>> {
        let database = Arc::clone(&self.database);
        self.start("createTestStorage", async move {
            let guard = database.enter()?;
            database.run_script(&guard, sql).await
        })
    }
}

/// For `lib/testing/`: differs if two versions of the package make different tables.
#[napi(skip_typescript)]
#[cfg_attr(test, allow(dead_code, reason = "napi exports nothing from a test"))]
pub fn migrations_checksum() -> String {
    MIGRATIONS.iter().map(Migration::checksum).collect()
}
