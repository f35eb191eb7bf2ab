//! The defaults that the driver reads from the environment. It may do that only while the addon is loaded.

use sqlx::postgres::PgConnectOptions;
use std::sync::LazyLock;

/// The driver's options with its defaults. They are read when the addon is loaded, on JavaScript's thread, and never again:
/// see `options/environment.rs`.
#[expect(clippy::disallowed_methods, reason = "runs while the addon is loaded")]
pub static DRIVER_DEFAULTS: LazyLock<PgConnectOptions> = LazyLock::new(PgConnectOptions::new_without_pgpass);

#[cfg(not(test))]
#[napi_derive::module_init]
fn read_driver_defaults() {
    LazyLock::force(&DRIVER_DEFAULTS);
}

/// Whether the driver has read start-up options from the variable `PGOPTIONS`, which it sends with each connection.
pub fn driver_sends_options() -> bool {
    DRIVER_DEFAULTS.get_options().is_some()
}
