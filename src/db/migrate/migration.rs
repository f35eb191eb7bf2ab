//! A migration: an SQL file with an up and one with a down.

use super::execute::execute;
use super::schema::Schema;
use crate::error::Result;
use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, PgConnection};

pub struct Migration {
    /// The file's name without its ending, which is also the id of the migration's row in `auth_migrations`.
    pub id: &'static str,
    pub up: &'static str,
    pub down: &'static str,
    /// Parts of `up` that are replaced before it runs. The file itself cannot be changed after the migration was released,
    /// because its checksum must stay the same.
    pub replaced: &'static [(&'static str, &'static str)],
    /// A query for the next statement that has to run before `up`, outside of its transaction; see `prepare.rs`. `$1` is
    /// the schema.
    pub prepare: Option<&'static str>,
}

impl Migration {
    pub fn checksum(&self) -> String {
        crate::id::hex(&Sha256::digest(self.up.as_bytes()))
    }

    /// Runs `up`.
    pub async fn apply(&self, connection: &mut PgConnection, schema: &Schema) -> Result<()> {
        schema.enter(connection).await?;
        execute(connection, self.id, AssertSqlSafe(self.statements())).await?;
        schema.leave(connection).await
    }

    /// The SQL of `up`, with those parts replaced.
    pub fn statements(&self) -> String {
        self.replaced.iter().fold(self.up.to_owned(), |sql, (part, other)| sql.replace(part, other))
    }

    pub fn tables(&self) -> Vec<&'static str> {
        names_after(self.up, "CREATE TABLE ")
    }

    pub fn functions(&self) -> Vec<&'static str> {
        let mut names = names_after(self.up, "CREATE FUNCTION ");
        names.extend(names_after(self.up, "CREATE OR REPLACE FUNCTION "));
        names
    }

    pub fn dropped_tables(&self) -> Vec<&'static str> {
        names_after(self.down, "DROP TABLE ")
    }
}

/// The names that follow the given words at the beginning of a line.
pub fn names_after<'s>(sql: &'s str, words: &str) -> Vec<&'s str> {
    sql.lines()
        .filter_map(|line| line.strip_prefix(words))
        .filter_map(|rest| rest.split(|char: char| !char.is_ascii_alphanumeric() && char != '_').next())
        .collect()
}
