//! SSO providers, the links of users to them, and SSO sessions.

use super::dependents::{self, Owner, delete_some, has_more};
use super::lookup::{Lookup, by_key};
use super::variant::{Field, Kind, Parameters, Variant, further, optional, required};
use super::{NewId, created, record, set_column};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use crate::input::{Extra, Input, JsonObject, Key, Ours, Path, Text, closed_set, input};
use serde_json::value::RawValue;
use sqlx::{query, query_as};

closed_set! {
    /// The protocol of a link or a session.
    LinkType { Saml = "saml", Oidc = "oidc", Oauth = "oauth" }
}

set_column!(LinkType);

// The columns of both protocols; which of them a provider has, its type says.
// The typings (`SSOProvider`, a union) are in `bridge/header.d.ts`.
record! {
    ProviderRow {
        id "id": String,
        r#type "type": String,
        name "name": String,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
        ;
        org_id "orgId": String,
        metadata_url "metadata_url": String,
        client_id "client_id": String,
        client_secret "client_secret": String,
        redirect_uris "redirect_uris": Vec<String>,
        scopes "scopes": Vec<String>,
        response_type "response_type": String,
        token_endpoint_auth_method "token_endpoint_auth_method": String,
        claim_mapping "claim_mapping": JsonObject,
        idp_entity_id "idp_entity_id": String,
        idp_sso_url "idp_sso_url": String,
        idp_slo_url "idp_slo_url": String,
        idp_certificate "idp_certificate": String,
        sp_entity_id "sp_entity_id": String,
        sp_acs_url "sp_acs_url": String,
        sp_slo_url "sp_slo_url": String,
        signing_cert "signing_cert": String,
        signing_key "signing_key": String,
        encryption_enabled "encryption_enabled": bool,
        force_authn "force_authn": bool,
        allow_unencrypted_assertion "allow_unencrypted_assertion": bool,
        attribute_mapping "attribute_mapping": JsonObject,
    }
}

/// A provider with its further fields beside its columns.
#[derive(Debug, Clone, serde::Serialize, sqlx::FromRow)]
pub struct SSOProvider {
    #[serde(flatten)]
    #[sqlx(flatten)]
    columns: ProviderRow,
    #[serde(flatten)]
    extra: Extra,
}

/// Given in snake_case, the library's own spelling, or in camelCase.
const FIELDS: &[Field] = &[
    required("type", "type", Kind::OneOf(&["oidc", "saml"])),
    required("name", "name", Kind::Text),
    optional("orgId", "org_id", Kind::Key),
    optional("metadata_url", "metadata_url", Kind::Text),
    optional("client_id", "client_id", Kind::Text),
    optional("client_secret", "client_secret", Kind::Text),
    optional("redirect_uris", "redirect_uris", Kind::Texts),
    optional("scopes", "scopes", Kind::Texts),
    optional("response_type", "response_type", Kind::Text),
    optional("token_endpoint_auth_method", "token_endpoint_auth_method", Kind::Text),
    optional("claim_mapping", "claim_mapping", Kind::Object),
    optional("idp_entity_id", "idp_entity_id", Kind::Text),
    optional("idp_sso_url", "idp_sso_url", Kind::Text),
    optional("idp_slo_url", "idp_slo_url", Kind::Text),
    optional("idp_certificate", "idp_certificate", Kind::Text),
    optional("sp_entity_id", "sp_entity_id", Kind::Text),
    optional("sp_acs_url", "sp_acs_url", Kind::Text),
    optional("sp_slo_url", "sp_slo_url", Kind::Text),
    optional("signing_cert", "signing_cert", Kind::Text),
    optional("signing_key", "signing_key", Kind::Text),
    optional("encryption_enabled", "encryption_enabled", Kind::Bool),
    optional("force_authn", "force_authn", Kind::Bool),
    optional("allow_unencrypted_assertion", "allow_unencrypted_assertion", Kind::Bool),
    optional("attribute_mapping", "attribute_mapping", Kind::Object),
    optional("metadata", "metadata", Kind::Object),
    // The library's other shape of a SAML provider.
    further("enabled", Kind::Bool),
    further("entryPoint", Kind::Text),
    further("issuer", Kind::Text),
    further("cert", Kind::Text),
];

