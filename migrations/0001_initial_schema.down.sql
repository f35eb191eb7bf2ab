-- Drops what the up file made, and all data with it. No CASCADE: what the application has built on these
-- tables must stop this, not vanish. Indexes and triggers go with their tables.

DROP TABLE twofa_sessions;
DROP TABLE twofa_backup_codes;
DROP TABLE twofa_devices;
DROP TABLE tenant_saml_configs;
DROP TABLE sso_sessions;
DROP TABLE sso_links;
DROP TABLE sso_providers;
DROP TABLE user_roles;
DROP TABLE roles;
DROP TABLE auth_events;
DROP TABLE email_verification_token_attempts;
DROP TABLE email_verification_tokens;
DROP TABLE api_keys;
DROP TABLE sessions;
DROP TABLE organization_members;
DROP TABLE organizations;
DROP TABLE user_oauth_accounts;
DROP TABLE users;

DROP FUNCTION auth_leave_organizations();
DROP FUNCTION auth_sync_organization_members();
DROP FUNCTION auth_sync_oauth_accounts();
DROP FUNCTION auth_set_updated_at();
