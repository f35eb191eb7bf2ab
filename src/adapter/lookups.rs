//! The look-ups by key.

use crate::store::lookup::Lookup;
use crate::store::{
    api_key_secrets, api_keys, email_tokens, organizations, passwords, roles, saml, sessions, sso_links, sso_providers,
    sso_sessions, two_factor_devices, two_factor_sessions, users,
};

/// Each look-up has a queue of its own.
pub struct Lookups {
    pub users: Lookup<users::UserRecord>,
    pub users_by_email: Lookup<users::UserRecord>,
    pub password_hashes: Lookup<passwords::PasswordHash>,
    pub sessions: Lookup<sessions::SessionRecord>,
    pub api_keys: Lookup<api_keys::ApiKeyRecord>,
    pub api_keys_by_hash: Lookup<api_keys::ApiKeyRecord>,
    pub api_keys_by_secret: Lookup<api_keys::ApiKeyRecord>,
    pub organizations: Lookup<organizations::OrganizationRecord>,
    pub tokens: Lookup<email_tokens::EmailVerificationToken>,
    pub roles: Lookup<roles::RoleRecord>,
    pub sso_providers: Lookup<sso_providers::SSOProvider>,
    pub sso_links: Lookup<sso_links::SSOLink>,
    pub sso_sessions: Lookup<sso_sessions::SSOSession>,
    pub saml_configs: Lookup<saml::TenantSAMLConfig>,
    pub devices: Lookup<two_factor_devices::TwoFactorDevice>,
    pub two_factor_sessions: Lookup<two_factor_sessions::TwoFactorSession>,
}

impl Lookups {
    pub fn new() -> Self {
        Self {
            users: users::by_id(),
            users_by_email: users::by_email(),
            password_hashes: passwords::by_user(),
            sessions: sessions::by_id(),
            api_keys: api_keys::by_id(),
            api_keys_by_hash: api_keys::by_hash(),
            api_keys_by_secret: api_key_secrets::by_secret(),
            organizations: organizations::by_id(),
            tokens: email_tokens::by_id(),
            roles: roles::by_id(),
            sso_providers: sso_providers::by_id(),
            sso_links: sso_links::by_id(),
            sso_sessions: sso_sessions::by_id(),
            saml_configs: saml::by_tenant(),
            devices: two_factor_devices::by_id(),
            two_factor_sessions: two_factor_sessions::by_id(),
        }
    }
}
