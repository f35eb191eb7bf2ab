use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void, options_or};
use crate::input::{Key, Text, check_key, check_text, check_texts};
use crate::store::api_key_contexts::ApiKeyContext;
use crate::store::api_key_secrets::{self, ApiKeyWithSecret, RotateApiKeyOptions};
use crate::store::api_keys::{self, ApiKeyInput, ApiKeyPatch, ApiKeyRecord};
use crate::store::updates::UpdateOptions;
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates an API key for a user or an organization.
    ///
    /// Rejects with `invalid_reference` if `principalId` is not the id of a user or an organization, or is the id of
    /// both, and with `conflict` if the hash or the id is taken.
    #[napi]
    pub fn create_api_key(&self, api_key: Json<ApiKeyInput>, _options: Option<CallOptions>) -> Pending<ApiKeyRecord> {
        self.call(
            "createApiKey",
            move |mut db| async move { api_keys::create(&mut db, api_key.parse("apiKey")?).await },
        )
    }

    /// Finds an API key by its id, even if it has expired. Resolves with `null` if there is none.
    #[napi]
    pub fn get_api_key(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<ApiKeyRecord>> {
        self.find(&self.lookups.api_keys, "id", id)
    }

    /// Finds an API key by its hash, even if it has expired. Resolves with `null` if there is none.
    #[napi]
    pub fn get_api_key_by_hash(&self, hash: String, _options: Option<CallOptions>) -> Pending<Nullable<ApiKeyRecord>> {
        self.find(&self.lookups.api_keys_by_hash, "hash", hash)
    }

    /// Finds API keys by the parts of the key that are shown to users. The newest key comes first.
    #[napi]
    pub fn get_api_keys_by_prefix_and_last_four(
        &self,
        prefix: String,
        last_four: String,
        _options: Option<CallOptions>,
    ) -> Pending<Vec<ApiKeyRecord>> {
        self.call("getApiKeysByPrefixAndLastFour", move |mut db| async move {
            check_texts(&[("prefix", &prefix), ("lastFour", &last_four)])?;
            api_keys::by_prefix_and_last_four(&mut db, &prefix, &last_four).await
        })
    }

    /// Changes an API key. A missing field is left as it is, and `null` clears a field.
    ///
    /// Rejects with `not_found` if there is no such key, with `conflict` if the hash is taken or the key has been changed
    /// since `ifUpdatedAt`, and with `invalid_reference` like `createApiKey`.
    #[napi]
    pub fn update_api_key(
        &self,
        id: String,
        patch: Json<ApiKeyPatch>,
        options: Option<Json<UpdateOptions>>,
    ) -> Pending<ApiKeyRecord> {
        self.call("updateApiKey", move |mut db| async move {
            check_text(&id, "id")?;
            let options = options_or(options.as_ref(), UpdateOptions::NONE)?;
            api_keys::update(&mut db, &id, patch.parse("patch")?, &options).await
        })
    }

    /// Deletes an API key. Does nothing if there is none.
    #[napi]
    pub fn delete_api_key(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteApiKey", move |mut db| async move {
            check_text(&id, "id")?;
            api_keys::delete(&mut db, &id).await.map(|()| Void)
        })
    }

    /// Lists the API keys of a user or an organization, including expired ones. The newest key comes first.
    #[napi]
    pub fn list_api_keys(&self, principal_id: String, _options: Option<CallOptions>) -> Pending<Vec<ApiKeyRecord>> {
        self.call("listApiKeys", move |mut db| async move {
            check_text(&principal_id, "principalId")?;
            api_keys::list(&mut db, &principal_id).await
        })
    }

    /// Generates an API key: `prefix` (default: `'api'`), an underscore and 64 hexadecimal digits. Only the SHA-256
    /// hash of the whole key is stored, so the result is the only place where the key can be read.
    ///
    /// Rejects with `invalid_reference` if `principalId` is not the id of a user or an organization.
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
            api_key_secrets::create(&mut db, Key(principal_id), scopes.parse("scopes")?, Key(prefix)).await
        })
    }

    /// Finds the record of an API key by the key itself. Resolves with `null` if there is none or it has expired.
    #[napi]
    pub fn verify_api_key_secret(&self, key: String, _options: Option<CallOptions>) -> Pending<Nullable<ApiKeyRecord>> {
        if let Err(error) = check_text(&key, "key") {
            return self.fail("verifyApiKeySecret", error);
        }
        let hash = api_key_secrets::hash_of(&key);
        self.find_where(&self.lookups.api_keys_by_secret, "key", hash.clone(), move |record| {
            api_key_secrets::has_hash(record, &hash)
        })
    }

    /// Finds what a request with an API key needs to know, in one round trip: the record of the key, as
    /// `verifyApiKeySecret` finds it, and the user or the organization that it belongs to, all as of one moment. Resolves
    /// with `null` if there is no such key or it has expired.
    #[napi]
    pub fn get_api_key_context(&self, key: String, _options: Option<CallOptions>) -> Pending<Nullable<ApiKeyContext>> {
        if let Err(error) = check_text(&key, "key") {
            return self.fail("getApiKeyContext", error);
        }
        let hash = api_key_secrets::hash_of(&key);
        self.join(&self.api_key_contexts, hash.clone(), move |answer, found| {
            answer.give(&found.map(|found| found.filter(|context| api_key_secrets::has_hash(&context.api_key, &hash))));
        })
    }

    /// Replaces an API key by a new one. The new key has its own id, and the principal, prefix, scopes, metadata and
    /// expiry of the old one. The old key expires at `expiresOldKeysAt` (default: now), or earlier if it would have
    /// expired earlier.
    ///
    /// Rejects with `not_found` if there is no such key, and with `expired` if it has expired or has been replaced
    /// already. So exactly one of several concurrent calls without `expiresOldKeysAt` succeeds.
    #[napi]
    pub fn rotate_api_key(&self, id: String, options: Option<Json<RotateApiKeyOptions>>) -> Pending<ApiKeyWithSecret> {
        self.call("rotateApiKey", move |mut db| async move {
            check_text(&id, "id")?;
            let options = options
                .map_or(Ok(RotateApiKeyOptions { expires_old_keys_at: None }), |options| options.parse("options"))?;
            api_key_secrets::rotate(&mut db, &id, options).await
        })
    }
}
