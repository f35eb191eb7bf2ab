//! Users.

use super::json::JsonOf;
use super::lookup::{Lookup, by_key};
use super::updates::{Edit, UpdateOptions, checked_update, new_metadata, read_unchanged, updated, written_or_stored};
use super::{columns, record};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::Result;
use crate::input::{Change, Ignored, JsonObject, Key, Patch, Text, input, patch};
use sqlx::query;
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
    } optional {
        /// The e-mail as it was given. It is unique and looked up without regard to ASCII case.
        email "email": String,
        name "name": String,
        /// The URL of a picture.
        picture "picture": String,
        plan "plan": String,
        /// The links to OAuth providers, by provider. Absent if there are none.
        oauth "oauth": JsonOf<HashMap<String, OAuthLink>>,
    }
}

record! {
    /// A link between a user and an account at an OAuth provider.
    OAuthLink {
        provider "provider": String,
        /// The id of the account at the provider (the `sub` claim).
        sub "sub": String,
        linked_at "linkedAt": Timestamp,
    } optional {
        email "email": String,
        name "name": String,
    }
}

input! {
    /// What `createUser` takes.
    UserInput {
        /// Default: a new UUIDv7.
        id "id": Option<Key>,
        /// Any non-empty string. Its syntax is not checked.
        email "email": Option<Key>,
        name "name": Option<Text>,
        /// The URL of a picture.
        picture "picture": Option<Text>,
        /// Default: `'free'`.
        plan "plan": Option<Text>,
        /// Default: none.
        entitlements "entitlements": Option<Vec<Text>>,
        /// Default: `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Not part of the record. It is read with `getPasswordHash`.
        password_hash "passwordHash": Option<Key>,
        /// Ignored. Links are changed with `linkOAuthAccount` and `unlinkOAuthAccount`.
        oauth "oauth": Ignored,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

patch! {
    /// What `updateUser` changes. A missing field is left as it is, and `null` clears a field.
    UserPatch {
        email "email": Patch<Key>,
        name "name": Patch<Text>,
        picture "picture": Patch<Text>,
        plan "plan": Patch<Text>,
        entitlements "entitlements": Change<Vec<Text>>,
        metadata "metadata": Patch<JsonObject>,
        /// Ignored.
        id "id": Ignored,
        /// Ignored. Links are changed with `linkOAuthAccount` and `unlinkOAuthAccount`.
        oauth "oauth": Ignored,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

pub fn by_id() -> Lookup<UserRecord> {
    by_key!(UserRecord, "getUser", users, "id", |user| (&user.id).into())
}

/// Look-ups by the result of [`email_key`].
pub fn by_email() -> Lookup<UserRecord> {
    by_key!(UserRecord, "getUserByEmail", users, "pg_catalog.lower(email COLLATE \"C\")", |user| {
        user.email.as_deref().map(email_key).unwrap_or_default().into()
    })
}

/// E-mails are compared without regard to ASCII case. Unicode case folding is not used, because it differs between
/// systems and makes look-alikes equal.
pub fn email_key(email: &str) -> String {
    email.to_ascii_lowercase()
}

pub async fn update(db: &mut Db, id: &str, patch: UserPatch, options: &UpdateOptions) -> Result<UserRecord> {
    let edit: Option<Edit<UserRecord>> = if patch.is_empty() {
        db.optional(Repeat::Read, || query(read_unchanged!(users)).bind(id).bind(options.if_updated_at)).await?
    } else {
        let UserPatch {
            email,
            name,
            picture,
            plan,
            entitlements,
            metadata,
            id: _,
            oauth: _,
            created_at: _,
            updated_at: _,
        } = patch;
        db.optional(Repeat::Never, || {
            query(checked_update!(
                options,
                users,
                concat!(
                    "UPDATE users
                        SET email        = CASE WHEN $2 THEN $3 ELSE email END
                          , name         = CASE WHEN $4 THEN $5 ELSE name END
                          , picture      = CASE WHEN $6 THEN $7 ELSE picture END
                          , plan         = CASE WHEN $8 THEN $9 ELSE plan END
                          , entitlements = COALESCE($10, entitlements)
                          , metadata     = ",
                    new_metadata!("$11", "$12", "$13"),
                    " WHERE id = $1
                        AND ($14 IS NULL OR updated_at = $14)
                  RETURNING true AS is_written, ",
                    columns!(users)
                ),
                "$14"
            ))
            .bind(id)
            .bind(email.is_written())
            .bind(email.value())
            .bind(name.is_written())
            .bind(name.value())
            .bind(picture.is_written())
            .bind(picture.value())
            .bind(plan.is_written())
            .bind(plan.value())
            .bind(entitlements.value())
            .bind(metadata.is_written())
            .bind(options.merges_metadata())
            .bind(metadata.value())
            .bind(options.if_updated_at)
        })
        .await?
    };
    updated(edit, "user")
}
