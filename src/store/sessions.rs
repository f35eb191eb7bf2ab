//! Sessions.

use super::lookup::{Lookup, by_key};
use super::record;
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::Result;
use crate::input::{Change, JsonObject, Key, Ours, Patch, Text, input};
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
        ;
        org_id "orgId": String,
        plan "plan": String,
    }
}

input! {
    /// What `createSession` takes.
    SessionInput {
        /// Kept when given; a random UUIDv4 otherwise.
        id "id": Option<Key>,
        user_id "userId": Key,
        org_id "orgId": Option<Key>,
        plan "plan": Option<Text>,
        /// Default none.
        entitlements "entitlements": Option<Vec<Text>>,
        /// A time in the past is accepted.
        expires_at "expiresAt": Timestamp,
        /// Default `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored: set by the store.
        updated_at "updatedAt": Ours,
    }
}

input! {
    /// What `updateSession` changes. A missing field is left alone, `null` clears it.
    SessionPatch {
        user_id "userId": Change<Key>,
        org_id "orgId": Patch<Key>,
        plan "plan": Patch<Text>,
        entitlements "entitlements": Change<Vec<Text>>,
        expires_at "expiresAt": Change<Timestamp>,
        metadata "metadata": Patch<JsonObject>,
        /// Ignored.
        id "id": Ours,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored: set by the store.
        updated_at "updatedAt": Ours,
    }
}

input! {
    /// What `deleteUserSessions` spares.
    DeleteUserSessionsOptions {
        /// The id of a session that stays.
        except "except": Option<Text>,
    }
}

input! {
    /// How far `deleteExpiredSessions` goes.
    DeleteExpiredSessionsOptions {
        /// The most sessions to delete. Default all.
        limit "limit": Option<crate::input::Natural>,
    }
}

macro_rules! columns {
    () => {
        "id, user_id, org_id, plan, entitlements, expires_at, metadata, created_at, updated_at"
    };
}
pub(super) use columns;

/// Rows that one statement of a sweep deletes, so that a million of them do not run into the statement timeout.
pub const SWEEP: u32 = 1_000;

pub fn by_id() -> Lookup<SessionRecord> {
    by_key!(SessionRecord, "getSession", columns!(), "sessions", "id", |session| session.id.clone(); "expires_at > now()")
}

pub async fn delete(db: &mut Db, id: String) -> Result<()> {
    db.execute(Repeat::Harmless, || query("DELETE FROM sessions WHERE id = $1").bind(id.clone())).await.map(drop)
}

pub async fn delete_of_user(db: &mut Db, user_id: String, options: DeleteUserSessionsOptions) -> Result<u32> {
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
                .bind(user_id.clone())
                .bind(except.clone())
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

/// Deletes in bounded batches, each its own statement: an interrupted sweep keeps what it did.
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

    /// A batch that was not filled was the last.
    pub fn count(&mut self, deleted: u64, batch: u32) {
        let deleted = u32::try_from(deleted).unwrap_or(batch);
        self.deleted += deleted;
        self.is_over = deleted < batch;
    }

    pub fn total(&self) -> u32 {
        self.deleted
    }
}
