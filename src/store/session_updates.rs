//! Changing sessions: one statement changes many.

use super::items::column;
use super::session_owners::{locked_owners, owners};
use super::sessions::{SessionPatch, SessionRecord};
use super::text_list::TextList;
use super::updates::{Edit, UpdateOptions, checked_update, new_metadata, read_unchanged, updated, written_or_stored};
use super::{Readable, bytes_of, columns, in_order};
use crate::db::batch::policy::gives_up_on_locks;
use crate::db::error::unreadable_write;
use crate::db::{Batch, Batched, Db, LockKey, Repeat};
use crate::error::Result;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row, query};
use std::sync::Arc;

pub struct SessionUpdate {
    pub id: String,
    pub patch: SessionPatch,
    pub options: UpdateOptions,
}

/// `updateSession`.
pub struct UpdateSessions;

pub fn update() -> Arc<Batch<UpdateSessions>> {
    Batch::new("updateSession", UpdateSessions)
}

impl Batched for UpdateSessions {
    type Item = SessionUpdate;
    /// The inner result is an error if the session has been changed but cannot be read.
    type Output = Result<SessionRecord>;

    const IS_WRITE: bool = true;

    async fn one(&self, db: &mut Db, update: &SessionUpdate) -> Result<Result<SessionRecord>> {
        let edit = if update.patch.is_empty() { read(db, update).await? } else { update_one(db, update).await? };
        updated(edit, "session").map(Ok)
    }

    async fn many(&self, db: &mut Db, updates: &[SessionUpdate]) -> Result<Vec<Option<Result<SessionRecord>>>> {
        update_many(db, updates).await
    }

    fn goes_alone(update: &SessionUpdate) -> bool {
        update.patch.is_empty()
    }

    fn serial_key(update: &SessionUpdate) -> Option<&str> {
        Some(&update.id)
    }

    fn bytes(SessionUpdate { id: _, patch, options: _ }: &SessionUpdate) -> usize {
        bytes_of([patch.plan.value(), None, None], patch.entitlements.0.as_deref(), patch.metadata.value())
    }

    fn lock_keys(SessionUpdate { id: _, patch, options: _ }: &SessionUpdate) -> Vec<LockKey> {
        owners(patch.user_id.value(), patch.org_id.value())
    }

    async fn locked_keys(&self, db: &mut Db, updates: &[SessionUpdate]) -> Vec<Option<LockKey>> {
        locked_owners(db, column(updates, Self::lock_keys)).await
    }
}

/// An update that changes nothing returns the session as it is.
async fn read(db: &mut Db, update: &SessionUpdate) -> Result<Option<Edit<SessionRecord>>> {
    db.optional(Repeat::Read, || {
        query(read_unchanged!(sessions, "expires_at > now()")).bind(&update.id).bind(update.options.if_updated_at)
    })
    .await
}

async fn update_one(
    db: &mut Db,
    SessionUpdate { id, patch, options }: &SessionUpdate,
) -> Result<Option<Edit<SessionRecord>>> {
    let SessionPatch { user_id, org_id, plan, entitlements, expires_at, metadata, id: _, created_at: _, updated_at: _ } =
        patch;
    db.optional(Repeat::Never, || {
        query(checked_update!(
            options,
            sessions,
            concat!(
                "UPDATE sessions
                    SET user_id      = COALESCE($2, user_id)
                      , org_id       = CASE WHEN $3 THEN $4 ELSE org_id END
                      , plan         = CASE WHEN $5 THEN $6 ELSE plan END
                      , entitlements = COALESCE($7, entitlements)
                      , expires_at   = COALESCE($8, expires_at)
                      , metadata     = ",
                new_metadata!("$9", "$10", "$11"),
                " WHERE id = $1
                    AND expires_at > now()
                    AND ($12 IS NULL OR updated_at = $12)
              RETURNING true AS is_written, ",
                columns!(sessions)
            ),
            "$12",
            "expires_at > now()"
        ))
        .bind(id)
        .bind(user_id.value())
        .bind(org_id.is_written())
        .bind(org_id.value())
        .bind(plan.is_written())
        .bind(plan.value())
        .bind(entitlements.value())
        .bind(expires_at.value())
        .bind(metadata.is_written())
        .bind(options.merges_metadata())
        .bind(metadata.value())
        .bind(options.if_updated_at)
    })
    .await
}

