//! Creating and changing sessions, many in one statement.

use super::sessions::{SessionInput, SessionPatch, SessionRecord, columns};
use super::text_list::TextList;
use super::{NewId, column, in_order};
use crate::db::{Batch, Batched, Company, Db, Repeat};
use crate::error::Result;
use crate::input::IsEmpty;
use sqlx::query_as;
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

pub struct Create;

pub fn create() -> Arc<Batch<Create>> {
    Batch::new("createSession", Create)
}

impl Batched for Create {
    type Item = NewSession;
    /// `None` when the id was taken.
    type Output = Option<SessionRecord>;

    const IS_WRITE: bool = true;

    async fn run(&self, db: &mut Db, sessions: &[NewSession]) -> Result<Vec<Option<SessionRecord>>> {
        match sessions {
            [session] => create_one(db, session).await.map(|row| vec![row]),
            _ => create_many(db, sessions).await,
        }
    }

    fn company(session: &NewSession) -> Company<'_> {
        session.id.company()
    }

    fn is_passed_over(row: &Option<SessionRecord>) -> bool {
        row.is_none()
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
            or_own!("$8", "sessions"),
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
                     AS new (id, user_id, org_id, plan, entitlements, expires_at, metadata)",
                or_own!("$8", "sessions"),
                " RETURNING ",
                columns!()
            ))
            .bind(column(sessions, |session| session.id.text.clone()))
            .bind(column(sessions, |session| session.input.user_id.clone()))
            .bind(column(sessions, |session| session.input.org_id.clone()))
            .bind(column(sessions, |session| session.input.plan.clone()))
            .bind(column(sessions, |session| session.input.entitlements.as_deref().map(TextList::of)))
            .bind(column(sessions, |session| session.input.expires_at))
            .bind(column(sessions, |session| session.input.metadata.clone()))
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
    /// `None` when there is no such session.
    type Output = Option<SessionRecord>;

    const IS_WRITE: bool = true;

    async fn run(&self, db: &mut Db, updates: &[SessionUpdate]) -> Result<Vec<Option<SessionRecord>>> {
        match updates {
            [update] if update.is_empty() => read(db, &update.id).await.map(|row| vec![row]),
            [update] => update_one(db, update).await.map(|row| vec![row]),
            _ => update_many(db, updates).await,
        }
    }

    fn company(update: &SessionUpdate) -> Company<'_> {
        if update.is_empty() { Company::None } else { Company::OnePerKey(&update.id) }
    }

    fn is_passed_over(row: &Option<SessionRecord>) -> bool {
        row.is_none()
    }
}

/// An update that changes nothing answers with what is there.
async fn read(db: &mut Db, id: &str) -> Result<Option<SessionRecord>> {
    db.optional(Repeat::Read, || {
        query_as(concat!("SELECT ", columns!(), " FROM sessions WHERE id = $1")).bind(id.to_owned())
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
async fn update_many(db: &mut Db, updates: &[SessionUpdate]) -> Result<Vec<Option<SessionRecord>>> {
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
                    AND id IN (SELECT id FROM sessions WHERE id = ANY($1) FOR NO KEY UPDATE SKIP LOCKED)
              RETURNING ",
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
    Ok(in_order(rows, |row: &SessionRecord| &row.id, updates.iter().map(|update| &update.id)))
}
