//! The columns of each table, as statements list them and records read them.

/// The columns of a table as a string literal, for `concat!`.
macro_rules! columns {
    (users) => {
        "id, email, name, picture, plan, entitlements, NULLIF(oauth, '{}') AS oauth, metadata, created_at, updated_at"
    };
    (sessions) => {
        "id, user_id, org_id, plan, entitlements, expires_at, metadata, created_at, updated_at"
    };
    (sessions AS session) => {
        "session.id, session.user_id, session.org_id, session.plan, session.entitlements, session.expires_at, \
         session.metadata, session.created_at, session.updated_at"
    };
    (api_keys) => {
        "id, principal_id, hash, prefix, last_four, scopes, metadata, expires_at, created_at, updated_at"
    };
    (organizations) => {
        "id, name, plan, seats, members, metadata, created_at, updated_at"
    };
    (email_verification_tokens) => {
        "id, email, code, code_hash, type, user_id, metadata, expires_at, used_at, created_at"
    };
    (roles) => {
        "id, org_id, name, description, permissions, is_system, metadata, created_at, updated_at"
    };
    (roles AS role) => {
        "role.id, role.org_id, role.name, role.description, role.permissions, role.is_system, role.metadata, role.created_at, \
         role.updated_at"
    };
    (sso_providers) => {
        "id, type, name, org_id, metadata_url, client_id, client_secret, redirect_uris, scopes, response_type, \
         token_endpoint_auth_method, claim_mapping, idp_entity_id, idp_sso_url, idp_slo_url, idp_certificate, sp_entity_id, \
         sp_acs_url, sp_slo_url, signing_cert, signing_key, encryption_enabled, force_authn, allow_unencrypted_assertion, \
         attribute_mapping, metadata, extra, created_at, updated_at"
    };
    (sso_links) => {
        "id, user_id, provider_id, provider_type, provider_subject, provider_email, auto_provisioned, metadata, linked_at, \
         last_auth_at"
    };
    (sso_sessions) => {
        "id, user_id, provider_id, provider_type, provider_subject, session_token, expires_at, linked_at, last_auth_at"
    };
    (twofa_devices) => {
        "id, user_id, method, name, verified, phone_number, secret, last_used_at, metadata, extra, created_at, updated_at"
    };
    (twofa_backup_codes) => {
        "id, user_id, code, used, used_at, created_at"
    };
    (twofa_sessions) => {
        "id, user_id, session_id, device_id, method, verification_code, attempt_count, max_attempts, expires_at, created_at, \
         completed_at"
    };
    (tenant_saml_configs) => {
        "tenant_id, config"
    };
    (password_hashes) => {
        "user_id, hash"
    };
}
pub(crate) use columns;
