//! The secrets of API keys: keys are generated, verified and replaced here. Only their hashes are stored.

use super::api_keys::{self, ApiKeyInput, ApiKeyRecord};
use super::lookup::{Lookup, by_key};
use super::rounds::Rounds;
use super::{NewId, columns};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use crate::input::{Ignored, Key, Text, input};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::query;
use subtle::ConstantTimeEq;

/// A new API key. The key itself is not stored, so it cannot be read again.
#[derive(Debug, Serialize)]
#[napi_derive::napi(object, object_from_js = false, object_to_js = false)]
pub struct ApiKeyWithSecret {
    pub record: ApiKeyRecord,
    /// `prefix`, an underscore and 64 hexadecimal digits.
    pub key: String,
}

input! {
    /// How `rotateApiKey` treats the old key.
    RotateApiKeyOptions {
        /// When the old key expires, unless it expires sooner anyway. Default: now.
        expires_old_keys_at "expiresOldKeysAt": Option<Timestamp>,
    }
}

/// Keys that have not expired, by the hash of the whole key.
pub fn by_secret() -> Lookup<ApiKeyRecord> {
    by_key!(ApiKeyRecord, "verifyApiKeySecret", api_keys, "hash", |key| (&key.hash).into(); "(expires_at IS NULL OR expires_at > now())")
}

pub fn hash_of(key: &str) -> String {
    crate::id::hex(&Sha256::digest(key.as_bytes()))
}

/// Compares hashes in a time that does not depend on where they differ.
pub fn has_hash(record: &ApiKeyRecord, hash: &str) -> bool {
    record.hash.as_bytes().ct_eq(hash.as_bytes()).into()
}

/// Creates an API key with a generated secret: `prefix`, an underscore and 64 hexadecimal digits.
pub async fn create(db: &mut Db, principal_id: Key, scopes: Vec<Text>, prefix: Key) -> Result<ApiKeyWithSecret> {
    let (key, last_four) = new_secret(&prefix.0)?;
    let record = api_keys::create(
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
            created_at: Ignored,
            updated_at: Ignored,
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

/// One statement creates the new key and sets the expiry of the old one. The hash covers the prefix, which is read
/// before, and which the statement compares again. If the statement is repeated after its answer was lost, it finds the
/// new key by its id and changes nothing.
///
/// Concurrent calls wait for the lock on the old key. Each then checks the expiry that the call before it has written.
/// It compares that with the clock and not with `now()`, which is the start of its own transaction and may be earlier.
/// The expiry is truncated to milliseconds, because the column would round it, and half of the keys would live a moment
/// longer.
pub async fn rotate(db: &mut Db, id: &str, options: RotateApiKeyOptions) -> Result<ApiKeyWithSecret> {
    let RotateApiKeyOptions { expires_old_keys_at } = options;
    let mut rounds = Rounds::default();
    loop {
        let (prefix, is_expired): (String, bool) = db
            .optional(Repeat::Read, || {
                query("SELECT prefix, COALESCE(expires_at <= clock_timestamp(), false) FROM api_keys WHERE id = $1")
                    .bind(id)
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
                query(concat!(
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
                    columns!(api_keys)
                ))
                .bind(id)
                .bind(&prefix)
                .bind(expires_old_keys_at)
                .bind(&new_id.text)
                .bind(&hash)
                .bind(&last_four)
            })
            .await?;
        // An earlier attempt may have created the key while this one waited for the lock. Then this one did not see it.
        let record = match record {
            Some(record) => Some(record),
            None => {
                db.optional(Repeat::Read, || {
                    query(concat!("SELECT ", columns!(api_keys), " FROM api_keys WHERE id = $1")).bind(&new_id.text)
                })
                .await?
            }
        };
        if let Some(record) = record {
            return Ok(ApiKeyWithSecret { record, key });
        }
        // By now the old key has been deleted, has expired, or has another prefix.
        rounds.count()?;
    }
}
