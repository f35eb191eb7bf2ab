//! Links between users and their accounts at SSO providers.

use super::lookup::{Lookup, by_key};
use super::{NewId, columns, created, record, set_column};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::Result;
use crate::input::{Ignored, JsonObject, Key, Text, closed_set, input};
use sqlx::query;

closed_set! {
    /// The protocol of a link or a session.
    LinkType { Saml = "saml", Oidc = "oidc", Oauth = "oauth" }
}

set_column!(LinkType);

record! {
    /// A link between a user and an account at an SSO provider.
    SSOLink "SSOLink" {
        id "id": String,
        user_id "userId": String,
        provider_id "providerId": String,
        provider_type "providerType": LinkType,
        /// The id of the user at the provider. It is unique there.
        provider_subject "providerSubject": String,
        /// Whether the user was created by the first login.
        auto_provisioned "autoProvisioned": bool,
        metadata "metadata": JsonObject,
        linked_at "linkedAt": Timestamp,
        last_auth_at "lastAuthAt": Timestamp,
    } optional {
        provider_email "providerEmail": String,
    }
}

input! {
    /// What `createSSOLink` takes.
    SSOLinkInput "SSOLinkInput" {
        /// Default: a new UUIDv7.
        id "id": Option<Key>,
        user_id "userId": Key,
        provider_id "providerId": Key,
        provider_type "providerType": LinkType,
        /// The id of the user at the provider. It is unique there.
        provider_subject "providerSubject": Key,
        provider_email "providerEmail": Option<Text>,
        /// Default: `false`.
        auto_provisioned "autoProvisioned": Option<bool>,
        /// Default: `{}`.
        metadata "metadata": Option<JsonObject>,
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

pub fn by_id() -> Lookup<SSOLink> {
    by_key!(SSOLink, "getSSOLink", sso_links, "id", |link| (&link.id).into())
}

pub async fn create(db: &mut Db, input: SSOLinkInput) -> Result<SSOLink> {
    let SSOLinkInput {
        id,
        user_id,
        provider_id,
        provider_type,
        provider_subject,
        provider_email,
        auto_provisioned,
        metadata,
        linked_at,
        last_auth_at,
        created_at: _,
        updated_at: _,
    } = input;
    let id = NewId::sortable(id);
    let row = db
        .create(|is_in_doubt| {
            query(concat!(
                "INSERT INTO sso_links (
                    id
                  , user_id
                  , provider_id
                  , provider_type
                  , provider_subject
                  , provider_email
                  , auto_provisioned
                  , metadata
                  , linked_at
                  , last_auth_at
                 )
                 VALUES ($1, $2, $3, $4, $5, $6, COALESCE($7, false), COALESCE($8, '{}'), COALESCE($9, now()), COALESCE($10, now()))",
                or_own!("$11", "sso_links", "linked_at"),
                " RETURNING ",
                columns!(sso_links)
            ))
            .bind(&id.text)
            .bind(&user_id)
            .bind(&provider_id)
            .bind(provider_type.as_str())
            .bind(&provider_subject)
            .bind(&provider_email)
            .bind(auto_provisioned)
            .bind(&metadata)
            .bind(linked_at)
            .bind(last_auth_at)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "sso_links")
}

pub async fn by_subject(db: &mut Db, provider_id: &str, provider_subject: &str) -> Result<Option<SSOLink>> {
    db.optional(Repeat::Read, || {
        query(concat!(
            "SELECT ",
            columns!(sso_links),
            " FROM sso_links WHERE provider_id = $1 AND provider_subject = $2"
        ))
        .bind(provider_id)
        .bind(provider_subject)
    })
    .await
}

pub async fn of_user(db: &mut Db, user_id: &str) -> Result<Vec<SSOLink>> {
    db.all(Repeat::Read, || {
        query(concat!(
            "SELECT ",
            columns!(sso_links),
            " FROM sso_links WHERE user_id = $1 ORDER BY linked_at DESC, id DESC"
        ))
        .bind(user_id)
    })
    .await
}

pub async fn delete(db: &mut Db, id: &str) -> Result<()> {
    db.execute(Repeat::Harmless, || query("DELETE FROM sso_links WHERE id = $1").bind(id)).await.map(drop)
}