/// Skips rows that another transaction has locked. So it never waits for a lock, and two of these statements cannot
/// deadlock. A session that has been changed since `ifUpdatedAt` is left to a statement of its own, which says so.
///
/// Rows are locked by `free`, once each: as a condition of the update, the server could lock all of them again for each.
/// `OFFSET 0` leaves it no way but to find each session by its id.
async fn update_many(db: &mut Db, updates: &[SessionUpdate]) -> Result<Vec<Option<Result<SessionRecord>>>> {
    let rows = db
        .all(Repeat::Never, || {
            query(concat!(
                "WITH free AS MATERIALIZED (
                    SELECT patch.*
                      FROM unnest(
                            $1::text[]
                          , $2::text[]
                          , $3::bool[]
                          , $4::text[]
                          , $5::bool[]
                          , $6::text[]
                          , $7::text[]
                          , $8::timestamptz[]
                          , $9::bool[]
                          , $10::bool[]
                          , $11::jsonb[]
                          , $12::timestamptz[]
                        )
                     AS patch (
                            patched_id
                          , new_user_id
                          , sets_org_id
                          , new_org_id
                          , sets_plan
                          , new_plan
                          , new_entitlements
                          , new_expires_at
                          , sets_metadata
                          , merges_metadata
                          , new_metadata
                          , if_updated_at
                        )
                     CROSS JOIN LATERAL (
                            SELECT id FROM sessions WHERE id = patched_id OFFSET 0 FOR NO KEY UPDATE SKIP LOCKED
                          ) AS locked
                     WHERE ",
                gives_up_on_locks!(),
                ")
                 UPDATE sessions
                    SET user_id      = COALESCE(new_user_id, user_id)
                      , org_id       = CASE WHEN sets_org_id THEN new_org_id ELSE org_id END
                      , plan         = CASE WHEN sets_plan THEN new_plan ELSE plan END
                      , entitlements = COALESCE(new_entitlements::text[], entitlements)
                      , expires_at   = COALESCE(new_expires_at, expires_at)
                      , metadata     = ",
                new_metadata!("sets_metadata", "merges_metadata", "new_metadata"),
                "  FROM free
                  WHERE id = patched_id
                    AND id = ANY($1)
                    AND expires_at > now()
                    AND (if_updated_at IS NULL OR updated_at = if_updated_at)
              RETURNING ",
                columns!(sessions)
            ))
            .bind(column(updates, |update| &update.id))
            .bind(column(updates, |update| update.patch.user_id.value()))
            .bind(column(updates, |update| update.patch.org_id.is_written()))
            .bind(column(updates, |update| update.patch.org_id.value()))
            .bind(column(updates, |update| update.patch.plan.is_written()))
            .bind(column(updates, |update| update.patch.plan.value()))
            .bind(column(updates, |update| update.patch.entitlements.0.as_deref().map(TextList::of)))
            .bind(column(updates, |update| update.patch.expires_at.value()))
            .bind(column(updates, |update| update.patch.metadata.is_written()))
            .bind(column(updates, |update| update.options.merges_metadata()))
            .bind(column(updates, |update| update.patch.metadata.value()))
            .bind(column(updates, |update| update.options.if_updated_at))
        })
        .await?;
    let rows = in_order(rows, |row: &Updated| &row.id, updates.iter().map(|update| &update.id));
    Ok(rows
        .into_iter()
        .map(|row| row.map(|Updated { id: _, row: Readable(row) }| row.map_err(unreadable_write)))
        .collect())
}

/// A session that has been changed, even if its row cannot be read.
struct Updated {
    id: String,
    row: Readable<SessionRecord>,
}

impl<'r> FromRow<'r, PgRow> for Updated {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        Ok(Self { id: row.try_get("id")?, row: Readable::from_row(row)? })
    }
}
