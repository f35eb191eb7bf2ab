//! Two-factor devices, backup codes and two-factor sessions.

use super::lookup::{Lookup, by_key};
use super::variant::{Field, Kind, Parameters, Variant, defaulted, further, optional, required};
use super::{Decision, NewId, Nothing, created, once_only, record, set_column};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use crate::input::{Extra, Input, JsonObject, Key, Ours, Path, Text, closed_set, input};
use serde_json::value::RawValue;
use sqlx::{PgConnection, query, query_as};
use std::collections::HashSet;

const METHODS: &[&str] = &["totp", "sms", "backup-code"];

closed_set! {
    /// How the second factor is shown.
    TwoFactorMethod { Totp = "totp", Sms = "sms", BackupCode = "backup-code" }
}

set_column!(TwoFactorMethod);

// The typings (`TwoFactorDevice`, open for further fields) are in `bridge/header.d.ts`.
record! {
    DeviceRow {
        id "id": String,
        user_id "userId": String,
        method "method": String,
        verified "verified": bool,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
        ;
        name "name": String,
        phone_number "phoneNumber": String,
        secret "secret": String,
        last_used_at "lastUsedAt": Timestamp,
    }
}

/// A device with its further fields beside its columns.
#[derive(Debug, Clone, serde::Serialize, sqlx::FromRow)]
pub struct TwoFactorDevice {
    #[serde(flatten)]
    #[sqlx(flatten)]
    columns: DeviceRow,
    #[serde(flatten)]
    extra: Extra,
}

const FIELDS: &[Field] = &[
    required("userId", "user_id", Kind::Key),
    required("method", "method", Kind::OneOf(METHODS)),
    defaulted("verified", "verified", Kind::Bool),
    optional("name", "name", Kind::Text),
    optional("phoneNumber", "phone_number", Kind::Text),
    optional("secret", "secret", Kind::Text),
    optional("lastUsedAt", "last_used_at", Kind::Time),
    optional("metadata", "metadata", Kind::Object),
    further("verificationCodeExpiresAt", Kind::Time),
];

const OURS: [&str; 2] = ["createdAt", "updatedAt"];

/// What `createTwoFactorDevice` takes.
pub struct TwoFactorDeviceInput {
    id: Option<Key>,
    fields: Variant,
}

impl Input for TwoFactorDeviceInput {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let (id, fields) = Variant::read_new(json, path, FIELDS, &OURS)?;
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
        Variant::read_patch(json, path, FIELDS, &OURS).map(Self)
    }
}

macro_rules! columns {
    () => {
        "id, user_id, method, name, verified, phone_number, secret, last_used_at, metadata, extra, created_at, updated_at"
    };
}

pub fn device_by_id() -> Lookup<TwoFactorDevice> {
    by_key!(TwoFactorDevice, "getTwoFactorDevice", columns!(), "twofa_devices", "id", |device| device
        .columns
        .id
        .clone())
}

pub async fn create_device(db: &mut Db, input: TwoFactorDeviceInput) -> Result<TwoFactorDevice> {
    let TwoFactorDeviceInput { id, fields } = input;
    let id = NewId::sortable(id);
    let Parameters { columns, extra, removed: _ } = fields.into_parameters()?;
    let row = db
        .create(|is_in_doubt| {
            query_as(concat!(
                "INSERT INTO twofa_devices (
                    id
                  , user_id
                  , method
                  , name
                  , verified
                  , phone_number
                  , secret
                  , last_used_at
                  , metadata
                  , extra
                 )
                 SELECT $1
                      , given.user_id
                      , given.method
                      , given.name
                      , COALESCE(given.verified, false)
                      , given.phone_number
                      , given.secret
                      , given.last_used_at
                      , COALESCE(given.metadata, '{}')
                      , $3
                   FROM pg_catalog.jsonb_populate_record(NULL::twofa_devices, $2) AS given",
                or_own!("$4", "twofa_devices", "created_at"),
                " RETURNING ",
                columns!()
            ))
            .bind(id.text.clone())
            .bind(columns.clone())
            .bind(extra.clone())
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "twofa_devices")
}