/// What each protocol cannot do without. A SAML provider has one of two shapes: the first of them when it has neither
/// whole. The table's [`PROTOCOL`] says the same of columns.
const REQUIRED: [(&str, &[&str]); 3] = [
    ("oidc", &["metadata_url", "client_id", "client_secret", "redirect_uris"]),
    ("saml", &["idp_entity_id", "idp_sso_url", "sp_entity_id", "sp_acs_url"]),
    ("saml", &["enabled", "entryPoint", "issuer", "cert"]),
];

const PROTOCOL: &str = "sso_providers_protocol_check";

const OURS: [&str; 2] = ["createdAt", "updatedAt"];

/// What `createSSOProvider` takes.
pub struct SSOProviderInput {
    id: Option<Key>,
    fields: Variant,
}

impl Input for SSOProviderInput {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let (id, fields) = Variant::read_new(json, path, FIELDS, &OURS)?;
        let r#type = fields.text("type");
        let is_missing = |key: &&&str| !fields.has(key);
        let shapes = || REQUIRED.iter().filter(|(name, _)| r#type.as_deref() == Some(name)).map(|(_, keys)| *keys);
        if shapes().any(|keys| keys.iter().all(|key| fields.has(key))) {
            return Ok(Self { id, fields });
        }
        // Of the shape that the caller has begun: `enabled` says nothing about that.
        let begun = shapes().find(|keys| keys.iter().any(|key| *key != "enabled" && fields.has(key)));
        let missing = begun.or_else(|| shapes().next()).and_then(|keys| keys.iter().find(is_missing));
        Err(path.member(missing.copied().unwrap_or("type")).invalid("is required"))
    }
}

/// What `updateSSOProvider` changes.
pub struct SSOProviderPatch(Variant);

impl Input for SSOProviderPatch {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        Variant::read_patch(json, path, FIELDS, &OURS).map(Self)
    }
}

macro_rules! columns {
    () => {
        "id, type, name, org_id, metadata_url, client_id, client_secret, redirect_uris, scopes, response_type, token_endpoint_auth_method, claim_mapping, \
         idp_entity_id, idp_sso_url, idp_slo_url, idp_certificate, sp_entity_id, sp_acs_url, sp_slo_url, signing_cert, signing_key, encryption_enabled, \
         force_authn, allow_unencrypted_assertion, attribute_mapping, metadata, extra, created_at, updated_at"
    };
}

pub fn provider_by_id() -> Lookup<SSOProvider> {
    by_key!(SSOProvider, "getSSOProvider", columns!(), "sso_providers", "id", |provider| provider.columns.id.clone())
}

pub async fn create_provider(db: &mut Db, input: SSOProviderInput) -> Result<SSOProvider> {
    let SSOProviderInput { id, fields } = input;
    let id = NewId::sortable(id);
    let Parameters { columns, extra, removed: _ } = fields.into_parameters()?;
    let row = db
        .create(|is_in_doubt| {
            query_as(concat!(
                "INSERT INTO sso_providers (
                    id
                  , type
                  , name
                  , org_id
                  , metadata_url
                  , client_id
                  , client_secret
                  , redirect_uris
                  , scopes
                  , response_type
                  , token_endpoint_auth_method
                  , claim_mapping
                  , idp_entity_id
                  , idp_sso_url
                  , idp_slo_url
                  , idp_certificate
                  , sp_entity_id
                  , sp_acs_url
                  , sp_slo_url
                  , signing_cert
                  , signing_key
                  , encryption_enabled
                  , force_authn
                  , allow_unencrypted_assertion
                  , attribute_mapping
                  , metadata
                  , extra
                 )
                 SELECT $1
                      , given.type
                      , given.name
                      , given.org_id
                      , given.metadata_url
                      , given.client_id
                      , given.client_secret
                      , given.redirect_uris
                      , given.scopes
                      , given.response_type
                      , given.token_endpoint_auth_method
                      , given.claim_mapping
                      , given.idp_entity_id
                      , given.idp_sso_url
                      , given.idp_slo_url
                      , given.idp_certificate
                      , given.sp_entity_id
                      , given.sp_acs_url
                      , given.sp_slo_url
                      , given.signing_cert
                      , given.signing_key
                      , given.encryption_enabled
                      , given.force_authn
                      , given.allow_unencrypted_assertion
                      , given.attribute_mapping
                      , COALESCE(given.metadata, '{}')
                      , $3
                   FROM pg_catalog.jsonb_populate_record(NULL::sso_providers, $2) AS given",
                or_own!("$4", "sso_providers", "created_at"),
                " RETURNING ",
                columns!()
            ))
            .bind(id.text.clone())
            .bind(columns.clone())
            .bind(extra.clone())
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "sso_providers")
}

