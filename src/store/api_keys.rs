//! API keys of users and organizations.

use super::json::JsonOf;
use super::lookup::{Lookup, by_key};
use super::{NewId, created, record};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use crate::input::{Change, IsEmpty, Key, Ours, Patch, StringMap, Text, input};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{query, query_as};
use std::collections::HashMap;
use subtle::ConstantTimeEq;

record! {
    /// An API key. The secret itself is not stored, only its hash.
    ApiKeyRecord {
        id "id": String,
        /// The user or the organization that it speaks for.
        principal_id "principalId": String,
        hash "hash": String,
        prefix "prefix": String,
        last_four "lastFour": String,
        scopes "scopes": Vec<String>,
        metadata "metadata": JsonOf<HashMap<String, String>>,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
        ;
        expires_at "expiresAt": Timestamp,
    }
}

/// A new API key; the only time that the key itself is seen.
#[derive(Debug, Serialize)]
#[napi_derive::napi(object, object_from_js = false, object_to_js = false)]
pub struct ApiKeyWithSecret {
    pub record: ApiKeyRecord,
    /// `prefix`, an underscore and 64 hexadecimal digits.
    pub key: String,
}

input! {
    /// What `createApiKey` takes.
    ApiKeyInput {
        /// Kept when given; a UUIDv7 otherwise.
        id "id": Option<Key>,
        /// A user or an organization.
        principal_id "principalId": Key,
        /// Unique.
        hash "hash": Key,
        prefix "prefix": Key,
        last_four "lastFour": Key,
        /// Default none.
        scopes "scopes": Option<Vec<Text>>,
        /// Default `{}`.
        metadata "metadata": Option<StringMap>,
        /// Default never.
        expires_at "expiresAt": Option<Timestamp>,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored: set by the store.
        updated_at "updatedAt": Ours,
    }
}

input! {
    /// What `updateApiKey` changes. A missing field is left alone, `null` clears it.
    ApiKeyPatch {
        principal_id "principalId": Change<Key>,
        hash "hash": Change<Key>,
        prefix "prefix": Change<Key>,
        last_four "lastFour": Change<Key>,
        scopes "scopes": Change<Vec<Text>>,
        metadata "metadata": Patch<StringMap>,
        expires_at "expiresAt": Patch<Timestamp>,
        /// Ignored.
        id "id": Ours,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored: set by the store.
        updated_at "updatedAt": Ours,
    }
}

input! {
    /// How `rotateApiKey` treats the old key.
    RotateApiKeyOptions {
        /// When the old key expires, unless it would sooner. Default now.
        expires_old_keys_at "expiresOldKeysAt": Option<Timestamp>,
    }
}

macro_rules! columns {
    () => {
        "id, principal_id, hash, prefix, last_four, scopes, metadata, expires_at, created_at, updated_at"
    };
}

pub fn by_id() -> Lookup<ApiKeyRecord> {
    by_key!(ApiKeyRecord, "getApiKey", columns!(), "api_keys", "id", |key| key.id.clone())
}

pub fn by_hash() -> Lookup<ApiKeyRecord> {
    by_key!(ApiKeyRecord, "getApiKeyByHash", columns!(), "api_keys", "hash", |key| key.hash.clone())
}

/// Live keys by the hash of a whole key.
pub fn by_secret() -> Lookup<ApiKeyRecord> {
    by_key!(ApiKeyRecord, "verifyApiKeySecret", columns!(), "api_keys", "hash", |key| key.hash.clone(); "(expires_at IS NULL OR expires_at > now())")
}

pub fn hash_of(key: &str) -> String {
    crate::id::hex(&Sha256::digest(key.as_bytes()))
}