pub async fn update_device(db: &mut Db, id: String, patch: TwoFactorDevicePatch) -> Result<TwoFactorDevice> {
    let TwoFactorDevicePatch(fields) = patch;
    let row = if fields.is_empty() {
        db.optional(Repeat::Read, || {
            query_as(concat!("SELECT ", columns!(), " FROM twofa_devices WHERE id = $1")).bind(id.clone())
        })
        .await?
    } else {
        let Parameters { columns, extra, removed } = fields.into_parameters()?;
        let written = db
            .optional(Repeat::Never, || {
                query_as(concat!(
                    "UPDATE twofa_devices AS stored
                    SET (
                            user_id
                          , method
                          , name
                          , verified
                          , phone_number
                          , secret
                          , last_used_at
                          , metadata
                          , extra
                        ) = (
                        SELECT patched.user_id
                             , patched.method
                             , patched.name
                             , patched.verified
                             , patched.phone_number
                             , patched.secret
                             , patched.last_used_at
                             , COALESCE(patched.metadata, '{}')
                             , (stored.extra - $4) || $3
                          FROM pg_catalog.jsonb_populate_record(stored, $2) AS patched
                        )
                  WHERE id = $1
                    AND (
                        SELECT patched.method <> 'totp'
                            OR patched.secret <> ''
                            -- It had none before: the TypeScript adapter did not ask for one.
                            OR stored.method = 'totp' AND COALESCE(stored.secret, '') = ''
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
            .await?;
        if written.is_none() && exists(db, &id).await? {
            return Err(Error::invalid_input("secret", "is required for the method totp"));
        }
        written
    };
    row.ok_or_else(|| Error::not_found("two-factor device"))
}

async fn exists(db: &mut Db, id: &str) -> Result<bool> {
    let row: Option<Nothing> = db
        .optional(Repeat::Harmless, || query_as("SELECT id FROM twofa_devices WHERE id = $1").bind(id.to_owned()))
        .await?;
    Ok(row.is_some())
}

pub async fn list_devices(db: &mut Db, user_id: String) -> Result<Vec<TwoFactorDevice>> {
    db.all(Repeat::Read, || {
        query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM twofa_devices WHERE user_id = $1 ORDER BY created_at DESC, id DESC"
        ))
        .bind(user_id.clone())
    })
    .await
}

pub async fn delete_device(db: &mut Db, id: String) -> Result<()> {
    db.execute(Repeat::Harmless, || query("DELETE FROM twofa_devices WHERE id = $1").bind(id.clone())).await.map(drop)
}

record! {
    /// A code that lets a user in once when the device is lost.
    BackupCode {
        id "id": String,
        user_id "userId": String,
        /// As it was given: the library hashes it before.
        code "code": String,
        used "used": bool,
        created_at "createdAt": Timestamp,
        ;
        used_at "usedAt": Timestamp,
    }
}

input! {
    /// A code in `createBackupCodes`; a plain string stands for `{code}`.
    BackupCodeInput {
        /// Kept when given; a UUIDv7 otherwise.
        id "id": Option<Key>,
        /// Must equal the method's `userId`.
        user_id "userId": Option<Key>,
        code "code": Text,
        /// Default `false`.
        used "used": Option<bool>,
        /// Default not used; now, if `used` is `true`.
        used_at "usedAt": Option<Timestamp>,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored.
        updated_at "updatedAt": Ours,
    }
}

/// A [`BackupCodeInput`], or its code alone.
pub struct BackupCodeOrText(BackupCodeInput);

impl Input for BackupCodeOrText {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        if json.is_some_and(|json| json.get().starts_with('"')) {
            let code = Text::read(json, path)?;
            return Ok(Self(BackupCodeInput {
                id: None,
                user_id: None,
                code,
                used: None,
                used_at: None,
                created_at: Ours,
                updated_at: Ours,
            }));
        }
        BackupCodeInput::read(json, path).map(Self)
    }
}

/// Replaces the user's whole set. The lock on the user's row puts concurrent replacements one after the other.
pub async fn create_backup_codes(
    db: &mut Db,
    user_id: String,
    codes: Vec<BackupCodeOrText>,
) -> Result<Vec<BackupCode>> {
    let mut ids = Vec::with_capacity(codes.len());
    let mut texts = Vec::with_capacity(codes.len());
    let mut used = Vec::with_capacity(codes.len());
    let mut used_at = Vec::with_capacity(codes.len());
    let mut seen = HashSet::new();
    for (at, BackupCodeOrText(code)) in codes.into_iter().enumerate() {
        let BackupCodeInput { id, user_id: owner, code, used: is_used, used_at: at_time, created_at: _, updated_at: _ } =
            code;
        if owner.is_some_and(|Key(owner)| owner != user_id) {
            return Err(Error::invalid_input(format!("codes[{at}].userId"), "must equal the argument `userId`"));
        }
        let id = NewId::sortable(id).text;
        if !seen.insert(id.clone()) {
            return Err(Error::invalid_input(format!("codes[{at}].id"), "is given twice"));
        }
        ids.push(id);
        texts.push(code);
        used.push(is_used.unwrap_or(at_time.is_some()));
        used_at.push(at_time);
    }
    let rows = db
        .transaction(Repeat::Create, move |transaction, is_in_doubt| {
            let (user_id, ids, texts, used, used_at) =
                (user_id.clone(), ids.clone(), texts.clone(), used.clone(), used_at.clone());
            Box::pin(async move {
                let owner: Option<Nothing> = query_as("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE")
                    .bind(user_id.clone())
                    .persistent(false)
                    .fetch_optional(&mut *transaction)
                    .await?;
                if owner.is_none() {
                    return Ok((None, 0));
                }
                if is_in_doubt {
                    let stored = stored_codes(&mut *transaction, &user_id).await?;
                    // A code that has been used since must not become usable again.
                    if stored
                        .iter()
                        .map(|code| (&code.id, &code.code))
                        .eq(ids.iter().zip(texts.iter().map(|text| &text.0)))
                    {
                        let count = stored.len() as u64;
                        return Ok((Some(stored), count));
                    }
                }
                query("DELETE FROM twofa_backup_codes WHERE user_id = $1")
                    .bind(user_id.clone())
                    .persistent(false)
                    .execute(&mut *transaction)
                    .await?;
                query_as(
                    "INSERT INTO twofa_backup_codes (
                        id
                      , user_id
                      , code
                      , used
                      , used_at
                      , position
                     )
                     SELECT given.id
                          , $1
                          , given.code
                          , given.used
                          , CASE WHEN given.used THEN COALESCE(given.used_at, now()) END
                          , given.position
                       FROM unnest($2::text[], $3::text[], $4::bool[], $5::timestamptz[])
                            WITH ORDINALITY AS given (id, code, used, used_at, position)
                      ORDER BY given.position
                  RETURNING id, user_id, code, used, used_at, created_at",
                )
                .bind(user_id)
                .bind(ids)
                .bind(texts)
                .bind(used)
                .bind(used_at)
                .persistent(false)
                .fetch_all(transaction)
                .await
                .map(|rows: Vec<BackupCode>| {
                    let count = rows.len() as u64;
                    (Some(rows), count)
                })
            })
        })
        .await?;
    rows.ok_or_else(|| Error::new(Code::InvalidReference, "there is no such user").with_field("userId"))
}

/// In the order in which they were given.
async fn stored_codes(connection: &mut PgConnection, user_id: &str) -> sqlx::Result<Vec<BackupCode>> {
    query_as(STORED_CODES).bind(user_id).fetch_all(connection).await
}

const STORED_CODES: &str = "
    SELECT id, user_id, code, used, used_at, created_at
      FROM twofa_backup_codes
     WHERE user_id = $1
     ORDER BY created_at DESC, position, id DESC";

/// In the order in which they were given.
pub async fn backup_codes(db: &mut Db, user_id: String) -> Result<Vec<BackupCode>> {
    db.all(Repeat::Read, || query_as(STORED_CODES).bind(user_id.clone())).await
}

/// Exactly one caller wins.
pub async fn mark_backup_code_used(db: &mut Db, id: String) -> Result<()> {
    let decision: Option<Decision<Nothing>> = db
        .optional(Repeat::Never, || {
            query_as(
                "WITH won AS (
                    UPDATE twofa_backup_codes
                       SET used = true
                         , used_at = now()
                     WHERE id = $1
                       AND NOT used
                 RETURNING id
                 )
                 SELECT EXISTS (SELECT FROM won) AS has_won
                      , false AS is_expired
                   FROM twofa_backup_codes
                  WHERE id = $1",
            )
            .bind(id.clone())
        })
        .await?;
    once_only(decision, "backup code").map(|Nothing| ())
}

