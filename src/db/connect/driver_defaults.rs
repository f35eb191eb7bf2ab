//! What the driver reads from the environment, which it may do only while the addon is loaded.

use sqlx::postgres::PgConnectOptions;
use std::sync::LazyLock;

/// What the driver takes from the environment. It is read when the addon is loaded, by JavaScript's thread, and never
/// again: see `options/environment.rs`.
#[expect(clippy::disallowed_methods, reason = "runs while the addon is loaded")]
pub static DRIVER_DEFAULTS: LazyLock<PgConnectOptions> = LazyLock::new(PgConnectOptions::new_without_pgpass);

#[cfg(not(test))]
#[napi_derive::module_init]
fn read_driver_defaults() {
    LazyLock::force(&DRIVER_DEFAULTS);
}

/// Whether the driver sends start-up options of its own, those of the variable `PGOPTIONS`.
pub fn driver_sends_options() -> bool {
    DRIVER_DEFAULTS.get_options().is_some()
}
