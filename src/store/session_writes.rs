//! Creating and changing sessions, many in one statement.

use super::sessions::{SessionInput, SessionPatch, SessionRecord, columns};
use super::text_list::TextList;
use super::{NewId, Readable, bytes_of, column, created, in_order};
use crate::db::batch::policy::gives_up_on_locks;
use crate::db::error::unreadable_write;
use crate::db::{Batch, Batched, Db, LockKey, Repeat};
use crate::error::{Error, Result};
use crate::input::{IsEmpty, Key};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row, query_as};
use std::collections::HashSet;
use std::sync::Arc;

/// A session to be created; its id is fixed before the first attempt.
pub struct NewSession {
    id: NewId,
    input: SessionInput,
}

impl From<SessionInput> for NewSession {
    fn from(mut input: SessionInput) -> Self {
        Self { id: NewId::secret(input.id.take()), input }
    }
}

pub struct CreateSessions;

pub fn create() -> Arc<Batch<CreateSessions>> {
    Batch::new("createSession", CreateSessions)
}

impl Batched for CreateSessions {
    type Item = NewSession;
    type Output = SessionRecord;

    const IS_WRITE: bool = true;

    async fn one(&self, db: &mut Db, session: &NewSession) -> Result<SessionRecord> {
        let row = create_one(db, session).await?;
        created(db, row, "sessions")
    }

    async fn many(&self, db: &mut Db, sessions: &[NewSession]) -> Result<Vec<Option<SessionRecord>>> {
        create_many(db, sessions).await
    }

    fn serial_key(session: &NewSession) -> Option<&str> {
        session.id.serial_key()
    }

    fn bytes(NewSession { id: _, input }: &NewSession) -> usize {
        bytes_of([&input.plan, &None, &None], input.entitlements.as_deref(), input.metadata.as_ref())
    }

    fn lock_keys(NewSession { id: _, input }: &NewSession) -> Vec<LockKey> {
        owners(Some(&input.user_id), input.org_id.as_ref())
    }

    async fn locked_keys(&self, db: &mut Db, sessions: &[NewSession]) -> Vec<Option<LockKey>> {
        locked_owners(db, column(sessions, Self::lock_keys)).await
    }
}

async fn create_one(db: &mut Db, NewSession { id, input }: &NewSession) -> Result<Option<SessionRecord>> {
    let SessionInput { id: _, user_id, org_id, plan, entitlements, expires_at, metadata, created_at: _, updated_at: _ } =
        input;
    db.create(|is_in_doubt| {
        query_as(concat!(
            "INSERT INTO sessions (
                id
              , user_id
              , org_id
              , plan
              , entitlements
              , expires_at
              , metadata
             )
             VALUES ($1, $2, $3, $4, COALESCE($5, '{}'), $6, COALESCE($7, '{}'))",
            or_own!("$8", "sessions", "created_at"),
            " RETURNING ",
            columns!()
        ))
        .bind(id.text.clone())
        .bind(user_id.clone())
        .bind(org_id.clone())
        .bind(plan.clone())
        .bind(entitlements.clone())
        .bind(*expires_at)
        .bind(metadata.clone())
        .bind(is_in_doubt)
    })
    .await
}

/// Passes over ids that are taken.
async fn create_many(db: &mut Db, sessions: &[NewSession]) -> Result<Vec<Option<SessionRecord>>> {
    // In one order: two statements that want the same ids meet at the first of them instead of in a deadlock.
    let mut in_order_of_id: Vec<&NewSession> = sessions.iter().collect();
    in_order_of_id.sort_by_key(|session| &session.id.text);
    let sessions_by_id = &in_order_of_id;
    let rows = db
        .create_all(|is_in_doubt| {
            query_as(concat!(
                "INSERT INTO sessions (
                    id
                  , user_id
                  , org_id
                  , plan
                  , entitlements
                  , expires_at
                  , metadata
                 )
                 SELECT id
                      , user_id
                      , org_id
                      , plan
                      , COALESCE(entitlements::text[], '{}')
                      , expires_at
                      , COALESCE(metadata, '{}')
                   FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::jsonb[])
                     AS new (id, user_id, org_id, plan, entitlements, expires_at, metadata)
                  WHERE ",
                gives_up_on_locks!(),
                or_own!("$8", "sessions", "created_at"),
                " RETURNING ",
                columns!()
            ))
            .bind(column(sessions_by_id, |session| session.id.text.clone()))
            .bind(column(sessions_by_id, |session| session.input.user_id.clone()))
            .bind(column(sessions_by_id, |session| session.input.org_id.clone()))
            .bind(column(sessions_by_id, |session| session.input.plan.clone()))
            .bind(column(sessions_by_id, |session| session.input.entitlements.as_deref().map(TextList::of)))
            .bind(column(sessions_by_id, |session| session.input.expires_at))
            .bind(column(sessions_by_id, |session| session.input.metadata.clone()))
            .bind(is_in_doubt)
        })
        .await?;
    Ok(in_order(rows, |row: &SessionRecord| &row.id, sessions.iter().map(|session| &session.id.text)))
}

