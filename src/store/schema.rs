//! The migrations, in the order in which they are applied. One that has landed never changes: add the next.

use crate::db::Migration;

macro_rules! migration {
    ($id:literal) => {
        Migration {
            id: $id,
            up: include_str!(concat!("../../migrations/", $id, ".up.sql")),
            down: include_str!(concat!("../../migrations/", $id, ".down.sql")),
        }
    };
}

pub const MIGRATIONS: &[Migration] = &[migration!("0001_initial_schema")];
