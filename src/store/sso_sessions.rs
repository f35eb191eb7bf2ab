//! Sessions at SSO providers.

use super::lookup::{Lookup, by_key};
use super::sso_links::LinkType;
use super::{NewId, columns, created, record};
use crate::clock::Timestamp;
use crate::db::Db;
use crate::error::Result;
use crate::input::{Ignored, Key, Text, input};
use sqlx::query;

record! {
    /// A session at an SSO provider.
    SSOSession "SSOSession" {
        id "id": String,
        user_id "userId": String,
        provider_id "providerId": String,
        provider_type "providerType": LinkType,
        provider_subject "providerSubject": String,
        expires_at "expiresAt": Timestamp,
        linked_at "linkedAt": Timestamp,
        last_auth_at "lastAuthAt": Timestamp,
    } optional {
        session_token "sessionToken": String,
    }
}

input! {
    /// What `createSSOSession` takes.
    SSOSessionInput "SSOSessionInput" {
        /// Default: a new random UUIDv4.
        id "id": Option<Key>,
        user_id "userId": Key,
        provider_id "providerId": Key,
        provider_type "providerType": LinkType,
        provider_subject "providerSubject": Key,
        session_token "sessionToken": Option<Text>,
        /// A time in the past is accepted.
        expires_at "expiresAt": Timestamp,
        /// Default: now.
        linked_at "linkedAt": Option<Timestamp>,
        /// Default: now.
        last_auth_at "lastAuthAt": Option<Timestamp>,
        /// Ignored.
        created_at "createdAt": Ignored,
        /// Ignored.
        updated_at "updatedAt": Ignored,
    }
}

pub fn by_id() -> Lookup<SSOSession> {
    by_key!(SSOSession, "getSSOSession", sso_sessions, "id", |session| (&session.id).into(); "expires_at > now()")
}

pub async fn create(db: &mut Db, input: SSOSessionInput) -> Result<SSOSession> {
    let SSOSessionInput {
        id,
        user_id,
        provider_id,
        provider_type,
        provider_subject,
        session_token,
        expires_at,
        linked_at,
        last_auth_at,
        created_at: _,
        updated_at: _,
    } = input;
    let id = NewId::secret(id);
    let row = db
        .create(|is_in_doubt| {
            query(concat!(
                "INSERT INTO sso_sessions (
                    id
                  , user_id
                  , provider_id
                  , provider_type
                  , provider_subject
                  , session_token
                  , expires_at
                  , linked_at
                  , last_auth_at
                 )
                 VALUES ($1, $2, $3, $4, $5, $6, $7, COALESCE($8, now()), COALESCE($9, now()))",
                or_own!("$10", "sso_sessions", "linked_at"),
                " RETURNING ",
                columns!(sso_sessions)
            ))
            .bind(&id.text)
            .bind(&user_id)
            .bind(&provider_id)
            .bind(provider_type.as_str())
            .bind(&provider_subject)
            .bind(&session_token)
            .bind(expires_at)
            .bind(linked_at)
            .bind(last_auth_at)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "sso_sessions")
}
