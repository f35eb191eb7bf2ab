//! The migrations, in the order in which they are applied. One that has landed never changes: add the next.

use crate::db::migrate::{History, Legacy, Migration, Shape};

macro_rules! migration {
    ($id:literal) => {
        Migration {
            id: $id,
            up: include_str!(concat!("../../migrations/", $id, ".up.sql")),
            down: include_str!(concat!("../../migrations/", $id, ".down.sql")),
        }
    };
}

pub const MIGRATIONS: &[Migration] =
    &[migration!("0001_initial_schema"), migration!("0002_password_hashes"), migration!("0004_saml_shapes")];

macro_rules! legacy {
    ($name:literal) => {
        include_str!(concat!("../../migrations/legacy/", $name))
    };
}

/// The databases of the TypeScript adapter. The first migration makes our tables here too, so that they are the
/// same wherever they come from; when it changes a column, the rows' SQL has to follow.
pub static LEGACY: Legacy = Legacy {
    shapes: &[
        Shape {
            name: "3.0.x",
            catalogue: &[legacy!("3_0_x.catalogue.txt")],
            create: &[legacy!("3_0_x.tables.sql")],
            back_rules: "",
            history: None,
            has_update_triggers: false,
        },
        Shape {
            name: "3.1.x",
            catalogue: &[legacy!("3_0_x.catalogue.txt"), legacy!("3_1_x.catalogue.txt")],
            create: &[legacy!("3_0_x.tables.sql"), legacy!("3_1_x.tables.sql")],
            back_rules: legacy!("give_back_3_1_x.rules.sql"),
            history: Some(History { ids: &["0001_initial_schema_v2"], create: legacy!("3_1_x.history.sql") }),
            has_update_triggers: true,
        },
    ],
    clocks: legacy!("clocks.sql"),
    rules: legacy!("take_over.rules.sql"),
    rows: legacy!("take_over.rows.sql"),
    back_rules: legacy!("give_back.rules.sql"),
    back_rows: legacy!("give_back.rows.sql"),
    heirs: &[
        ("user_oauth_accounts", "users"),
        ("organization_members", "organizations"),
        ("tenant_saml_configs", "sso_providers"),
    ],
    later: &[("password_hashes", legacy!("give_back_password_hashes.rules.sql"))],
};