record! {
    /// A log-in that waits for its second factor.
    TwoFactorSession {
        id "id": String,
        user_id "userId": String,
        /// The pending log-in; no row of `sessions`.
        session_id "sessionId": String,
        device_id "deviceId": String,
        method "method": TwoFactorMethod,
        attempt_count "attemptCount": i32,
        max_attempts "maxAttempts": i32,
        expires_at "expiresAt": Timestamp,
        created_at "createdAt": Timestamp,
        ;
        /// May be a hash.
        verification_code "verificationCode": String,
        completed_at "completedAt": Timestamp,
    }
}

input! {
    /// What `createTwoFactorSession` takes.
    TwoFactorSessionInput {
        /// Kept when given; a random UUIDv4 otherwise.
        id "id": Option<Key>,
        user_id "userId": Key,
        /// The pending log-in; need not exist in `sessions`.
        session_id "sessionId": Key,
        device_id "deviceId": Key,
        method "method": TwoFactorMethod,
        /// May be a hash.
        verification_code "verificationCode": Option<Text>,
        /// Default 0.
        attempt_count "attemptCount": Option<crate::input::Natural>,
        /// Default 5.
        max_attempts "maxAttempts": Option<crate::input::Natural>,
        /// A time in the past is accepted.
        expires_at "expiresAt": Timestamp,
        /// Default not completed.
        completed_at "completedAt": Option<Timestamp>,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored.
        updated_at "updatedAt": Ours,
    }
}

