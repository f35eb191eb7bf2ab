//! Two-factor devices.

use super::lookup::{Lookup, by_key};
use super::updates::{Edit, UpdateOptions, new_metadata, read_unchanged, updated, written_or_stored};
use super::variant::{Field, FieldKind, Variant, VariantParameters, defaulted, further, optional, required};
use super::{NewId, columns, created, record};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::{Extra, Input, JsonObject, Key, Path};
use serde_json::value::RawValue;
use sqlx::query;

const METHODS: &[&str] = &["totp", "sms", "backup-code"];

// The typings (`TwoFactorDevice`, which allows further fields) are in `bridge/header.d.ts`.
record! {
    DeviceRow {
        id "id": String,
        user_id "userId": String,
        method "method": String,
        verified "verified": bool,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    } optional {
        name "name": String,
        phone_number "phoneNumber": String,
        secret "secret": String,
        last_used_at "lastUsedAt": Timestamp,
    }
}

/// A device: its columns, and its further fields.
#[derive(Debug, Clone, serde::Serialize, sqlx::FromRow)]
pub struct TwoFactorDevice {
    #[serde(flatten)]
    #[sqlx(flatten)]
    columns: DeviceRow,
    #[serde(flatten)]
    extra: Extra,
}

const FIELDS: &[Field] = &[
    required("userId", "user_id", FieldKind::Key),
    required("method", "method", FieldKind::OneOf(METHODS)),
    defaulted("verified", "verified", FieldKind::Bool),
    optional("name", "name", FieldKind::Text),
    optional("phoneNumber", "phone_number", FieldKind::Text),
    optional("secret", "secret", FieldKind::Text),
    optional("lastUsedAt", "last_used_at", FieldKind::Time),
    optional("metadata", "metadata", FieldKind::Object),
    further("verificationCodeExpiresAt", FieldKind::Time),
];

const IGNORED: [&str; 2] = ["createdAt", "updatedAt"];

/// What `createTwoFactorDevice` takes.
pub struct TwoFactorDeviceInput {
    id: Option<Key>,
    fields: Variant,
}

impl Input for TwoFactorDeviceInput {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let (id, fields) = Variant::read_new(json, path, FIELDS, &IGNORED)?;
        if fields.text("method").as_deref() == Some("totp") {
            match fields.text("secret").as_deref() {
                None => return Err(path.member("secret").invalid("is required for the method totp")),
                Some("") => return Err(path.member("secret").invalid("must not be empty for the method totp")),
                Some(_) => {}
            }
        }
        Ok(Self { id, fields })
    }
}

/// What `updateTwoFactorDevice` changes.
pub struct TwoFactorDevicePatch(Variant);

impl Input for TwoFactorDevicePatch {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        Variant::read_patch(json, path, FIELDS, &IGNORED).map(Self)
    }
}

/// The columns that are written from a [`Variant`].
macro_rules! written {
    () => {
        "user_id, method, name, verified, phone_number, secret, last_used_at, metadata"
    };
}

/// The values for [`written!`] but the last, the metadata, from a row named `given`.
macro_rules! given {
    () => {
        "given.user_id, given.method, given.name, COALESCE(given.verified, false), given.phone_number, \
         given.secret, given.last_used_at"
    };
}

pub fn by_id() -> Lookup<TwoFactorDevice> {
    by_key!(TwoFactorDevice, "getTwoFactorDevice", twofa_devices, "id", |device| (&device.columns.id).into())
}

pub async fn create(db: &mut Db, input: TwoFactorDeviceInput) -> Result<TwoFactorDevice> {
    let TwoFactorDeviceInput { id, fields } = input;
    let id = NewId::sortable(id);
    let VariantParameters { columns, extra, removed: _ } = fields.into_parameters()?;
    let row = db
        .create(|is_in_doubt| {
            query(concat!(
                "INSERT INTO twofa_devices (id, ",
                written!(),
                ", extra)
                 SELECT $1, ",
                given!(),
                ", COALESCE(given.metadata, '{}'), $3
                   FROM pg_catalog.jsonb_populate_record(NULL::twofa_devices, $2) AS given",
                or_own!("$4", "twofa_devices", "created_at"),
                " RETURNING ",
                columns!(twofa_devices)
            ))
            .bind(&id.text)
            .bind(&columns)
            .bind(&extra)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "twofa_devices")
}

pub async fn update(
    db: &mut Db,
    id: &str,
    patch: TwoFactorDevicePatch,
    options: &UpdateOptions,
) -> Result<TwoFactorDevice> {
    let TwoFactorDevicePatch(fields) = patch;
    let edit: Option<Edit<TwoFactorDevice>> = if fields.is_empty() {
        db.optional(Repeat::Read, || query(read_unchanged!(twofa_devices)).bind(id).bind(options.if_updated_at)).await?
    } else {
        let VariantParameters { columns, extra, removed } = fields.into_parameters()?;
        db.optional(Repeat::Never, || {
            query(concat!(
                "WITH written AS (
                 UPDATE twofa_devices AS stored
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
                        SELECT given.method <> 'totp'
                            OR given.secret <> ''
                            -- It had no secret before. The TypeScript adapter did not require one.
                            OR stored.method = 'totp' AND COALESCE(stored.secret, '') = ''
                          FROM pg_catalog.jsonb_populate_record(stored, $2) AS given
                        )
              RETURNING ",
                columns!(twofa_devices),
                ")",
                written_or_stored!(twofa_devices, "$6", or_refused)
            ))
            .bind(id)
            .bind(&columns)
            .bind(&extra)
            .bind(&removed)
            .bind(options.merges_metadata())
            .bind(options.if_updated_at)
        })
        .await?
    };
    if matches!(edit, Some(Edit::Refused)) {
        return Err(Error::invalid_input("secret", "is required for the method totp"));
    }
    updated(edit, "two-factor device")
}

pub async fn list(db: &mut Db, user_id: &str) -> Result<Vec<TwoFactorDevice>> {
    db.all(Repeat::Read, || {
        query(concat!(
            "SELECT ",
            columns!(twofa_devices),
            " FROM twofa_devices WHERE user_id = $1 ORDER BY created_at DESC, id DESC"
        ))
        .bind(user_id)
    })
    .await
}

pub async fn delete(db: &mut Db, id: &str) -> Result<()> {
    db.execute(Repeat::Harmless, || query("DELETE FROM twofa_devices WHERE id = $1").bind(id)).await.map(drop)
}
