//! Users and their OAuth links.

use super::dependents::{self, Owner, delete_some, has_more, of_owner};
use super::json::JsonOf;
use super::lookup::{Lookup, by_key};
use super::record;
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::{Change, IsEmpty, JsonObject, Key, Ours, Patch, Text, input};
use sqlx::query_as;
use std::collections::HashMap;

record! {
    /// A user.
    UserRecord {
        id "id": String,
        /// What the user is entitled to.
        entitlements "entitlements": Vec<String>,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
        ;
        /// As it was typed; unique and looked up without regard to ASCII case.
        email "email": String,
        name "name": String,
        /// URL of a picture.
        picture "picture": String,
        plan "plan": String,
        /// Links to OAuth providers, by provider; absent when there are none.
        oauth "oauth": JsonOf<HashMap<String, OAuthLink>>,
    }
}

record! {
    /// A link between a user and an account at an OAuth provider.
    OAuthLink {
        provider "provider": String,
        /// The account's id at the provider (the `sub` claim).
        sub "sub": String,
        linked_at "linkedAt": Timestamp,
        ;
        email "email": String,
        name "name": String,
    }
}

input! {
    /// What `createUser` takes.
    UserInput {
        /// Kept when given; a UUIDv7 otherwise.
        id "id": Option<Key>,
        /// Any non-empty string; its syntax is not checked.
        email "email": Option<Key>,
        name "name": Option<Text>,
        /// URL of a picture.
        picture "picture": Option<Text>,
        /// Default `'free'`.
        plan "plan": Option<Text>,
        /// Default none.
        entitlements "entitlements": Option<Vec<Text>>,
        /// Default `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Kept apart, and no part of the record: see `getPasswordHash`.
        password_hash "passwordHash": Option<Key>,
        /// Ignored: links change through `linkOAuthAccount` and `unlinkOAuthAccount`.
        oauth "oauth": Ours,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored: set by the store.
        updated_at "updatedAt": Ours,
    }
}

input! {
    /// What `updateUser` changes. A missing field is left alone, `null` clears it.
    UserPatch {
        email "email": Patch<Key>,
        name "name": Patch<Text>,
        picture "picture": Patch<Text>,
        plan "plan": Patch<Text>,
        entitlements "entitlements": Change<Vec<Text>>,
        metadata "metadata": Patch<JsonObject>,
        /// Ignored.
        id "id": Ours,
        /// Ignored: links change through `linkOAuthAccount` and `unlinkOAuthAccount`.
        oauth "oauth": Ours,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored: set by the store.
        updated_at "updatedAt": Ours,
    }
}

input! {
    /// What `linkOAuthAccount` takes.
    OAuthLinkInput {
        /// Must equal the method's `provider`.
        provider "provider": Key,
        /// The account's id at the provider (the `sub` claim).
        sub "sub": Key,
        email "email": Option<Text>,
        name "name": Option<Text>,
        /// Default now.
        linked_at "linkedAt": Option<Timestamp>,
    }
}

macro_rules! columns {
    () => {
        "id, email, name, picture, plan, entitlements, NULLIF(oauth, '{}') AS oauth, metadata, created_at, updated_at"
    };
}
pub(super) use columns;

pub fn by_id() -> Lookup<UserRecord> {
    by_key!(UserRecord, "getUser", columns!(), "users", "id", |user| user.id.clone())
}

/// Keys are lower-cased by [`email_key`].
pub fn by_email() -> Lookup<UserRecord> {
    by_key!(UserRecord, "getUserByEmail", columns!(), "users", "pg_catalog.lower(email COLLATE \"C\")", |user| {
        user.email.as_deref().map(email_key).unwrap_or_default()
    })
}

/// E-mails are compared without regard to ASCII case. Unicode's folding differs between systems and invites look-alikes.
pub fn email_key(email: &str) -> String {
    email.to_ascii_lowercase()
}

