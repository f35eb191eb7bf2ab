//! API keys of users and organizations.

use super::json::JsonOf;
use super::lookup::{Lookup, by_key};
use super::updates::{Edit, UpdateOptions, checked_update, new_metadata, read_unchanged, updated, written_or_stored};
use super::{NewId, columns, created, record};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use crate::input::{Change, Ignored, Key, Patch, Path, StringMap, StringMapPatch, Text, input, patch};
use sqlx::query;
use std::collections::HashMap;

record! {
    /// An API key. Only the hash of the key is stored, not the key itself.
    ApiKeyRecord {
        id "id": String,
        /// The id of the user or organization that the key belongs to.
        principal_id "principalId": String,
        hash "hash": String,
        prefix "prefix": String,
        last_four "lastFour": String,
        scopes "scopes": Vec<String>,
        metadata "metadata": JsonOf<HashMap<String, String>>,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    } optional {
        expires_at "expiresAt": Timestamp,
    }
}

input! {
    /// What `createApiKey` takes.
    ApiKeyInput {
        /// Default: a new UUIDv7.
        id "id": Option<Key>,
        /// The id of a user or an organization.
        principal_id "principalId": Key,
        /// Unique.
        hash "hash": Key,
        prefix "prefix": Key,
        last_four "lastFour": Key,
        /// Default: none.
        scopes "scopes": Option<Vec<Text>>,
        /// Default: `{}`.
        metadata "metadata": Option<StringMap>,
        /// Default: never.
        expires_at "expiresAt": Option<Timestamp>,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

patch! {
    /// What `updateApiKey` changes. A missing field is left as it is, and `null` clears a field.
    ApiKeyPatch {
        principal_id "principalId": Change<Key>,
        hash "hash": Change<Key>,
        prefix "prefix": Change<Key>,
        last_four "lastFour": Change<Key>,
        scopes "scopes": Change<Vec<Text>>,
        /// A value can be `null` only with the option `mergeMetadata`, and removes its key.
        metadata "metadata": Patch<StringMapPatch>,
        expires_at "expiresAt": Patch<Timestamp>,
        /// Ignored.
        id "id": Ignored,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

pub fn by_id() -> Lookup<ApiKeyRecord> {
    by_key!(ApiKeyRecord, "getApiKey", api_keys, "id", |key| (&key.id).into())
}

pub fn by_hash() -> Lookup<ApiKeyRecord> {
    by_key!(ApiKeyRecord, "getApiKeyByHash", api_keys, "hash", |key| (&key.hash).into())
}

pub async fn create(db: &mut Db, input: ApiKeyInput) -> Result<ApiKeyRecord> {
    let ApiKeyInput {
        id,
        principal_id,
        hash,
        prefix,
        last_four,
        scopes,
        metadata,
        expires_at,
        created_at: _,
        updated_at: _,
    } = input;
    let id = NewId::sortable(id);
    let row = db
        .create(|is_in_doubt| {
            query(concat!(
                "INSERT INTO api_keys (
                    id
                  , principal_user_id
                  , principal_org_id
                  , hash
                  , prefix
                  , last_four
                  , scopes
                  , metadata
                  , expires_at
                 )
                 VALUES (
                    $1
                  , (SELECT id FROM users WHERE id = $2)
                  , (SELECT id FROM organizations WHERE id = $2)
                  , $3
                  , $4
                  , $5
                  , COALESCE($6, '{}')
                  , COALESCE($7, '{}')
                  , $8
                 )",
                or_own!("$9", "api_keys", "created_at"),
                " RETURNING ",
                columns!(api_keys)
            ))
            .bind(&id.text)
            .bind(&principal_id)
            .bind(&hash)
            .bind(&prefix)
            .bind(&last_four)
            .bind(&scopes)
            .bind(&metadata)
            .bind(expires_at)
            .bind(is_in_doubt)
        })
        .await
        .map_err(principal_error)?;
    created(db, row, "api_keys")
}

pub async fn by_prefix_and_last_four(db: &mut Db, prefix: &str, last_four: &str) -> Result<Vec<ApiKeyRecord>> {
    db.all(Repeat::Read, || {
        query(concat!(
            "SELECT ",
            columns!(api_keys),
            " FROM api_keys WHERE prefix = $1 AND last_four = $2 ORDER BY created_at DESC, id DESC"
        ))
        .bind(prefix)
        .bind(last_four)
    })
    .await
}

pub async fn list(db: &mut Db, principal_id: &str) -> Result<Vec<ApiKeyRecord>> {
    db.all(Repeat::Read, || {
        query(concat!(
            "SELECT ",
            columns!(api_keys),
            " FROM api_keys WHERE principal_user_id = $1 OR principal_org_id = $1 ORDER BY created_at DESC, id DESC"
        ))
        .bind(principal_id)
    })
    .await
}

pub async fn update(db: &mut Db, id: &str, patch: ApiKeyPatch, options: &UpdateOptions) -> Result<ApiKeyRecord> {
    let edit: Option<Edit<ApiKeyRecord>> = if patch.is_empty() {
        db.optional(Repeat::Read, || query(read_unchanged!(api_keys)).bind(id).bind(options.if_updated_at)).await?
    } else {
        let ApiKeyPatch {
            principal_id,
            hash,
            prefix,
            last_four,
            scopes,
            metadata,
            expires_at,
            id: _,
            created_at: _,
            updated_at: _,
        } = patch;
        let new_metadata = metadata
            .value()
            .map(|map| map.object(options.merges_metadata(), &Path::Argument("metadata")))
            .transpose()?;
        db.optional(Repeat::Never, || {
            query(checked_update!(
options,
api_keys,
concat!(
                "UPDATE api_keys
                    SET principal_user_id = CASE WHEN $2 IS NULL THEN principal_user_id ELSE (SELECT users.id FROM users WHERE users.id = $2) END
                      , principal_org_id  = CASE WHEN $2 IS NULL THEN principal_org_id ELSE (SELECT organizations.id FROM organizations WHERE organizations.id = $2) END
                      , hash              = COALESCE($3, hash)
                      , prefix            = COALESCE($4, prefix)
                      , last_four         = COALESCE($5, last_four)
                      , scopes            = COALESCE($6, scopes)
                      , expires_at        = CASE WHEN $7 THEN $8 ELSE expires_at END
                      , metadata          = ",
                new_metadata!("$9", "$10", "$11"),
                " WHERE id = $1
                    AND ($12 IS NULL OR updated_at = $12)
              RETURNING true AS is_written, ",
columns!(api_keys)
),
"$12"
            ))
            .bind(id)
            .bind(principal_id.value())
            .bind(hash.value())
            .bind(prefix.value())
            .bind(last_four.value())
            .bind(scopes.value())
            .bind(expires_at.is_written())
            .bind(expires_at.value())
            .bind(metadata.is_written())
            .bind(options.merges_metadata())
            .bind(new_metadata)
            .bind(options.if_updated_at)
        })
        .await
        .map_err(principal_error)?
    };
    updated(edit, "API key")
}

pub async fn delete(db: &mut Db, id: &str) -> Result<()> {
    db.execute(Repeat::Harmless, || query("DELETE FROM api_keys WHERE id = $1").bind(id)).await.map(drop)
}

/// The principal's id must be the id of exactly one user or organization.
fn principal_error(mut error: Error) -> Error {
    if error.is_violation_of("api_keys_principal_check") {
        error.code = Code::InvalidReference;
        error.message = "the principal is neither a user nor an organization, or both".into();
    }
    error
}