macro_rules! session_columns {
    () => {
        "id, user_id, session_id, device_id, method, verification_code, attempt_count, max_attempts, expires_at, created_at, completed_at"
    };
}

pub fn session_by_id() -> Lookup<TwoFactorSession> {
    by_key!(TwoFactorSession, "getTwoFactorSession", session_columns!(), "twofa_sessions", "id", |session| session.id.clone(); "expires_at > now()")
}

pub async fn create_session(db: &mut Db, input: TwoFactorSessionInput) -> Result<TwoFactorSession> {
    let TwoFactorSessionInput {
        id,
        user_id,
        session_id,
        device_id,
        method,
        verification_code,
        attempt_count,
        max_attempts,
        expires_at,
        completed_at,
        created_at: _,
        updated_at: _,
    } = input;
    let id = NewId::secret(id);
    let row = db
        .create(|is_in_doubt| {
            query_as(concat!(
                "INSERT INTO twofa_sessions (
                    id
                  , user_id
                  , session_id
                  , device_id
                  , method
                  , verification_code
                  , attempt_count
                  , max_attempts
                  , expires_at
                  , completed_at
                 )
                 VALUES ($1, $2, $3, $4, $5, $6, COALESCE($7, 0), COALESCE($8, 5), $9, $10)",
                or_own!("$11", "twofa_sessions", "created_at"),
                " RETURNING ",
                session_columns!()
            ))
            .bind(id.text.clone())
            .bind(user_id.clone())
            .bind(session_id.clone())
            .bind(device_id.clone())
            .bind(method.as_str())
            .bind(verification_code.clone())
            .bind(attempt_count.map(i32::from))
            .bind(max_attempts.map(i32::from))
            .bind(expires_at)
            .bind(completed_at)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "twofa_sessions")
}

/// Exactly once, in time, and within the attempts allowed.
pub async fn complete_session(db: &mut Db, id: String) -> Result<()> {
    let decision: Option<Decision<Nothing>> = db
        .optional(Repeat::Never, || {
            query_as(
                "WITH won AS (
                    UPDATE twofa_sessions
                       SET completed_at = now()
                     WHERE id = $1
                       AND completed_at IS NULL
                       AND expires_at > now()
                       AND attempt_count <= max_attempts
                 RETURNING id
                 )
                 SELECT EXISTS (SELECT FROM won) AS has_won
                      , completed_at IS NULL AND (expires_at <= now() OR attempt_count > max_attempts) AS is_expired
                   FROM twofa_sessions
                  WHERE id = $1",
            )
            .bind(id.clone())
        })
        .await?;
    once_only(decision, "two-factor session").map(|Nothing| ())
}

/// The new count of a session's attempts.
struct Attempts {
    count: i32,
    is_beyond: bool,
}

impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for Attempts {
    fn from_row(row: &'r sqlx::postgres::PgRow) -> sqlx::Result<Self> {
        use sqlx::Row;
        Ok(Self { count: row.try_get("attempt_count")?, is_beyond: row.try_get("is_beyond")? })
    }
}

/// Counts once beyond the limit and then no further: that state refuses completion too.
pub async fn increment_session_attempts(db: &mut Db, id: String) -> Result<i32> {
    let decision: Option<Decision<Attempts>> = db
        .optional(Repeat::Never, || {
            query_as(
                "WITH won AS (
                    UPDATE twofa_sessions
                       SET attempt_count = LEAST(LEAST(attempt_count, max_attempts)::bigint + 1, 2147483647)
                     WHERE id = $1
                       AND completed_at IS NULL
                       AND expires_at > now()
                 RETURNING attempt_count, attempt_count > max_attempts AS is_beyond
                 )
                 SELECT won.attempt_count IS NOT NULL AS has_won
                      , session.completed_at IS NULL AND session.expires_at <= now() AS is_expired
                      , won.attempt_count
                      , won.is_beyond
                   FROM twofa_sessions AS session
                   LEFT JOIN won ON true
                  WHERE session.id = $1",
            )
            .bind(id.clone())
        })
        .await?;
    match once_only(decision, "two-factor session")? {
        Attempts { is_beyond: true, .. } => {
            Err(Error::new(Code::Expired, "the two-factor session has no attempts left"))
        }
        Attempts { count, .. } => Ok(count),
    }
}