pub async fn by_oauth(db: &mut Db, provider: String, sub: String) -> Result<Option<UserRecord>> {
    db.optional(Repeat::Read, || {
        query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM users WHERE id = (SELECT user_id FROM user_oauth_accounts WHERE provider = $1 AND sub = $2)"
        ))
        .bind(provider.clone())
        .bind(sub.clone())
    })
    .await
}

pub async fn update(db: &mut Db, id: String, patch: UserPatch) -> Result<UserRecord> {
    let UserPatch { email, name, picture, plan, entitlements, metadata, id: _, oauth: _, created_at: _, updated_at: _ } =
        patch;
    let is_empty = email.is_empty()
        && name.is_empty()
        && picture.is_empty()
        && plan.is_empty()
        && entitlements.is_empty()
        && metadata.is_empty();
    let row = if is_empty {
        db.optional(Repeat::Read, || {
            query_as(concat!("SELECT ", columns!(), " FROM users WHERE id = $1")).bind(id.clone())
        })
        .await?
    } else {
        let (sets_email, email) = email.into_parameters();
        let (sets_name, name) = name.into_parameters();
        let (sets_picture, picture) = picture.into_parameters();
        let (sets_plan, plan) = plan.into_parameters();
        let (sets_metadata, metadata) = metadata.into_parameters();
        db.optional(Repeat::Never, || {
            query_as(concat!(
                "UPDATE users
                    SET email        = CASE WHEN $2 THEN $3 ELSE email END
                      , name         = CASE WHEN $4 THEN $5 ELSE name END
                      , picture      = CASE WHEN $6 THEN $7 ELSE picture END
                      , plan         = CASE WHEN $8 THEN $9 ELSE plan END
                      , entitlements = COALESCE($10, entitlements)
                      , metadata     = CASE WHEN $11 THEN COALESCE($12, '{}') ELSE metadata END
                  WHERE id = $1
              RETURNING ",
                columns!()
            ))
            .bind(id.clone())
            .bind(sets_email)
            .bind(email.clone())
            .bind(sets_name)
            .bind(name.clone())
            .bind(sets_picture)
            .bind(picture.clone())
            .bind(sets_plan)
            .bind(plan.clone())
            .bind(entitlements.0.clone())
            .bind(sets_metadata)
            .bind(metadata.clone())
        })
        .await?
    };
    row.ok_or_else(|| Error::not_found("user"))
}

