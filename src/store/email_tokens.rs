//! E-mail verification tokens, and how often each has been tried.

use super::lookup::{Lookup, by_key};
use super::sweep::Sweep;
use super::{Decision, NewId, columns, created, once_only, record, set_column};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::{Ignored, JsonObject, Key, Text, closed_set, input};
use sqlx::query;

closed_set! {
    /// What a token is for.
    EmailTokenType { VerifyEmail = "verify_email", ResetPassword = "reset_password", ChangeEmail = "change_email", LoginLink = "login_link" }
}

set_column!(EmailTokenType);

record! {
    /// A token that is sent by e-mail.
    EmailVerificationToken {
        id "id": String,
        email "email": String,
        code "code": String,
        code_hash "codeHash": String,
        r#type "type": EmailTokenType,
        metadata "metadata": JsonObject,
        expires_at "expiresAt": Timestamp,
        created_at "createdAt": Timestamp,
    } optional {
        user_id "userId": String,
        used_at "usedAt": Timestamp,
    }
}

input! {
    /// What `createEmailVerificationToken` takes.
    EmailVerificationTokenInput {
        /// Default: a new random UUIDv4.
        id "id": Option<Key>,
        /// Looked up without regard to ASCII case.
        email "email": Key,
        /// Stored as it is. Who keeps the hash alone gives any other text, such as `'only in the e-mail'`.
        code "code": Text,
        /// Stored as it is: whoever uses a token compares the hash of what was given with this one.
        code_hash "codeHash": Key,
        r#type "type": EmailTokenType,
        user_id "userId": Option<Key>,
        /// Default: `{}`.
        metadata "metadata": Option<JsonObject>,
        /// A time in the past is accepted.
        expires_at "expiresAt": Timestamp,
        /// Default: none, so that the token can still be used.
        used_at "usedAt": Option<Timestamp>,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored.
        updated_at "updatedAt": Ignored,
    }
}

pub fn by_id() -> Lookup<EmailVerificationToken> {
    by_key!(
        EmailVerificationToken,
        "getEmailVerificationTokenById",
        email_verification_tokens,
        "id",
        |token| (&token.id).into();
        "expires_at > now()"
    )
}

pub async fn create(db: &mut Db, input: EmailVerificationTokenInput) -> Result<EmailVerificationToken> {
    let EmailVerificationTokenInput {
        id,
        email,
        code,
        code_hash,
        r#type,
        user_id,
        metadata,
        expires_at,
        used_at,
        created_at: _,
        updated_at: _,
    } = input;
    let id = NewId::secret(id);
    let row = db
        .create(|is_in_doubt| {
            query(concat!(
                "INSERT INTO email_verification_tokens (
                    id
                  , email
                  , code
                  , code_hash
                  , type
                  , user_id
                  , metadata
                  , expires_at
                  , used_at
                 )
                 VALUES ($1, $2, $3, $4, $5, $6, COALESCE($7, '{}'), $8, $9)",
                or_own!("$10", "email_verification_tokens", "created_at"),
                " RETURNING ",
                columns!(email_verification_tokens)
            ))
            .bind(&id.text)
            .bind(&email)
            .bind(&code)
            .bind(&code_hash)
            .bind(r#type.as_str())
            .bind(&user_id)
            .bind(&metadata)
            .bind(expires_at)
            .bind(used_at)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "email_verification_tokens")
}

/// The tokens of an e-mail that can still be used.
pub async fn list(db: &mut Db, email: &str, r#type: Option<&str>) -> Result<Vec<EmailVerificationToken>> {
    let email = super::users::email_key(email);
    db.all(Repeat::Read, || {
        query(concat!(
            "SELECT ",
            columns!(email_verification_tokens),
            " FROM email_verification_tokens
               WHERE pg_catalog.lower(email COLLATE \"C\") = $1
                 AND ($2 IS NULL OR type = $2)
                 AND used_at IS NULL
                 AND expires_at > now()
               ORDER BY created_at DESC, id DESC"
        ))
        .bind(&email)
        .bind(r#type)
    })
    .await
}

/// Marks a token as used. Exactly one of several concurrent callers succeeds.
pub async fn mark_used(db: &mut Db, id: &str) -> Result<EmailVerificationToken> {
    let decision: Option<Decision<EmailVerificationToken>> = db
        .optional(Repeat::Never, || {
            query(concat!(
                "WITH won AS (
                    UPDATE email_verification_tokens
                       SET used_at = now()
                     WHERE id = $1
                       AND used_at IS NULL
                       AND expires_at > now()
                 RETURNING ",
                columns!(email_verification_tokens),
                ")
                 SELECT won.id IS NOT NULL AS has_won
                      , token.used_at IS NULL AND token.expires_at <= now() AS is_expired
                      , won.*
                   FROM email_verification_tokens AS token
                   LEFT JOIN won ON true
                  WHERE token.id = $1"
            ))
            .bind(id)
        })
        .await?;
    once_only(decision, "token")
}

pub async fn delete_expired(db: &mut Db) -> Result<u32> {
    let mut sweep = Sweep::default();
    while let Some(rows) = sweep.next_batch() {
        db.begin_batch();
        let deleted = db
            .execute(Repeat::Never, || {
                query(
                    "DELETE FROM email_verification_tokens
                  WHERE id = ANY(ARRAY(
                        SELECT id
                          FROM email_verification_tokens
                         WHERE expires_at <= now()
                         ORDER BY expires_at
                         LIMIT $1
                           FOR UPDATE SKIP LOCKED
                        ))",
                )
                .bind(i64::from(rows))
            })
            .await?;
        sweep.count(deleted);
    }
    Ok(sweep.total())
}

pub async fn attempts(db: &mut Db, id: &str) -> Result<i32> {
    let row: Option<(i32,)> = db
        .optional(Repeat::Read, || {
            query("SELECT attempts FROM email_verification_token_attempts WHERE token_id = $1").bind(id)
        })
        .await?;
    Ok(row.map_or(0, |(attempts,)| attempts))
}

pub async fn increment_attempts(db: &mut Db, id: &str) -> Result<i32> {
    let row: Option<(i32,)> = db
        .optional(Repeat::Never, || {
            query(
                "INSERT INTO email_verification_token_attempts AS stored (token_id, attempts)
                 SELECT id, 1
                   FROM email_verification_tokens
                  WHERE id = $1
                     ON CONFLICT (token_id) DO UPDATE SET attempts = LEAST(stored.attempts::bigint + 1, 2147483647)
              RETURNING attempts",
            )
            .bind(id)
        })
        .await?;
    row.map(|(attempts,)| attempts).ok_or_else(|| Error::not_found("token"))
}
