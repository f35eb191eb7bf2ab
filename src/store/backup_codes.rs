//! Backup codes of users for their second factor.

use super::{Decision, NewId, Nothing, columns, once_only, record};
use crate::clock::Timestamp;
use crate::db::{Counted, Db, Repeat, TransactionBody};
use crate::error::{Code, Error, Result};
use crate::input::{Ignored, Input, Key, Path, Text, input};
use serde_json::value::RawValue;
use sqlx::{FromRow, PgConnection, query};
use std::collections::HashSet;

record! {
    /// A code that replaces the second factor once, for example after a device was lost.
    BackupCode {
        id "id": String,
        user_id "userId": String,
        /// The code as it was given. `@kitiumai/auth` hashes codes before it stores them.
        code "code": String,
        used "used": bool,
        created_at "createdAt": Timestamp,
    } optional {
        used_at "usedAt": Timestamp,
    }
}

input! {
    /// A code in `createBackupCodes`. A plain string stands for `{code}`.
    BackupCodeInput {
        /// Default: a new UUIDv7.
        id "id": Option<Key>,
        /// Must equal the argument `userId`.
        user_id "userId": Option<Key>,
        /// Stored as it is: give the hash of the code.
        code "code": Text,
        /// Default: `true` if `usedAt` is given, else `false`.
        used "used": Option<bool>,
        /// Default: now if `used` is `true`, else none.
        used_at "usedAt": Option<Timestamp>,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored.
        updated_at "updatedAt": Ignored,
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
                created_at: Ignored,
                updated_at: Ignored,
            }));
        }
        BackupCodeInput::read(json, path).map(Self)
    }
}

/// Replaces all codes of a user.
pub async fn replace(db: &mut Db, user_id: &str, codes: Vec<BackupCodeOrText>) -> Result<Vec<BackupCode>> {
    let replacement = Replacement::read(user_id, codes)?;
    let rows = db.transaction(Repeat::Create, &replacement).await?;
    rows.ok_or_else(|| Error::new(Code::InvalidReference, "there is no such user").with_field("userId"))
}

/// The new codes of a user, by column.
struct Replacement<'u> {
    user_id: &'u str,
    ids: Vec<String>,
    codes: Vec<Text>,
    used: Vec<bool>,
    used_at: Vec<Option<Timestamp>>,
}

impl<'u> Replacement<'u> {
    fn read(user_id: &'u str, given: Vec<BackupCodeOrText>) -> Result<Self> {
        let mut new = Self { user_id, ids: Vec::new(), codes: Vec::new(), used: Vec::new(), used_at: Vec::new() };
        let mut seen = HashSet::new();
        for (at, BackupCodeOrText(code)) in given.into_iter().enumerate() {
            let BackupCodeInput { id, user_id: owner, code, used, used_at, created_at: _, updated_at: _ } = code;
            if owner.is_some_and(|Key(owner)| owner != user_id) {
                return Err(Error::invalid_input(format!("codes[{at}].userId"), "must equal the argument `userId`"));
            }
            let id = NewId::sortable(id).text;
            if !seen.insert(id.clone()) {
                return Err(Error::invalid_input(format!("codes[{at}].id"), "is given twice"));
            }
            new.ids.push(id);
            new.codes.push(code);
            new.used.push(used.unwrap_or(used_at.is_some()));
            new.used_at.push(used_at);
        }
        Ok(new)
    }

    /// Whether these are the stored codes, some of which may have been used since.
    fn is_stored_as(&self, stored: &[BackupCode]) -> bool {
        let stored = stored.iter().map(|code| (&code.id, &code.code));
        stored.eq(self.ids.iter().zip(self.codes.iter().map(|Text(code)| code)))
    }
}

impl TransactionBody for Replacement<'_> {
    /// `None` if there is no such user.
    type Output = Option<Vec<BackupCode>>;

    async fn run(&self, connection: &mut PgConnection, is_in_doubt: bool) -> sqlx::Result<Counted<Self::Output>> {
        // The lock on the user lets concurrent replacements run one after the other.
        let owner = query("SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE")
            .bind(self.user_id)
            .persistent(false)
            .fetch_optional(&mut *connection)
            .await?;
        if owner.is_none() {
            return Ok((None, 0));
        }
        if is_in_doubt {
            let rows = query(STORED_CODES).bind(self.user_id).persistent(false).fetch_all(&mut *connection).await?;
            let stored = rows.iter().map(BackupCode::from_row).collect::<sqlx::Result<Vec<_>>>()?;
            // An earlier attempt has stored them. A code that has been used since must not become usable again.
            if self.is_stored_as(&stored) {
                let count = stored.len() as u64;
                return Ok((Some(stored), count));
            }
        }
        query("DELETE FROM twofa_backup_codes WHERE user_id = $1")
            .bind(self.user_id)
            .persistent(false)
            .execute(&mut *connection)
            .await?;
        let rows = query(concat!(
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
          RETURNING ",
            columns!(twofa_backup_codes)
        ))
        .bind(self.user_id)
        .bind(&self.ids)
        .bind(&self.codes)
        .bind(&self.used)
        .bind(&self.used_at)
        .persistent(false)
        .fetch_all(connection)
        .await?;
        let created = rows.iter().map(BackupCode::from_row).collect::<sqlx::Result<Vec<_>>>()?;
        let count = created.len() as u64;
        Ok((Some(created), count))
    }
}

/// The order is the one in which the codes were given.
const STORED_CODES: &str = concat!(
    "SELECT ",
    columns!(twofa_backup_codes),
    " FROM twofa_backup_codes WHERE user_id = $1 ORDER BY created_at DESC, position, id DESC"
);

/// All codes of a user, in the order in which they were given.
pub async fn list(db: &mut Db, user_id: &str) -> Result<Vec<BackupCode>> {
    db.all(Repeat::Read, || query(STORED_CODES).bind(user_id)).await
}

/// Marks a code as used. Exactly one of several concurrent callers succeeds.
pub async fn mark_used(db: &mut Db, id: &str) -> Result<()> {
    let decision: Option<Decision<Nothing>> = db
        .optional(Repeat::Never, || {
            query(
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
            .bind(id)
        })
        .await?;
    once_only(decision, "backup code").map(|Nothing| ())
}
