use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void, options_or};
use crate::input::check_text;
use crate::store::saml::{
    self, TenantSAMLConfig, TenantSAMLConfigInput, TenantSAMLConfigPatch, TenantSAMLConfigRecord,
};
use crate::store::sso_links::{self, SSOLink, SSOLinkInput};
use crate::store::sso_providers::{self, SSOProvider, SSOProviderInput, SSOProviderPatch};
use crate::store::sso_sessions::{self, SSOSession, SSOSessionInput};
use crate::store::updates::{UpdateOptions, UpdateTenantSAMLConfigOptions};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates an SSO provider. The declared fields may be spelled in snake_case or camelCase, and are returned in
    /// snake_case. Further fields are stored and returned as JSON.
    ///
    /// Rejects with `invalid_reference` if there is no such organization, and with `conflict` if the id is taken.
    #[napi(js_name = "createSSOProvider")]
    pub fn create_sso_provider(
        &self,
        provider: Json<SSOProviderInput>,
        _options: Option<CallOptions>,
    ) -> Pending<SSOProvider> {
        self.call("createSSOProvider", move |mut db| async move {
            sso_providers::create(&mut db, provider.parse("provider")?).await
        })
    }

    /// Finds an SSO provider by its id. Resolves with `null` if there is none.
    #[napi(js_name = "getSSOProvider")]
    pub fn get_sso_provider(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<SSOProvider>> {
        self.find(&self.lookups.sso_providers, "id", id)
    }

    /// Changes an SSO provider. A missing field is left as it is, and `null` clears a field.
    ///
    /// Rejects with `not_found` if there is no such provider, with `conflict` if it has been changed since `ifUpdatedAt`,
    /// and with `invalid_input` if a field that its type needs would be missing.
    #[napi(js_name = "updateSSOProvider")]
    pub fn update_sso_provider(
        &self,
        id: String,
        patch: Json<SSOProviderPatch>,
        options: Option<Json<UpdateOptions>>,
    ) -> Pending<SSOProvider> {
        self.call("updateSSOProvider", move |mut db| async move {
            check_text(&id, "id")?;
            let options = options_or(options.as_ref(), UpdateOptions::NONE)?;
            sso_providers::update(&mut db, &id, patch.parse("patch")?, &options).await
        })
    }

    /// Deletes an SSO provider with its links and sessions. Does nothing if there is none.
    #[napi(js_name = "deleteSSOProvider")]
    pub fn delete_sso_provider(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteSSOProvider", move |mut db| async move {
            check_text(&id, "id")?;
            sso_providers::delete(&mut db, &id).await.map(|()| Void)
        })
    }

    /// Lists all SSO providers, or with `orgId` those of that organization and the global ones. The newest provider
    /// comes first.
    #[napi(
        js_name = "listSSOProviders",
        ts_args_type = "orgId?: string | null | undefined, options?: CallOptions | null | undefined"
    )]
    pub fn list_sso_providers(
        &self,
        org_id: Option<String>,
        _options: Option<CallOptions>,
    ) -> Pending<Vec<SSOProvider>> {
        self.call("listSSOProviders", move |mut db| async move {
            check_text(org_id.as_deref().unwrap_or_default(), "orgId")?;
            sso_providers::list(&mut db, org_id.as_deref()).await
        })
    }

    /// Links a user to an account at an SSO provider.
    ///
    /// Rejects with `conflict` if the account is linked already or the id is taken, and with `invalid_reference` if
    /// there is no such user or provider.
    #[napi(js_name = "createSSOLink")]
    pub fn create_sso_link(&self, link: Json<SSOLinkInput>, _options: Option<CallOptions>) -> Pending<SSOLink> {
        self.call("createSSOLink", move |mut db| async move { sso_links::create(&mut db, link.parse("link")?).await })
    }

    /// Finds an SSO link by its id. Resolves with `null` if there is none.
    #[napi(js_name = "getSSOLink")]
    pub fn get_sso_link(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<SSOLink>> {
        self.find(&self.lookups.sso_links, "id", id)
    }

    /// Finds the SSO link of an account at a provider, and by its `userId` the user who signs in there. Resolves with `null`
    /// if the account is linked to nobody.
    #[napi(js_name = "getSSOLinkBySubject")]
    pub fn get_sso_link_by_subject(
        &self,
        provider_id: String,
        provider_subject: String,
        _options: Option<CallOptions>,
    ) -> Pending<Nullable<SSOLink>> {
        self.call("getSSOLinkBySubject", move |mut db| async move {
            check_text(&provider_id, "providerId")?;
            check_text(&provider_subject, "providerSubject")?;
            sso_links::by_subject(&mut db, &provider_id, &provider_subject).await.map(Nullable)
        })
    }

    /// Lists the SSO links of a user. The link that was made last comes first.
    #[napi(js_name = "getUserSSOLinks")]
    pub fn get_user_sso_links(&self, user_id: String, _options: Option<CallOptions>) -> Pending<Vec<SSOLink>> {
        self.call("getUserSSOLinks", move |mut db| async move {
            check_text(&user_id, "userId")?;
            sso_links::of_user(&mut db, &user_id).await
        })
    }

    /// Deletes an SSO link. Does nothing if there is none.
    #[napi(js_name = "deleteSSOLink")]
    pub fn delete_sso_link(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteSSOLink", move |mut db| async move {
            check_text(&id, "id")?;
            sso_links::delete(&mut db, &id).await.map(|()| Void)
        })
    }

    /// Creates an SSO session.
    ///
    /// Rejects with `invalid_reference` if there is no such user or provider, and with `conflict` if the id is taken.
    #[napi(js_name = "createSSOSession")]
    pub fn create_sso_session(
        &self,
        session: Json<SSOSessionInput>,
        _options: Option<CallOptions>,
    ) -> Pending<SSOSession> {
        self.call("createSSOSession", move |mut db| async move {
            sso_sessions::create(&mut db, session.parse("session")?).await
        })
    }

    /// Finds an SSO session by its id. Resolves with `null` if there is none or it has expired.
    #[napi(js_name = "getSSOSession")]
    pub fn get_sso_session(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<SSOSession>> {
        self.find(&self.lookups.sso_sessions, "id", id)
    }

    /// Stores the SAML configuration of a tenant. Replaces the configuration that is there, if any.
    #[napi(js_name = "storeTenantSAMLConfig")]
    pub fn store_tenant_saml_config(
        &self,
        config: Json<TenantSAMLConfigInput>,
        _options: Option<CallOptions>,
    ) -> Pending<Void> {
        self.call("storeTenantSAMLConfig", move |mut db| async move {
            saml::store(&mut db, config.parse("config")?).await.map(|()| Void)
        })
    }

    /// Finds the SAML configuration of a tenant. Resolves with `null` if there is none.
    #[napi(js_name = "getTenantSAMLConfig")]
    pub fn get_tenant_saml_config(
        &self,
        tenant_id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Nullable<TenantSAMLConfig>> {
        self.find(&self.lookups.saml_configs, "tenantId", tenant_id)
    }

    /// Finds the SAML configuration of a tenant together with when the store has created and changed it, for
    /// `updateTenantSAMLConfig` with `ifUpdatedAt`. Resolves with `null` if there is none.
    #[napi(js_name = "getTenantSAMLConfigRecord")]
    pub fn get_tenant_saml_config_record(
        &self,
        tenant_id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Nullable<TenantSAMLConfigRecord>> {
        self.call("getTenantSAMLConfigRecord", move |mut db| async move {
            check_text(&tenant_id, "tenantId")?;
            saml::record_of(&mut db, &tenant_id).await.map(Nullable)
        })
    }

    /// Merges a patch into the SAML configuration of a tenant. `null` removes a key.
    ///
    /// Rejects with `not_found` if the tenant has no configuration, and with `conflict` if it has been changed since
    /// `ifUpdatedAt`.
    #[napi(js_name = "updateTenantSAMLConfig")]
    pub fn update_tenant_saml_config(
        &self,
        tenant_id: String,
        patch: Json<TenantSAMLConfigPatch>,
        options: Option<Json<UpdateTenantSAMLConfigOptions>>,
    ) -> Pending<Void> {
        self.call("updateTenantSAMLConfig", move |mut db| async move {
            check_text(&tenant_id, "tenantId")?;
            let none = UpdateTenantSAMLConfigOptions { if_updated_at: None };
            let options = options_or(options.as_ref(), none)?;
            saml::update(&mut db, &tenant_id, patch.parse("patch")?, &options).await.map(|()| Void)
        })
    }

    /// Deletes the SAML configuration of a tenant. Does nothing if there is none.
    #[napi(js_name = "deleteTenantSAMLConfig")]
    pub fn delete_tenant_saml_config(&self, tenant_id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteTenantSAMLConfig", move |mut db| async move {
            check_text(&tenant_id, "tenantId")?;
            saml::delete(&mut db, &tenant_id).await.map(|()| Void)
        })
    }
}
