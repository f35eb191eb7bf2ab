//! SAML configurations of tenants. They are stored and returned as a whole.

use super::json::{JsonOf, split_patch, to_json};
use super::lookup::{Lookup, by_key};
use super::updates::{Edit, UpdateTenantSAMLConfigOptions, updated, written_or_stored};
use super::{Nothing, columns, record};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::Result;
use crate::input::{Extra, Fields, Ignored, Input, JsonObject, Key, Path};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use sqlx::query;

/// The stored configuration and its key.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TenantSAMLConfig {
    tenant_id: String,
    config: JsonObject,
}

impl Serialize for TenantSAMLConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.config.serialize(serializer)
    }
}

record! {
    /// A tenant's SAML configuration with the times that the store keeps of it.
    TenantSAMLConfigRecord "TenantSAMLConfigRecord" {
        tenant_id "tenantId": String,
        /// The configuration, as `getTenantSAMLConfig` returns it.
        config "config": JsonOf<TenantSAMLConfig>,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    }
}

/// What `storeTenantSAMLConfig` takes. The configuration holds the `tenantId`, too.
pub struct TenantSAMLConfigInput {
    tenant_id: Key,
    config: Extra,
}

impl Input for TenantSAMLConfigInput {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let mut fields = Fields::of(json, path)?;
        let tenant_id: Key = fields.take("tenantId")?;
        let mut config = fields.rest(&["tenantId"])?;
        config.0.retain(|_, value| value.get() != "null");
        config.0.insert("tenantId".to_owned(), to_json(&tenant_id.0)?);
        Ok(Self { tenant_id, config })
    }
}

/// What `updateTenantSAMLConfig` merges. `null` removes a key.
pub struct TenantSAMLConfigPatch(Extra);

impl Input for TenantSAMLConfigPatch {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let mut fields = Fields::of(json, path)?;
        let Ignored = fields.take("tenantId")?;
        fields.rest(&["tenantId"]).map(Self)
    }
}

pub fn by_tenant() -> Lookup<TenantSAMLConfig> {
    by_key!(TenantSAMLConfig, "getTenantSAMLConfig", tenant_saml_configs, "tenant_id", |config| {
        (&config.tenant_id).into()
    })
}

pub async fn record_of(db: &mut Db, tenant_id: &str) -> Result<Option<TenantSAMLConfigRecord>> {
    db.optional(Repeat::Read, || {
        query("SELECT tenant_id, config, created_at, updated_at FROM tenant_saml_configs WHERE tenant_id = $1")
            .bind(tenant_id)
    })
    .await
}

pub async fn store(db: &mut Db, input: TenantSAMLConfigInput) -> Result<()> {
    let TenantSAMLConfigInput { tenant_id, config } = input;
    let (config, _) = split_patch(config)?;
    db.execute(Repeat::Harmless, || {
        query(
            "INSERT INTO tenant_saml_configs (tenant_id, config)
             VALUES ($1, $2)
                 ON CONFLICT (tenant_id) DO UPDATE SET config = EXCLUDED.config",
        )
        .bind(&tenant_id)
        .bind(&config)
    })
    .await
    .map(drop)
}

pub async fn update(
    db: &mut Db,
    tenant_id: &str,
    patch: TenantSAMLConfigPatch,
    options: &UpdateTenantSAMLConfigOptions,
) -> Result<()> {
    let TenantSAMLConfigPatch(patch) = patch;
    let (set, removed) = split_patch(patch)?;
    let edit: Option<Edit<Nothing>> = db
        .optional(Repeat::Never, || {
            query(concat!(
                "WITH written AS (
                    UPDATE tenant_saml_configs
                       SET config = (config - $3) || $2
                     WHERE tenant_id = $1
                       AND ($4 IS NULL OR updated_at = $4)
                 RETURNING ",
                columns!(tenant_saml_configs),
                ")",
                written_or_stored!(tenant_saml_configs by "tenant_id", "$4")
            ))
            .bind(tenant_id)
            .bind(&set)
            .bind(&removed)
            .bind(options.if_updated_at)
        })
        .await?;
    updated(edit, "tenant SAML configuration").map(|Nothing| ())
}

pub async fn delete(db: &mut Db, tenant_id: &str) -> Result<()> {
    db.execute(Repeat::Harmless, || query("DELETE FROM tenant_saml_configs WHERE tenant_id = $1").bind(tenant_id))
        .await
        .map(drop)
}