pub struct SessionUpdate {
    pub id: String,
    pub patch: SessionPatch,
}

impl SessionUpdate {
    fn is_empty(&self) -> bool {
        let SessionPatch {
            user_id,
            org_id,
            plan,
            entitlements,
            expires_at,
            metadata,
            id: _,
            created_at: _,
            updated_at: _,
        } = &self.patch;
        user_id.is_empty()
            && org_id.is_empty()
            && plan.is_empty()
            && entitlements.is_empty()
            && expires_at.is_empty()
            && metadata.is_empty()
    }
}

pub struct Update;

pub fn update() -> Arc<Batch<Update>> {
    Batch::new("updateSession", Update)
}

impl Batched for Update {
    type Item = SessionUpdate;
    /// An error when the session has been changed, but cannot be read.
    type Output = Result<SessionRecord>;

    const IS_WRITE: bool = true;

    async fn one(&self, db: &mut Db, update: &SessionUpdate) -> Result<Result<SessionRecord>> {
        let row = if update.is_empty() { read(db, &update.id).await? } else { update_one(db, update).await? };
        row.map(Ok).ok_or_else(|| Error::not_found("session"))
    }

    async fn many(&self, db: &mut Db, updates: &[SessionUpdate]) -> Result<Vec<Option<Result<SessionRecord>>>> {
        update_many(db, updates).await
    }

    fn goes_alone(update: &SessionUpdate) -> bool {
        update.is_empty()
    }

    fn serial_key(update: &SessionUpdate) -> Option<&str> {
        Some(&update.id)
    }

    fn bytes(SessionUpdate { id: _, patch }: &SessionUpdate) -> usize {
        bytes_of([&patch.plan.value(), &None, &None], patch.entitlements.0.as_deref(), patch.metadata.value().as_ref())
    }

    fn lock_keys(SessionUpdate { id: _, patch }: &SessionUpdate) -> Vec<LockKey> {
        owners(patch.user_id.0.as_ref(), patch.org_id.value().as_ref())
    }

    async fn locked_keys(&self, db: &mut Db, updates: &[SessionUpdate]) -> Vec<Option<LockKey>> {
        locked_owners(db, column(updates, Self::lock_keys)).await
    }
}

/// An update that changes nothing answers with what is there.
async fn read(db: &mut Db, id: &str) -> Result<Option<SessionRecord>> {
    db.optional(Repeat::Read, || {
        query_as(concat!("SELECT ", columns!(), " FROM sessions WHERE id = $1 AND expires_at > now()"))
            .bind(id.to_owned())
    })
    .await
}

async fn update_one(db: &mut Db, SessionUpdate { id, patch }: &SessionUpdate) -> Result<Option<SessionRecord>> {
    let SessionPatch { user_id, org_id, plan, entitlements, expires_at, metadata, id: _, created_at: _, updated_at: _ } =
        patch;
    db.optional(Repeat::Never, || {
        query_as(concat!(
            "UPDATE sessions
                SET user_id      = COALESCE($2, user_id)
                  , org_id       = CASE WHEN $3 THEN $4 ELSE org_id END
                  , plan         = CASE WHEN $5 THEN $6 ELSE plan END
                  , entitlements = COALESCE($7, entitlements)
                  , expires_at   = COALESCE($8, expires_at)
                  , metadata     = CASE WHEN $9 THEN COALESCE($10, '{}') ELSE metadata END
              WHERE id = $1
                AND expires_at > now()
          RETURNING ",
            columns!()
        ))
        .bind(id.clone())
        .bind(user_id.0.clone())
        .bind(org_id.is_written())
        .bind(org_id.value())
        .bind(plan.is_written())
        .bind(plan.value())
        .bind(entitlements.0.clone())
        .bind(expires_at.0)
        .bind(metadata.is_written())
        .bind(metadata.value())
    })
    .await
}

