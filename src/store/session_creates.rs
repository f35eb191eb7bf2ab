//! Creating sessions: one statement creates many.

use super::items::{Items, column};
use super::session_owners::{locked_owners, owners};
use super::sessions::{SessionInput, SessionRecord};
use super::{NewId, bytes_of, columns, created, in_order};
use crate::clock::Timestamp;
use crate::db::batch::policy::gives_up_on_locks;
use crate::db::{Batch, Batched, Db, LockKey, PgQuery};
use crate::error::Result;
use crate::input::{JsonObject, Key, Text};
use sqlx::query;
use std::sync::Arc;

/// A session to be created. Its id is fixed before the first attempt.
pub struct NewSession {
    id: NewId,
    user_id: Key,
    org_id: Option<Key>,
    plan: Option<Text>,
    entitlements: Option<Vec<Text>>,
    expires_at: Timestamp,
    metadata: Option<JsonObject>,
}

impl From<SessionInput> for NewSession {
    fn from(input: SessionInput) -> Self {
        let SessionInput {
            id,
            user_id,
            org_id,
            plan,
            entitlements,
            expires_at,
            metadata,
            created_at: _,
            updated_at: _,
        } = input;
        Self { id: NewId::secret(id), user_id, org_id, plan, entitlements, expires_at, metadata }
    }
}

/// `createSession`.
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

    fn bytes(session: &NewSession) -> usize {
        bytes_of([session.plan.as_ref(), None, None], session.entitlements.as_deref(), session.metadata.as_ref())
    }

    fn lock_keys(session: &NewSession) -> Vec<LockKey> {
        owners(Some(&session.user_id), session.org_id.as_ref())
    }

    async fn locked_keys(&self, db: &mut Db, sessions: &[NewSession]) -> Vec<Option<LockKey>> {
        locked_owners(db, column(sessions, Self::lock_keys)).await
    }
}

/// Binds `$1` to `$7` of both statements, in the order of their columns.
fn bind_columns(query: PgQuery, sessions: Items<NewSession>) -> PgQuery {
    sessions
        .parameters_of(query)
        .bind(|session| &session.id.text)
        .bind(|session| &session.user_id)
        .bind(|session| &session.org_id)
        .bind(|session| &session.plan)
        .bind_list(|session| session.entitlements.as_deref())
        .bind(|session| session.expires_at)
        .bind(|session| &session.metadata)
        .into_query()
}

async fn create_one(db: &mut Db, session: &NewSession) -> Result<Option<SessionRecord>> {
    db.create(|is_in_doubt| {
        let query = query(concat!(
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
            columns!(sessions)
        ));
        bind_columns(query, Items::One(session)).bind(is_in_doubt)
    })
    .await
}

/// Skips ids that are taken.
async fn create_many(db: &mut Db, sessions: &[NewSession]) -> Result<Vec<Option<SessionRecord>>> {
    // Every statement inserts in the same order. Two statements with the same ids then wait for each other at the first
    // of them, instead of ending in a deadlock.
    let mut in_order_of_id: Vec<&NewSession> = sessions.iter().collect();
    in_order_of_id.sort_by_key(|session| &session.id.text);
    let sessions_by_id = &in_order_of_id;
    let rows = db
        .create_all(|is_in_doubt| {
            let query = query(concat!(
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
                columns!(sessions)
            ));
            bind_columns(query, Items::Many(sessions_by_id)).bind(is_in_doubt)
        })
        .await?;
    Ok(in_order(rows, |row: &SessionRecord| &row.id, sessions.iter().map(|session| &session.id.text)))
}