/// Locks the user's organizations before the user, as those do who add a member: in the other order they and we could
/// wait for each other.
const OWNER: Owner = Owner {
    delete: concat!(
        "WITH locked AS (
            SELECT id
              FROM organizations
             WHERE id IN (SELECT org_id FROM organization_members WHERE user_id = $1)
             ORDER BY id
               FOR NO KEY UPDATE
         ), gone AS (
            DELETE FROM users
             WHERE id = $1
               AND NOT (",
        has_more!("sessions", "user_id"),
        " OR ",
        has_more!("api_keys", "principal_user_id"),
        " OR ",
        has_more!("email_verification_tokens", "user_id"),
        " OR ",
        has_more!("organization_members", "user_id"),
        " OR ",
        has_more!("user_roles", "user_id"),
        " OR ",
        has_more!("sso_links", "user_id"),
        " OR ",
        has_more!("sso_sessions", "user_id"),
        " OR ",
        has_more!("twofa_devices", "user_id"),
        " OR ",
        has_more!("twofa_backup_codes", "user_id"),
        " OR ",
        has_more!("twofa_sessions", "user_id"),
        " OR ",
        has_more!("twofa_sessions", "device_id", of "twofa_devices", "user_id"),
        ")
               AND (SELECT count(*) FROM locked) >= 0
         RETURNING id
         )
         SELECT false AS has_more FROM gone
          UNION ALL
         SELECT true FROM users WHERE id = $1 AND NOT EXISTS (SELECT FROM gone)"
    ),
    batches: &[
        delete_some!("api_keys", "principal_user_id"),
        delete_some!("sessions", "user_id"),
        delete_some!("sso_sessions", "user_id"),
        delete_some!("email_verification_tokens", "user_id"),
        delete_some!("twofa_sessions", "user_id"),
        delete_some!("user_roles", "user_id"),
        // What the trigger `auth_leave_organizations` does, for fewer organizations: it writes the list of each anew.
        concat!(
            "WITH locked AS (
                SELECT id
                  FROM organizations
                 WHERE id = ANY(ARRAY(SELECT org_id FROM organization_members",
            of_owner!("user_id"),
            " LIMIT LEAST($2, 100)))
                 ORDER BY id
                   FOR NO KEY UPDATE
             ), lists AS (
                UPDATE organizations AS o
                   SET members = (
                           SELECT COALESCE(pg_catalog.jsonb_agg(e.value ORDER BY e.ordinality), '[]')
                             FROM pg_catalog.jsonb_array_elements(o.members) WITH ORDINALITY AS e
                            WHERE e.value ->> 'userId' <> $1
                       )
                 WHERE o.id IN (SELECT id FROM locked)
             )
             DELETE FROM organization_members WHERE user_id = $1 AND org_id IN (SELECT id FROM locked)"
        ),
        delete_some!("sso_links", "user_id"),
        delete_some!("twofa_backup_codes", "user_id"),
        "DELETE FROM twofa_devices WHERE id = ANY(ARRAY(SELECT id FROM twofa_devices
          WHERE user_id BETWEEN $1 AND $1 AND NOT verified ORDER BY user_id LIMIT $2 FOR UPDATE))",
        // The newest go with the user: as long as there is one, the second factor is asked for.
        concat!(
            "DELETE FROM twofa_devices WHERE id = ANY(ARRAY(SELECT id FROM twofa_devices",
            of_owner!("user_id"),
            ", created_at DESC, id DESC OFFSET $2 LIMIT $2 FOR UPDATE))"
        ),
        delete_some!("twofa_sessions", "device_id", of "twofa_devices", "user_id"),
    ],
};

pub async fn delete(db: &mut Db, id: String) -> Result<()> {
    dependents::delete(db, &OWNER, id).await
}

/// A link that replaces another gives one pair free and takes one: two users who swap would wait for each other.
/// Replacements of one provider's links go one after the other, by an advisory lock; first links need none.
pub async fn link_oauth(db: &mut Db, user_id: String, provider: String, link: OAuthLinkInput) -> Result<UserRecord> {
    let OAuthLinkInput { provider: Key(own_provider), sub, email, name, linked_at } = link;
    if own_provider != provider {
        return Err(Error::invalid_input("provider", "must equal the argument `provider`"));
    }
    let linked_at = linked_at.map(|time| time.to_string());
    db.optional(Repeat::Never, || {
        query_as(concat!(
            "UPDATE users
                SET oauth = oauth || pg_catalog.jsonb_build_object($2::text, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
                        'provider', $2::text
                      , 'sub', $3::text
                      , 'email', $4::text
                      , 'name', $5::text
                      , 'linkedAt', COALESCE($6::text, pg_catalog.to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))
                    )))
              WHERE id = $1
                AND (
                    SELECT CASE
                               WHEN EXISTS (SELECT FROM user_oauth_accounts WHERE user_id = $1 AND provider = $2 AND sub <> $3)
                               THEN pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($2, 0)) IS NOT NULL
                               ELSE true
                           END
                    )
          RETURNING ",
            columns!()
        ))
        .bind(user_id.clone())
        .bind(provider.clone())
        .bind(sub.clone())
        .bind(email.clone())
        .bind(name.clone())
        .bind(linked_at.clone())
    })
    .await?
    .ok_or_else(|| Error::not_found("user"))
}

pub async fn unlink_oauth(db: &mut Db, user_id: String, provider: String) -> Result<UserRecord> {
    db.optional(Repeat::Never, || {
        query_as(concat!("UPDATE users SET oauth = oauth - $2::text WHERE id = $1 RETURNING ", columns!()))
            .bind(user_id.clone())
            .bind(provider.clone())
    })
    .await?
    .ok_or_else(|| Error::not_found("user"))
}
