//! SSO providers.

use super::dependents::{self, Owner, delete_some, has_more, owner_has_more};
use super::lookup::{Lookup, by_key};
use super::updates::{Edit, UpdateOptions, new_metadata, read_unchanged, updated, written_or_stored};
use super::variant::{Field, FieldKind, Variant, VariantParameters, further, optional, required};
use super::{NewId, columns, created, record};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use crate::input::{Extra, Input, JsonObject, Key, Path};
use serde_json::value::RawValue;
use sqlx::query;

// The columns of both protocols. The type of a provider says which of them it has. The typings (`SSOProvider`, a union)
// are in `bridge/header.d.ts`.
record! {
    ProviderRow {
        id "id": String,
        r#type "type": String,
        name "name": String,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    } optional {
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

/// A provider: its columns, and its further fields.
#[derive(Debug, Clone, serde::Serialize, sqlx::FromRow)]
pub struct SSOProvider {
    #[serde(flatten)]
    #[sqlx(flatten)]
    columns: ProviderRow,
    #[serde(flatten)]
    extra: Extra,
}

/// The fields with known names. They may be given in snake_case, which is how `@kitiumai/auth` spells them, or in
/// camelCase.
const FIELDS: &[Field] = &[
    required("type", "type", FieldKind::OneOf(&["oidc", "saml"])),
    required("name", "name", FieldKind::Text),
    optional("orgId", "org_id", FieldKind::Key),
    optional("metadata_url", "metadata_url", FieldKind::Text),
    optional("client_id", "client_id", FieldKind::Text),
    optional("client_secret", "client_secret", FieldKind::Text),
    optional("redirect_uris", "redirect_uris", FieldKind::Texts),
    optional("scopes", "scopes", FieldKind::Texts),
    optional("response_type", "response_type", FieldKind::Text),
    optional("token_endpoint_auth_method", "token_endpoint_auth_method", FieldKind::Text),
    optional("claim_mapping", "claim_mapping", FieldKind::Object),
    optional("idp_entity_id", "idp_entity_id", FieldKind::Text),
    optional("idp_sso_url", "idp_sso_url", FieldKind::Text),
    optional("idp_slo_url", "idp_slo_url", FieldKind::Text),
    optional("idp_certificate", "idp_certificate", FieldKind::Text),
    optional("sp_entity_id", "sp_entity_id", FieldKind::Text),
    optional("sp_acs_url", "sp_acs_url", FieldKind::Text),
    optional("sp_slo_url", "sp_slo_url", FieldKind::Text),
    optional("signing_cert", "signing_cert", FieldKind::Text),
    optional("signing_key", "signing_key", FieldKind::Text),
    optional("encryption_enabled", "encryption_enabled", FieldKind::Bool),
    optional("force_authn", "force_authn", FieldKind::Bool),
    optional("allow_unencrypted_assertion", "allow_unencrypted_assertion", FieldKind::Bool),
    optional("attribute_mapping", "attribute_mapping", FieldKind::Object),
    optional("metadata", "metadata", FieldKind::Object),
    // The other shape of a SAML provider in `@kitiumai/auth`.
    further("enabled", FieldKind::Bool),
    further("entryPoint", FieldKind::Text),
    further("issuer", FieldKind::Text),
    further("cert", FieldKind::Text),
];

/// The fields that each protocol needs. A SAML provider has one of two shapes. The constraint [`PROTOCOL`] says the
/// same of those that are columns.
const REQUIRED: [(&str, &[&str]); 3] = [
    ("oidc", &["metadata_url", "client_id", "client_secret", "redirect_uris"]),
    ("saml", &["idp_entity_id", "idp_sso_url", "sp_entity_id", "sp_acs_url"]),
    ("saml", &["enabled", "entryPoint", "issuer", "cert"]),
];

const PROTOCOL: &str = "sso_providers_protocol_check";

const IGNORED: [&str; 2] = ["createdAt", "updatedAt"];

/// What `createSSOProvider` takes.
pub struct SSOProviderInput {
    id: Option<Key>,
    fields: Variant,
}

impl Input for SSOProviderInput {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let (id, fields) = Variant::read_new(json, path, FIELDS, &IGNORED)?;
        let r#type = fields.text("type");
        let is_missing = |key: &&&str| !fields.has(key);
        let shapes = || REQUIRED.iter().filter(|(name, _)| r#type.as_deref() == Some(name)).map(|(_, keys)| *keys);
        if shapes().any(|keys| keys.iter().all(|key| fields.has(key))) {
            return Ok(Self { id, fields });
        }
        // Name a field of the shape that the caller has begun. `enabled` does not tell which one that is.
        let begun = shapes().find(|keys| keys.iter().any(|key| *key != "enabled" && fields.has(key)));
        let missing = begun.or_else(|| shapes().next()).and_then(|keys| keys.iter().find(is_missing));
        Err(path.member(missing.copied().unwrap_or("type")).invalid("is required"))
    }
}

/// What `updateSSOProvider` changes.
pub struct SSOProviderPatch(Variant);

impl Input for SSOProviderPatch {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        Variant::read_patch(json, path, FIELDS, &IGNORED).map(Self)
    }
}

/// The columns that are written from a [`Variant`].
macro_rules! written {
    () => {
        "type, name, org_id, metadata_url, client_id, client_secret, redirect_uris, scopes, response_type, \
         token_endpoint_auth_method, claim_mapping, idp_entity_id, idp_sso_url, idp_slo_url, idp_certificate, \
         sp_entity_id, sp_acs_url, sp_slo_url, signing_cert, signing_key, encryption_enabled, force_authn, \
         allow_unencrypted_assertion, attribute_mapping, metadata"
    };
}

/// The values for [`written!`] but the last, the metadata, from a row named `given`.
macro_rules! given {
    () => {
        "given.type, given.name, given.org_id, given.metadata_url, given.client_id, given.client_secret, \
         given.redirect_uris, given.scopes, given.response_type, given.token_endpoint_auth_method, \
         given.claim_mapping, given.idp_entity_id, given.idp_sso_url, given.idp_slo_url, given.idp_certificate, \
         given.sp_entity_id, given.sp_acs_url, given.sp_slo_url, given.signing_cert, given.signing_key, \
         given.encryption_enabled, given.force_authn, given.allow_unencrypted_assertion, given.attribute_mapping"
    };
}

pub fn by_id() -> Lookup<SSOProvider> {
    by_key!(SSOProvider, "getSSOProvider", sso_providers, "id", |provider| (&provider.columns.id).into())
}

pub async fn create(db: &mut Db, input: SSOProviderInput) -> Result<SSOProvider> {
    let SSOProviderInput { id, fields } = input;
    let id = NewId::sortable(id);
    let VariantParameters { columns, extra, removed: _ } = fields.into_parameters()?;
    let row = db
        .create(|is_in_doubt| {
            query(concat!(
                "INSERT INTO sso_providers (id, ",
                written!(),
                ", extra)
                 SELECT $1, ",
                given!(),
                ", COALESCE(given.metadata, '{}'), $3
                   FROM pg_catalog.jsonb_populate_record(NULL::sso_providers, $2) AS given",
                or_own!("$4", "sso_providers", "created_at"),
                " RETURNING ",
                columns!(sso_providers)
            ))
            .bind(&id.text)
            .bind(&columns)
            .bind(&extra)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "sso_providers")
}

pub async fn update(db: &mut Db, id: &str, patch: SSOProviderPatch, options: &UpdateOptions) -> Result<SSOProvider> {
    let SSOProviderPatch(fields) = patch;
    let edit: Option<Edit<SSOProvider>> = if fields.is_empty() {
        db.optional(Repeat::Read, || query(read_unchanged!(sso_providers)).bind(id).bind(options.if_updated_at)).await?
    } else {
        let r#type = fields.text("type");
        let cleared: Vec<&str> =
            REQUIRED.iter().flat_map(|(_, keys)| *keys).copied().filter(|key| fields.clears(key)).collect();
        let VariantParameters { columns, extra, removed } = fields.into_parameters()?;
        let written = db
            .optional(Repeat::Never, || {
                query(concat!(
                    "WITH written AS (
                 UPDATE sso_providers AS stored
                    SET (",
                    written!(),
                    ", extra) = (
                        SELECT ",
                    given!(),
                    ", ",
                    new_metadata!("($2 ? 'metadata'::text)", "$5", "given.metadata", "stored.metadata"),
                    ", (stored.extra - $4) || $3
                          FROM pg_catalog.jsonb_populate_record(stored, $2) AS given
                        )
                  WHERE id = $1
                    AND ($6 IS NULL OR updated_at = $6)
                    AND (
                        SELECT given.type <> 'saml'
                            OR pg_catalog.num_nulls(given.idp_entity_id, given.idp_sso_url, given.sp_entity_id, given.sp_acs_url) = 0
                            OR ((stored.extra - $4) || $3) ?& '{enabled,entryPoint,issuer,cert}'::text[]
                            -- It had neither shape before. The TypeScript adapter did not keep all fields of the second.
                            OR stored.type = 'saml'
                               AND pg_catalog.num_nulls(stored.idp_entity_id, stored.idp_sso_url, stored.sp_entity_id, stored.sp_acs_url) > 0
                               AND NOT stored.extra ?& '{enabled,entryPoint,issuer,cert}'::text[]
                          FROM pg_catalog.jsonb_populate_record(stored, $2) AS given
                        )
              RETURNING ",
                    columns!(sso_providers),
                    ")",
                    written_or_stored!(sso_providers, "$6", or_refused)
                ))
                .bind(id)
                .bind(&columns)
                .bind(&extra)
                .bind(&removed)
                .bind(options.merges_metadata())
                .bind(options.if_updated_at)
            })
            .await;
        match written {
            Err(error) if error.is_violation_of(PROTOCOL) => {
                return Err(protocol_error(db, error, id, r#type, &cleared).await?);
            }
            Ok(Some(Edit::Refused)) => {
                let error = broken_protocol();
                return Err(protocol_error(db, error, id, r#type, &cleared).await?);
            }
            other => other?,
        }
    };
    updated(edit, "SSO provider")
}

/// The error of the server if the constraint is violated. The statement checks the part of the rule that the columns of
/// the table do not show.
fn broken_protocol() -> Error {
    let mut error = Error::new(Code::InvalidInput, format!("the value breaks the rule {PROTOCOL}"));
    error.context.constraint = Some(PROTOCOL.to_owned());
    error.context.table = Some("sso_providers".to_owned());
    error
}

/// Adds the field to the error. It is a field of the protocol that was cleared, or else the type, because the new type
/// needs fields that are missing. In a transaction the stored type cannot be read any more; then any field that was cleared
/// and that a protocol needs counts.
async fn protocol_error(
    db: &mut Db,
    error: Error,
    id: &str,
    new_type: Option<String>,
    cleared: &[&str],
) -> Result<Error> {
    let r#type = if new_type.is_some() {
        new_type
    } else {
        let stored: Result<Option<(String,)>> =
            db.optional(Repeat::Harmless, || query("SELECT type FROM sso_providers WHERE id = $1").bind(id)).await;
        match stored {
            Ok(Some((stored_type,))) => Some(stored_type),
            Ok(None) => return Ok(Error::not_found("SSO provider")),
            Err(failure) if failure.code == Code::TransactionAborted => None,
            Err(failure) => return Err(failure),
        }
    };
    let is_meant = |name: &str| r#type.as_deref().is_none_or(|r#type| r#type == name);
    let needed = REQUIRED.iter().filter(|(name, _)| is_meant(name)).flat_map(|(_, keys)| *keys);
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
         )",
        owner_has_more!("sso_providers"),
    ),
    batches: &[delete_some!("sso_sessions", "provider_id"), delete_some!("sso_links", "provider_id")],
};

pub async fn delete(db: &mut Db, id: &str) -> Result<()> {
    dependents::delete(db, &OWNER, id).await
}

/// All providers, or those of an organization and the global ones.
pub async fn list(db: &mut Db, org_id: Option<&str>) -> Result<Vec<SSOProvider>> {
    let Some(org_id) = org_id else {
        return db
            .all(Repeat::Read, || {
                query(concat!(
                    "SELECT ",
                    columns!(sso_providers),
                    " FROM sso_providers ORDER BY created_at DESC, id DESC"
                ))
            })
            .await;
    };
    db.all(Repeat::Read, || {
        query(concat!(
            "SELECT ",
            columns!(sso_providers),
            " FROM sso_providers WHERE org_id = $1 OR org_id IS NULL ORDER BY created_at DESC, id DESC"
        ))
        .bind(org_id)
    })
    .await
}
