//! Hashes of passwords. They have a table of their own, so that no record of a user contains one.

use super::Nothing;
use super::lookup::{Lookup, by_key};
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::Key;
use serde::{Serialize, Serializer};
use sqlx::query;

/// A stored hash. Its JSON is only the hash.
#[derive(Clone, sqlx::FromRow)]
pub struct PasswordHash {
    user_id: String,
    hash: String,
}

impl Serialize for PasswordHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hash)
    }
}

pub fn by_user() -> Lookup<PasswordHash> {
    by_key!(PasswordHash, "getPasswordHash", password_hashes, "user_id", |row| (&row.user_id).into())
}

/// This is not repeated if its answer was lost, because it could overwrite a hash that somebody else has set meanwhile.
pub async fn set(db: &mut Db, user_id: &str, hash: &Key) -> Result<()> {
    let user: Option<Nothing> = db
        .optional(Repeat::Never, || {
            query(
                "INSERT INTO password_hashes (user_id, hash)
                 SELECT id, $2
                   FROM users
                  WHERE id = $1
                    FOR KEY SHARE
                     ON CONFLICT (user_id) DO UPDATE SET hash = EXCLUDED.hash
              RETURNING user_id",
            )
            .bind(user_id)
            .bind(hash)
        })
        .await?;
    user.map(|Nothing| ()).ok_or_else(|| Error::not_found("user"))
}

pub async fn clear(db: &mut Db, user_id: &str) -> Result<()> {
    let user: Option<Nothing> = db
        .optional(Repeat::Never, || {
            query(
                "WITH cleared AS (DELETE FROM password_hashes WHERE user_id = $1)
                 SELECT id FROM users WHERE id = $1",
            )
            .bind(user_id)
        })
        .await?;
    user.map(|Nothing| ()).ok_or_else(|| Error::not_found("user"))
}