pub async fn update_provider(db: &mut Db, id: String, patch: SSOProviderPatch) -> Result<SSOProvider> {
    let SSOProviderPatch(fields) = patch;
    let row = if fields.is_empty() {
        db.optional(Repeat::Read, || {
            query_as(concat!("SELECT ", columns!(), " FROM sso_providers WHERE id = $1")).bind(id.clone())
        })
        .await?
    } else {
        let r#type = fields.text("type");
        let cleared: Vec<&str> =
            REQUIRED.iter().flat_map(|(_, keys)| *keys).copied().filter(|key| fields.clears(key)).collect();
        let Parameters { columns, extra, removed } = fields.into_parameters()?;
        let written = db
            .optional(Repeat::Never, || {
                query_as(concat!(
                    "UPDATE sso_providers AS stored
                    SET (
                            type
                          , name
                          , org_id
                          , metadata_url
                          , client_id
                          , client_secret
                          , redirect_uris
                          , scopes
                          , response_type
                          , token_endpoint_auth_method
                          , claim_mapping
                          , idp_entity_id
                          , idp_sso_url
                          , idp_slo_url
                          , idp_certificate
                          , sp_entity_id
                          , sp_acs_url
                          , sp_slo_url
                          , signing_cert
                          , signing_key
                          , encryption_enabled
                          , force_authn
                          , allow_unencrypted_assertion
                          , attribute_mapping
                          , metadata
                          , extra
                        ) = (
                        SELECT patched.type
                             , patched.name
                             , patched.org_id
                             , patched.metadata_url
                             , patched.client_id
                             , patched.client_secret
                             , patched.redirect_uris
                             , patched.scopes
                             , patched.response_type
                             , patched.token_endpoint_auth_method
                             , patched.claim_mapping
                             , patched.idp_entity_id
                             , patched.idp_sso_url
                             , patched.idp_slo_url
                             , patched.idp_certificate
                             , patched.sp_entity_id
                             , patched.sp_acs_url
                             , patched.sp_slo_url
                             , patched.signing_cert
                             , patched.signing_key
                             , patched.encryption_enabled
                             , patched.force_authn
                             , patched.allow_unencrypted_assertion
                             , patched.attribute_mapping
                             , COALESCE(patched.metadata, '{}')
                             , (stored.extra - $4) || $3
                          FROM pg_catalog.jsonb_populate_record(stored, $2) AS patched
                        )
                  WHERE id = $1
                    AND (
                        SELECT patched.type <> 'saml'
                            OR pg_catalog.num_nulls(patched.idp_entity_id, patched.idp_sso_url, patched.sp_entity_id, patched.sp_acs_url) = 0
                            OR ((stored.extra - $4) || $3) ?& '{enabled,entryPoint,issuer,cert}'::text[]
                            -- It had neither shape before: what the TypeScript adapter has left of the second.
                            OR stored.type = 'saml'
                               AND pg_catalog.num_nulls(stored.idp_entity_id, stored.idp_sso_url, stored.sp_entity_id, stored.sp_acs_url) > 0
                               AND NOT stored.extra ?& '{enabled,entryPoint,issuer,cert}'::text[]
                          FROM pg_catalog.jsonb_populate_record(stored, $2) AS patched
                        )
              RETURNING ",
                    columns!()
                ))
                .bind(id.clone())
                .bind(columns.clone())
                .bind(extra.clone())
                .bind(removed.clone())
            })
            .await;
        match written {
            Err(error) if error.is_violation_of(PROTOCOL) => {
                return Err(protocol_error(db, error, id, r#type, &cleared).await?);
            }
            Ok(None) => {
                let error = broken_protocol();
                return Err(protocol_error(db, error, id, r#type, &cleared).await?);
            }
            other => other?,
        }
    };
    row.ok_or_else(|| Error::not_found("SSO provider"))
}

/// As the server would put it: the statement itself keeps the rule where the table's columns do not show it.
fn broken_protocol() -> Error {
    let mut error = Error::new(Code::InvalidInput, format!("the value breaks the rule {PROTOCOL}"));
    error.context.constraint = Some(PROTOCOL.to_owned());
    error.context.table = Some("sso_providers".to_owned());
    error
}

/// The rule speaks of no field: at fault is what was cleared of the protocol's, or the type, which needs more than there is.
async fn protocol_error(
    db: &mut Db,
    error: Error,
    id: String,
    new_type: Option<String>,
    cleared: &[&str],
) -> Result<Error> {
    let stored: Option<(String,)> = db
        .optional(Repeat::Harmless, || query_as("SELECT type FROM sso_providers WHERE id = $1").bind(id.clone()))
        .await?;
    let Some((stored_type,)) = stored else { return Ok(Error::not_found("SSO provider")) };
    let r#type = new_type.or(Some(stored_type));
    let needed = REQUIRED.iter().filter(|(name, _)| r#type.as_deref() == Some(name)).flat_map(|(_, keys)| *keys);
    let field = needed.copied().find(|key| cleared.contains(key)).unwrap_or("type");
    Ok(error.with_field(field))
}

const OWNER: Owner = Owner {
    delete: concat!(
        "WITH gone AS (
            DELETE FROM sso_providers WHERE id = $1 AND NOT (",
        has_more!("sso_links", "provider_id"),
        " OR ",
        has_more!("sso_sessions", "provider_id"),
        ") RETURNING id
         )
         SELECT false AS has_more FROM gone
          UNION ALL
         SELECT true FROM sso_providers WHERE id = $1 AND NOT EXISTS (SELECT FROM gone)"
    ),
    batches: &[delete_some!("sso_sessions", "provider_id"), delete_some!("sso_links", "provider_id")],
};

pub async fn delete_provider(db: &mut Db, id: String) -> Result<()> {
    dependents::delete(db, &OWNER, id).await
}

/// With an organization: its own and the global ones.
pub async fn list_providers(db: &mut Db, org_id: Option<String>) -> Result<Vec<SSOProvider>> {
    let Some(org_id) = org_id else {
        return db
            .all(Repeat::Read, || {
                query_as(concat!("SELECT ", columns!(), " FROM sso_providers ORDER BY created_at DESC, id DESC"))
            })
            .await;
    };
    db.all(Repeat::Read, || {
        query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM sso_providers WHERE org_id = $1 OR org_id IS NULL ORDER BY created_at DESC, id DESC"
        ))
        .bind(org_id.clone())
    })
    .await
}

record! {
    /// A user's account at an SSO provider.
    SSOLink "SSOLink" {
        id "id": String,
        user_id "userId": String,
        provider_id "providerId": String,
        provider_type "providerType": LinkType,
        /// The user's id at the provider; unique there.
        provider_subject "providerSubject": String,
        /// Whether the user was made by the first log-in.
        auto_provisioned "autoProvisioned": bool,
        metadata "metadata": JsonObject,
        linked_at "linkedAt": Timestamp,
        last_auth_at "lastAuthAt": Timestamp,
        ;
        provider_email "providerEmail": String,
    }
}

input! {
    /// What `createSSOLink` takes.
    SSOLinkInput "SSOLinkInput" {
        /// Kept when given; a UUIDv7 otherwise.
        id "id": Option<Key>,
        user_id "userId": Key,
        provider_id "providerId": Key,
        provider_type "providerType": LinkType,
        /// The user's id at the provider; unique there.
        provider_subject "providerSubject": Key,
        provider_email "providerEmail": Option<Text>,
        /// Default `false`.
        auto_provisioned "autoProvisioned": Option<bool>,
        /// Default `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Default now.
        linked_at "linkedAt": Option<Timestamp>,
        /// Default now.
        last_auth_at "lastAuthAt": Option<Timestamp>,
        /// Ignored.
        created_at "createdAt": Ours,
        /// Ignored.
        updated_at "updatedAt": Ours,
    }
}

macro_rules! link_columns {
    () => {
        "id, user_id, provider_id, provider_type, provider_subject, provider_email, auto_provisioned, metadata, linked_at, last_auth_at"
    };
}

pub fn link_by_id() -> Lookup<SSOLink> {
    by_key!(SSOLink, "getSSOLink", link_columns!(), "sso_links", "id", |link| link.id.clone())
}

pub async fn create_link(db: &mut Db, input: SSOLinkInput) -> Result<SSOLink> {
    let SSOLinkInput {
        id,
        user_id,
        provider_id,
        provider_type,
        provider_subject,
        provider_email,
        auto_provisioned,
        metadata,
        linked_at,
        last_auth_at,
        created_at: _,
        updated_at: _,
    } = input;
    let id = NewId::sortable(id);
    let row = db
        .create(|is_in_doubt| {
            query_as(concat!(
                "INSERT INTO sso_links (
                    id
                  , user_id
                  , provider_id
                  , provider_type
                  , provider_subject
                  , provider_email
                  , auto_provisioned
                  , metadata
                  , linked_at
                  , last_auth_at
                 )
                 VALUES ($1, $2, $3, $4, $5, $6, COALESCE($7, false), COALESCE($8, '{}'), COALESCE($9, now()), COALESCE($10, now()))",
                or_own!("$11", "sso_links", "linked_at"),
                " RETURNING ",
                link_columns!()
            ))
            .bind(id.text.clone())
            .bind(user_id.clone())
            .bind(provider_id.clone())
            .bind(provider_type.as_str())
            .bind(provider_subject.clone())
            .bind(provider_email.clone())
            .bind(auto_provisioned)
            .bind(metadata.clone())
            .bind(linked_at)
            .bind(last_auth_at)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "sso_links")
}

pub async fn links_of_user(db: &mut Db, user_id: String) -> Result<Vec<SSOLink>> {
    db.all(Repeat::Read, || {
        query_as(concat!(
            "SELECT ",
            link_columns!(),
            " FROM sso_links WHERE user_id = $1 ORDER BY linked_at DESC, id DESC"
        ))
        .bind(user_id.clone())
    })
    .await
}

pub async fn delete_link(db: &mut Db, id: String) -> Result<()> {
    db.execute(Repeat::Harmless, || query("DELETE FROM sso_links WHERE id = $1").bind(id.clone())).await.map(drop)
}

record! {
    /// A session at an SSO provider.
    SSOSession "SSOSession" {
        id "id": String,
        user_id "userId": String,
        provider_id "providerId": String,
        provider_type "providerType": LinkType,
        provider_subject "providerSubject": String,
        expires_at "expiresAt": Timestamp,
        linked_at "linkedAt": Timestamp,
        last_auth_at "lastAuthAt": Timestamp,
        ;
        session_token "sessionToken": String,
    }
}

input! {
    /// What `createSSOSession` takes.
    SSOSessionInput "SSOSessionInput" {
        /// Kept when given; a random UUIDv4 otherwise.
        id "id": Option<Key>,
        user_id "userId": Key,
        provider_id "providerId": Key,
        provider_type "providerType": LinkType,
        provider_subject "providerSubject": Key,
        session_token "sessionToken": Option<Text>,
        /// A time in the past is accepted.
        expires_at "expiresAt": Timestamp,
        /// Default now.
        linked_at "linkedAt": Option<Timestamp>,
        /// Default now.
        last_auth_at "lastAuthAt": Option<Timestamp>,
        /// Ignored.
        created_at "createdAt": Ours,
        /// Ignored.
        updated_at "updatedAt": Ours,
    }
}

macro_rules! session_columns {
    () => {
        "id, user_id, provider_id, provider_type, provider_subject, session_token, expires_at, linked_at, last_auth_at"
    };
}

pub fn session_by_id() -> Lookup<SSOSession> {
    by_key!(SSOSession, "getSSOSession", session_columns!(), "sso_sessions", "id", |session| session.id.clone(); "expires_at > now()")
}

pub async fn create_session(db: &mut Db, input: SSOSessionInput) -> Result<SSOSession> {
    let SSOSessionInput {
        id,
        user_id,
        provider_id,
        provider_type,
        provider_subject,
        session_token,
        expires_at,
        linked_at,
        last_auth_at,
        created_at: _,
        updated_at: _,
    } = input;
    let id = NewId::secret(id);
    let row = db
        .create(|is_in_doubt| {
            query_as(concat!(
                "INSERT INTO sso_sessions (
                    id
                  , user_id
                  , provider_id
                  , provider_type
                  , provider_subject
                  , session_token
                  , expires_at
                  , linked_at
                  , last_auth_at
                 )
                 VALUES ($1, $2, $3, $4, $5, $6, $7, COALESCE($8, now()), COALESCE($9, now()))",
                or_own!("$10", "sso_sessions", "linked_at"),
                " RETURNING ",
                session_columns!()
            ))
            .bind(id.text.clone())
            .bind(user_id.clone())
            .bind(provider_id.clone())
            .bind(provider_type.as_str())
            .bind(provider_subject.clone())
            .bind(session_token.clone())
            .bind(expires_at)
            .bind(linked_at)
            .bind(last_auth_at)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "sso_sessions")
}
