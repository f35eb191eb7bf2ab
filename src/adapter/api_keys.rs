use super::users::check_texts;
use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void};
use crate::input::{Key, Text, check_key, check_text};
use crate::store::api_keys::{self, ApiKeyInput, ApiKeyPatch, ApiKeyRecord, ApiKeyWithSecret, RotateApiKeyOptions};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates an API key for a user or an organization.
    ///
    /// Rejects with `invalid_reference` when the principal is neither or both, with `conflict` when the hash or the id is taken.
    #[napi]
    pub fn create_api_key(&self, api_key: Json<ApiKeyInput>, _options: Option<CallOptions>) -> Pending<ApiKeyRecord> {
        self.call(
            "createApiKey",
            move |mut db| async move { api_keys::create(&mut db, api_key.parse("apiKey")?).await },
        )
    }

    /// Finds an API key by id, expired or not.
    #[napi]
    pub fn get_api_key(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<ApiKeyRecord>> {
        self.find(&self.lookups.api_keys, "id", id)
    }

    /// Finds an API key by its hash, expired or not.
    #[napi]
    pub fn get_api_key_by_hash(&self, hash: String, _options: Option<CallOptions>) -> Pending<Nullable<ApiKeyRecord>> {
        self.find(&self.lookups.api_keys_by_hash, "hash", hash)
    }

    /// Finds API keys by what a user sees of them, newest first.
    #[napi]
    pub fn get_api_keys_by_prefix_and_last_four(
        &self,
        prefix: String,
        last_four: String,
        _options: Option<CallOptions>,
    ) -> Pending<Vec<ApiKeyRecord>> {
        self.call("getApiKeysByPrefixAndLastFour", move |mut db| async move {
            check_texts(&[("prefix", &prefix), ("lastFour", &last_four)])?;
            api_keys::by_prefix_and_last_four(&mut db, prefix, last_four).await
        })
    }

    /// Changes an API key. A missing field is left alone, `null` clears it.
    ///
    /// Rejects with `not_found` when there is none, with `conflict` when the hash is taken.
    #[napi]
    pub fn update_api_key(
        &self,
        id: String,
        patch: Json<ApiKeyPatch>,
        _options: Option<CallOptions>,
    ) -> Pending<ApiKeyRecord> {
        self.call("updateApiKey", move |mut db| async move {
            check_text(&id, "id")?;
            api_keys::update(&mut db, id, patch.parse("patch")?).await
        })
    }

    /// Deletes an API key, if there is one.
    #[napi]
    pub fn delete_api_key(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteApiKey", move |mut db| async move {
            check_text(&id, "id")?;
            api_keys::delete(&mut db, id).await.map(|()| Void)
        })
    }

    /// Lists the API keys of a user or an organization, newest first, expired ones included.
    #[napi]
    pub fn list_api_keys(&self, principal_id: String, _options: Option<CallOptions>) -> Pending<Vec<ApiKeyRecord>> {
        self.call("listApiKeys", move |mut db| async move {
            check_text(&principal_id, "principalId")?;
            api_keys::list(&mut db, principal_id).await
        })
    }

    /// Makes an API key together with its secret: `prefix` (default `'api'`), an underscore and 64 hexadecimal digits.
    /// What is stored is the SHA-256 hash of the whole key; the key itself is seen only here.
    ///
    /// Rejects with `invalid_reference` when the principal is neither a user nor an organization.
    #[napi(
        ts_args_type = "principalId: string, scopes: Array<string>, prefix?: string | null | undefined, options?: CallOptions | null | undefined"
    )]
    pub fn create_api_key_with_secret(
        &self,
        principal_id: String,
        scopes: Json<Vec<Text>>,
        prefix: Option<String>,
        _options: Option<CallOptions>,
    ) -> Pending<ApiKeyWithSecret> {
        self.call("createApiKeyWithSecret", move |mut db| async move {
            let prefix = prefix.unwrap_or_else(|| "api".to_owned());
            check_key(&principal_id, "principalId")?;
            check_key(&prefix, "prefix")?;
            api_keys::create_with_secret(&mut db, Key(principal_id), scopes.parse("scopes")?, Key(prefix)).await
        })
    }

    /// Finds the API key whose secret this is; `null` when there is none or it has expired.
    #[napi]
    pub fn verify_api_key_secret(&self, key: String, _options: Option<CallOptions>) -> Pending<Nullable<ApiKeyRecord>> {
        if let Err(error) = check_text(&key, "key") {
            return self.fail("verifyApiKeySecret", error);
        }
        let hash = api_keys::hash_of(&key);
        self.find_where(&self.lookups.api_keys_by_secret, "key", hash.clone(), move |record| {
            api_keys::has_hash(record, &hash)
        })
    }

    /// Makes a new key with a new id for the same principal, prefix, scopes, metadata and expiry. The old one stays and
    /// expires at `expiresOldKeysAt` (default now), never later than it would have.
    ///
    /// Rejects with `not_found` when there is none, and with `expired` when it has expired or has been rotated: of
    /// racing calls without `expiresOldKeysAt` one wins.
    #[napi]
    pub fn rotate_api_key(&self, id: String, options: Option<Json<RotateApiKeyOptions>>) -> Pending<ApiKeyWithSecret> {
        self.call("rotateApiKey", move |mut db| async move {
            check_text(&id, "id")?;
            let options = options
                .map_or(Ok(RotateApiKeyOptions { expires_old_keys_at: None }), |options| options.parse("options"))?;
            api_keys::rotate(&mut db, id, options).await
        })
    }
}