/// Takes the same time whether two hashes differ early or late.
pub fn has_hash(record: &ApiKeyRecord, hash: &str) -> bool {
    record.hash.as_bytes().ct_eq(hash.as_bytes()).into()
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
            query_as(concat!(
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
                columns!()
            ))
            .bind(id.text.clone())
            .bind(principal_id.clone())
            .bind(hash.clone())
            .bind(prefix.clone())
            .bind(last_four.clone())
            .bind(scopes.clone())
            .bind(metadata.clone().map(|StringMap(object)| object))
            .bind(expires_at)
            .bind(is_in_doubt)
        })
        .await
        .map_err(principal_error)?;
    created(db, row, "api_keys")
}

/// Makes the secret as well: `prefix`, an underscore and 64 hexadecimal digits.
pub async fn create_with_secret(
    db: &mut Db,
    principal_id: Key,
    scopes: Vec<Text>,
    prefix: Key,
) -> Result<ApiKeyWithSecret> {
    let (key, last_four) = new_secret(&prefix.0)?;
    let record = create(
        db,
        ApiKeyInput {
            id: None,
            principal_id,
            hash: Key(hash_of(&key)),
            prefix,
            last_four: Key(last_four),
            scopes: Some(scopes),
            metadata: None,
            expires_at: None,
            created_at: Ours,
            updated_at: Ours,
        },
    )
    .await?;
    Ok(ApiKeyWithSecret { record, key })
}

/// The key and its last four characters.
fn new_secret(prefix: &str) -> Result<(String, String)> {
    let digits =
        crate::id::secret_hex().map_err(|_| Error::new(Code::Internal, "the system has no randomness to give"))?;
    let last_four = digits[digits.len() - 4..].to_owned();
    Ok((format!("{prefix}_{digits}"), last_four))
}

pub async fn by_prefix_and_last_four(db: &mut Db, prefix: String, last_four: String) -> Result<Vec<ApiKeyRecord>> {
    db.all(Repeat::Read, || {
        query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM api_keys WHERE prefix = $1 AND last_four = $2 ORDER BY created_at DESC, id DESC"
        ))
        .bind(prefix.clone())
        .bind(last_four.clone())
    })
    .await
}

pub async fn list(db: &mut Db, principal_id: String) -> Result<Vec<ApiKeyRecord>> {
    db.all(Repeat::Read, || {
        query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM api_keys WHERE principal_user_id = $1 OR principal_org_id = $1 ORDER BY created_at DESC, id DESC"
        ))
        .bind(principal_id.clone())
    })
    .await
}

pub async fn update(db: &mut Db, id: String, patch: ApiKeyPatch) -> Result<ApiKeyRecord> {
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
    let is_empty = principal_id.is_empty()
        && hash.is_empty()
        && prefix.is_empty()
        && last_four.is_empty()
        && scopes.is_empty()
        && metadata.is_empty()
        && expires_at.is_empty();
    let row = if is_empty {
        db.optional(Repeat::Read, || {
            query_as(concat!("SELECT ", columns!(), " FROM api_keys WHERE id = $1")).bind(id.clone())
        })
        .await?
    } else {
        let (sets_metadata, metadata) = metadata.into_parameters();
        let (sets_expires_at, expires_at) = expires_at.into_parameters();
        db.optional(Repeat::Never, || {
            query_as(concat!(
                "UPDATE api_keys
                    SET principal_user_id = CASE WHEN $2 IS NULL THEN principal_user_id ELSE (SELECT users.id FROM users WHERE users.id = $2) END
                      , principal_org_id  = CASE WHEN $2 IS NULL THEN principal_org_id ELSE (SELECT organizations.id FROM organizations WHERE organizations.id = $2) END
                      , hash              = COALESCE($3, hash)
                      , prefix            = COALESCE($4, prefix)
                      , last_four         = COALESCE($5, last_four)
                      , scopes            = COALESCE($6, scopes)
                      , metadata          = CASE WHEN $7 THEN COALESCE($8, '{}') ELSE metadata END
                      , expires_at        = CASE WHEN $9 THEN $10 ELSE expires_at END
                  WHERE id = $1
              RETURNING ",
                columns!()
            ))
            .bind(id.clone())
            .bind(principal_id.0.clone())
            .bind(hash.0.clone())
            .bind(prefix.0.clone())
            .bind(last_four.0.clone())
            .bind(scopes.0.clone())
            .bind(sets_metadata)
            .bind(metadata.clone().map(|StringMap(object)| object))
            .bind(sets_expires_at)
            .bind(expires_at)
        })
        .await
        .map_err(principal_error)?
    };
    row.ok_or_else(|| Error::not_found("API key"))
}

