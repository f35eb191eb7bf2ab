//! Sessions: reading and deleting them. See `session_creates.rs` and `session_updates.rs` for the rest.

use super::lookup::{Lookup, by_key};
use super::record;
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::Result;
use crate::input::{Change, Ignored, JsonObject, Key, Patch, Text, input, patch};
use sqlx::query;

record! {
    /// A session of a user.
    SessionRecord {
        id "id": String,
        user_id "userId": String,
        entitlements "entitlements": Vec<String>,
        expires_at "expiresAt": Timestamp,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    } optional {
        org_id "orgId": String,
        plan "plan": String,
    }
}

input! {
    /// What `createSession` takes.
    SessionInput {
        /// Default: a new random UUIDv4.
        id "id": Option<Key>,
        user_id "userId": Key,
        org_id "orgId": Option<Key>,
        plan "plan": Option<Text>,
        /// Default: none.
        entitlements "entitlements": Option<Vec<Text>>,
        /// A time in the past is accepted.
        expires_at "expiresAt": Timestamp,
        /// Default: `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

patch! {
    /// What `updateSession` changes. A missing field is left as it is, and `null` clears a field.
    SessionPatch {
        user_id "userId": Change<Key>,
        org_id "orgId": Patch<Key>,
        plan "plan": Patch<Text>,
        entitlements "entitlements": Change<Vec<Text>>,
        expires_at "expiresAt": Change<Timestamp>,
        metadata "metadata": Patch<JsonObject>,
        /// Ignored.
        id "id": Ignored,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

input! {
    /// The options of `deleteUserSessions`.
    DeleteUserSessionsOptions {
        /// The id of a session that is not deleted.
        except "except": Option<Text>,
    }
}

input! {
    /// The options of `deleteExpiredSessions`.
    DeleteExpiredSessionsOptions {
        /// How many sessions are deleted at most. Default: all.
        limit "limit": Option<crate::input::Natural>,
    }
}

/// How many rows one statement of a sweep deletes, so that a sweep of a million rows does not run into the statement
/// timeout.
pub const SWEEP: u32 = 1_000;

pub fn by_id() -> Lookup<SessionRecord> {
    by_key!(SessionRecord, "getSession", sessions, "id", |session| (&session.id).into(); "expires_at > now()")
}

pub async fn delete(db: &mut Db, id: &str) -> Result<()> {
    db.execute(Repeat::Harmless, || query("DELETE FROM sessions WHERE id = $1").bind(id)).await.map(drop)
}

pub async fn delete_of_user(db: &mut Db, user_id: &str, options: DeleteUserSessionsOptions) -> Result<u32> {
    let DeleteUserSessionsOptions { except } = options;
    let mut sweep = Sweep::up_to(None);
    while let Some(rows) = sweep.next_batch() {
        let deleted = db
            .execute(Repeat::Never, || {
                query(
                    "DELETE FROM sessions
                  WHERE id IN (
                        SELECT id
                          FROM sessions
                         WHERE user_id = $1
                           AND id IS DISTINCT FROM $2
                         LIMIT $3
                           FOR UPDATE
                        )",
                )
                .bind(user_id)
                .bind(&except)
                .bind(i64::from(rows))
            })
            .await?;
        sweep.count(deleted, rows);
    }
    Ok(sweep.total())
}

pub async fn delete_expired(db: &mut Db, options: DeleteExpiredSessionsOptions) -> Result<u32> {
    let DeleteExpiredSessionsOptions { limit } = options;
    let mut sweep = Sweep::up_to(limit.map(|limit| limit.0));
    while let Some(rows) = sweep.next_batch() {
        let deleted = db
            .execute(Repeat::Never, || {
                query(
                    "DELETE FROM sessions
                  WHERE id IN (
                        SELECT id
                          FROM sessions
                         WHERE expires_at <= now()
                         LIMIT $1
                           FOR UPDATE SKIP LOCKED
                        )",
                )
                .bind(i64::from(rows))
            })
            .await?;
        sweep.count(deleted, rows);
    }
    Ok(sweep.total())
}

/// Counts the batches of a sweep. Each batch is a statement and a transaction of its own, so that an interrupted sweep
/// keeps what it has deleted.
pub struct Sweep {
    limit: u32,
    deleted: u32,
    is_over: bool,
}

impl Sweep {
    pub fn up_to(limit: Option<u32>) -> Self {
        Self { limit: limit.unwrap_or(u32::MAX), deleted: 0, is_over: false }
    }

    /// How many rows the next statement may delete.
    pub fn next_batch(&self) -> Option<u32> {
        let rows = SWEEP.min(self.limit - self.deleted);
        (rows > 0 && !self.is_over).then_some(rows)
    }

    /// Counts a batch. One that was not filled was the last.
    pub fn count(&mut self, deleted: u64, batch: u32) {
        let deleted = u32::try_from(deleted).unwrap_or(batch);
        self.deleted += deleted;
        self.is_over = deleted < batch;
    }

    pub fn total(&self) -> u32 {
        self.deleted
    }
}
