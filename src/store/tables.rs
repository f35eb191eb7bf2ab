//! The tables that the migrations create, with the columns that statements use. The health check asks for them. A test
//! removes each one, and expects the health check to notice.

/// The name of each table, and its columns, separated by spaces.
pub const TABLES: &[(&str, &str)] = &[
    ("users", "id email name picture plan entitlements oauth metadata created_at updated_at"),
    ("user_oauth_accounts", "provider sub user_id"),
    ("password_hashes", "user_id hash"),
    ("organizations", "id name plan seats members metadata created_at updated_at dump_after_user_id"),
    ("organization_members", "org_id user_id"),
    ("sessions", "id user_id org_id plan entitlements expires_at metadata created_at updated_at"),
    (
        "api_keys",
        "id principal_user_id principal_org_id principal_id hash prefix last_four scopes metadata expires_at created_at \
         updated_at",
    ),
    ("email_verification_tokens", "id email code code_hash type user_id metadata expires_at used_at created_at"),
    ("email_verification_token_attempts", "token_id attempts"),
    ("auth_events", "id type principal_id org_id data timestamp"),
    ("roles", "id org_id name description is_system permissions metadata created_at updated_at"),
    ("user_roles", "id user_id role_id org_id assigned_at"),
    (
        "sso_providers",
        "id type name org_id metadata_url client_id client_secret redirect_uris scopes response_type \
         token_endpoint_auth_method claim_mapping idp_entity_id idp_sso_url idp_slo_url idp_certificate sp_entity_id \
         sp_acs_url sp_slo_url signing_cert signing_key encryption_enabled force_authn allow_unencrypted_assertion \
         attribute_mapping metadata extra created_at updated_at",
    ),
    (
        "sso_links",
        "id user_id provider_id provider_type provider_subject provider_email auto_provisioned metadata linked_at \
         last_auth_at",
    ),
    (
        "sso_sessions",
        "id user_id provider_id provider_type provider_subject session_token expires_at linked_at last_auth_at",
    ),
    ("tenant_saml_configs", "tenant_id config created_at updated_at"),
    (
        "twofa_devices",
        "id user_id method name verified phone_number secret last_used_at metadata extra created_at updated_at",
    ),
    ("twofa_steps", "device_id step"),
    ("twofa_backup_codes", "id user_id code used used_at position created_at"),
    (
        "twofa_sessions",
        "id user_id session_id device_id method verification_code attempt_count max_attempts expires_at created_at \
         completed_at",
    ),
    ("auth_sweeps", "name started_at duration_ms deleted claimed_by claimed_until"),
];
