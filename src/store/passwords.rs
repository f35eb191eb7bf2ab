//! Hashes of users' passwords. They are in a table of their own, so that no record of a user holds one.

use super::lookup::{Lookup, by_key};
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::Key;
use serde::{Serialize, Serializer};
use sqlx::query_as;

/// Comes out as the hash alone.
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
    by_key!(PasswordHash, "getPasswordHash", "user_id, hash", "password_hashes", "user_id", |row| row.user_id.clone())
}

/// Repeated after its answer was lost, it could undo what somebody else has set meanwhile.
pub async fn set(db: &mut Db, user_id: String, hash: Key) -> Result<()> {
    let user: Option<super::Nothing> = db
        .optional(Repeat::Never, || {
            query_as(
                "INSERT INTO password_hashes (user_id, hash)
                 SELECT id, $2
                   FROM users
                  WHERE id = $1
                    FOR KEY SHARE
                     ON CONFLICT (user_id) DO UPDATE SET hash = EXCLUDED.hash
              RETURNING user_id",
            )
            .bind(user_id.clone())
            .bind(hash.clone())
        })
        .await?;
    user.map(|super::Nothing| ()).ok_or_else(|| Error::not_found("user"))
}

pub async fn clear(db: &mut Db, user_id: String) -> Result<()> {
    let user: Option<super::Nothing> = db
        .optional(Repeat::Never, || {
            query_as(
                "WITH cleared AS (DELETE FROM password_hashes WHERE user_id = $1)
                 SELECT id FROM users WHERE id = $1",
            )
            .bind(user_id.clone())
        })
        .await?;
    user.map(|super::Nothing| ()).ok_or_else(|| Error::not_found("user"))
}