pub async fn delete(db: &mut Db, id: String) -> Result<()> {
    db.execute(Repeat::Harmless, || query("DELETE FROM api_keys WHERE id = $1").bind(id.clone())).await.map(drop)
}

/// One statement makes the new key and lets the old one expire. The hash covers the prefix, which is read before
/// and must still hold. Repeated after its answer was lost, the statement finds the new key by its id, and changes
/// nothing.
///
/// Racing calls wait for the lock on the old key. Each then checks the expiry that the one before it has written,
/// against the clock and not against `now()`, the start of its own transaction, which may be earlier.
/// What is written is cut to the millisecond: the column would round it, and half of the keys would live on for a moment.
pub async fn rotate(db: &mut Db, id: String, options: RotateApiKeyOptions) -> Result<ApiKeyWithSecret> {
    let RotateApiKeyOptions { expires_old_keys_at } = options;
    loop {
        let (prefix, is_expired): (String, bool) = db
            .optional(Repeat::Read, || {
                query_as("SELECT prefix, COALESCE(expires_at <= clock_timestamp(), false) FROM api_keys WHERE id = $1")
                    .bind(id.clone())
            })
            .await?
            .ok_or_else(|| Error::not_found("API key"))?;
        if is_expired {
            return Err(Error::new(Code::Expired, "the API key has expired"));
        }
        let (key, last_four) = new_secret(&prefix)?;
        let hash = hash_of(&key);
        let new_id = NewId::sortable(None);
        let record = db
            .create(|_| {
                query_as(concat!(
                    "WITH old AS (
                        SELECT id AS old_id
                             , principal_user_id
                             , principal_org_id
                             , scopes
                             , metadata
                             , expires_at
                          FROM api_keys
                         WHERE id = $1
                           AND (
                               prefix = $2 AND (expires_at IS NULL OR expires_at > clock_timestamp())
                               OR EXISTS (SELECT FROM api_keys AS new WHERE new.id = $4)
                           )
                           FOR UPDATE
                     ), closed AS (
                        UPDATE api_keys
                           SET expires_at = LEAST(api_keys.expires_at, COALESCE($3, pg_catalog.date_trunc('milliseconds', now())))
                          FROM old
                         WHERE api_keys.id = old.old_id
                     )
                     INSERT INTO api_keys (
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
                     SELECT $4, principal_user_id, principal_org_id, $5, $2, $6, scopes, metadata, expires_at
                       FROM old
                         ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id
                  RETURNING ",
                    columns!()
                ))
                .bind(id.clone())
                .bind(prefix.clone())
                .bind(expires_old_keys_at)
                .bind(new_id.text.clone())
                .bind(hash.clone())
                .bind(last_four.clone())
            })
            .await?;
        // An attempt before may have made the key while this one waited for the lock, and did not see it.
        let record = match record {
            Some(record) => Some(record),
            None => {
                db.optional(Repeat::Read, || {
                    query_as(concat!("SELECT ", columns!(), " FROM api_keys WHERE id = $1")).bind(new_id.text.clone())
                })
                .await?
            }
        };
        if let Some(record) = record {
            return Ok(ApiKeyWithSecret { record, key });
        }
        // The old key is gone, has expired, or has another prefix by now.
    }
}

/// Exactly one of a user and an organization must have the principal's id.
fn principal_error(mut error: Error) -> Error {
    if error.is_violation_of("api_keys_principal_check") {
        error.code = Code::InvalidReference;
        error.message = "the principal is neither a user nor an organization, or both".into();
    }
    error
}