/// Passes over rows that somebody else has locked: nobody waits for another's lock, and no two batches for each other.
async fn update_many(db: &mut Db, updates: &[SessionUpdate]) -> Result<Vec<Option<Result<SessionRecord>>>> {
    let rows = db
        .all(Repeat::Never, || {
            query_as(concat!(
                "UPDATE sessions
                    SET user_id      = COALESCE(new_user_id, user_id)
                      , org_id       = CASE WHEN sets_org_id THEN new_org_id ELSE org_id END
                      , plan         = CASE WHEN sets_plan THEN new_plan ELSE plan END
                      , entitlements = COALESCE(new_entitlements::text[], entitlements)
                      , expires_at   = COALESCE(new_expires_at, expires_at)
                      , metadata     = CASE WHEN sets_metadata THEN COALESCE(new_metadata, '{}') ELSE metadata END
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
                          , $10::jsonb[]
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
                          , new_metadata
                        )
                  WHERE id = patched_id
                    AND expires_at > now()
                    AND id IN (SELECT id FROM sessions WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED)
                    AND ",
                gives_up_on_locks!(),
                " RETURNING ",
                columns!()
            ))
            .bind(column(updates, |update| update.id.clone()))
            .bind(column(updates, |update| update.patch.user_id.0.clone()))
            .bind(column(updates, |update| update.patch.org_id.is_written()))
            .bind(column(updates, |update| update.patch.org_id.value()))
            .bind(column(updates, |update| update.patch.plan.is_written()))
            .bind(column(updates, |update| update.patch.plan.value()))
            .bind(column(updates, |update| update.patch.entitlements.0.as_deref().map(TextList::of)))
            .bind(column(updates, |update| update.patch.expires_at.0))
            .bind(column(updates, |update| update.patch.metadata.is_written()))
            .bind(column(updates, |update| update.patch.metadata.value()))
        })
        .await?;
    let rows = in_order(rows, |row: &Updated| &row.id, updates.iter().map(|update| &update.id));
    Ok(rows
        .into_iter()
        .map(|row| row.map(|Updated { id: _, row: Readable(row) }| row.map_err(unreadable_write)))
        .collect())
}

/// A session after its update, which has been made whether the row can be read or not.
struct Updated {
    id: String,
    row: Readable<SessionRecord>,
}

impl<'r> FromRow<'r, PgRow> for Updated {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        Ok(Self { id: row.try_get("id")?, row: Readable::from_row(row)? })
    }
}

const USER: &str = "user";
const ORGANIZATION: &str = "organization";

/// Foreign keys lock what they refer to.
fn owners(user_id: Option<&Key>, org_id: Option<&Key>) -> Vec<LockKey> {
    let of = |kind, id: Option<&Key>| id.map(|Key(id)| (kind, id.clone()));
    of(USER, user_id).into_iter().chain(of(ORGANIZATION, org_id)).collect()
}

/// For each item the owner that another transaction has locked against it. What cannot be found out is not said.
async fn locked_owners(db: &mut Db, items: Vec<Vec<LockKey>>) -> Vec<Option<LockKey>> {
    let ids = |kind| items.iter().flatten().filter(|key| key.0 == kind).map(|key| key.1.clone()).collect::<Vec<_>>();
    let (user_ids, org_ids) = (ids(USER), ids(ORGANIZATION));
    let locked: Result<Vec<(bool, String)>> = db
        .all(Repeat::Read, || {
            query_as(
                "WITH free_users AS MATERIALIZED (
                    SELECT id FROM users WHERE id = ANY($1) FOR KEY SHARE SKIP LOCKED
                 )
                 , free_organizations AS MATERIALIZED (
                    SELECT id FROM organizations WHERE id = ANY($2) FOR KEY SHARE SKIP LOCKED
                 )
                 SELECT true, id
                   FROM users
                  WHERE id = ANY($1)
                    AND id NOT IN (SELECT id FROM free_users)
                  UNION ALL
                 SELECT false, id
                   FROM organizations
                  WHERE id = ANY($2)
                    AND id NOT IN (SELECT id FROM free_organizations)",
            )
            .bind(user_ids.clone())
            .bind(org_ids.clone())
        })
        .await;
    let locked = locked.unwrap_or_default().into_iter();
    let locked: HashSet<LockKey> =
        locked.map(|(is_user, id)| (if is_user { USER } else { ORGANIZATION }, id)).collect();
    items.into_iter().map(|keys| keys.into_iter().find(|key| locked.contains(key))).collect()
}
