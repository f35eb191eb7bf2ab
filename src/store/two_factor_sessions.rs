//! Two-factor sessions: logins that are waiting for their second factor.

use super::lookup::{Lookup, by_key};
use super::{Decision, NewId, Nothing, columns, created, once_only, record, set_column};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use crate::input::{Ignored, Key, Natural, Text, closed_set, input};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row, query};

closed_set! {
    /// The kind of the second factor.
    TwoFactorMethod { Totp = "totp", Sms = "sms", BackupCode = "backup-code" }
}

set_column!(TwoFactorMethod);

record! {
    /// A login that is waiting for its second factor.
    TwoFactorSession {
        id "id": String,
        user_id "userId": String,
        /// Id of the pending login. It is not the id of a session.
        session_id "sessionId": String,
        device_id "deviceId": String,
        method "method": TwoFactorMethod,
        attempt_count "attemptCount": i32,
        max_attempts "maxAttempts": i32,
        expires_at "expiresAt": Timestamp,
        created_at "createdAt": Timestamp,
    } optional {
        /// May be a hash.
        verification_code "verificationCode": String,
        completed_at "completedAt": Timestamp,
    }
}

input! {
    /// What `createTwoFactorSession` takes.
    TwoFactorSessionInput {
        /// Default: a new random UUIDv4.
        id "id": Option<Key>,
        user_id "userId": Key,
        /// Id of the pending login. It need not be the id of a session.
        session_id "sessionId": Key,
        device_id "deviceId": Key,
        method "method": TwoFactorMethod,
        /// May be a hash.
        verification_code "verificationCode": Option<Text>,
        /// Default: 0.
        attempt_count "attemptCount": Option<Natural>,
        /// Default: 5.
        max_attempts "maxAttempts": Option<Natural>,
        /// A time in the past is accepted.
        expires_at "expiresAt": Timestamp,
        /// Default: none, so that the session can still be completed.
        completed_at "completedAt": Option<Timestamp>,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored.
        updated_at "updatedAt": Ignored,
    }
}

pub fn by_id() -> Lookup<TwoFactorSession> {
    by_key!(TwoFactorSession, "getTwoFactorSession", twofa_sessions, "id", |session| (&session.id).into(); "expires_at > now()")
}

pub async fn create(db: &mut Db, input: TwoFactorSessionInput) -> Result<TwoFactorSession> {
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
            query(concat!(
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
                columns!(twofa_sessions)
            ))
            .bind(&id.text)
            .bind(&user_id)
            .bind(&session_id)
            .bind(&device_id)
            .bind(method.as_str())
            .bind(&verification_code)
            .bind(attempt_count.map(i32::from))
            .bind(max_attempts.map(i32::from))
            .bind(expires_at)
            .bind(completed_at)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "twofa_sessions")
}

/// Completes a session, once, before it expires, and unless there were too many attempts.
pub async fn complete(db: &mut Db, id: &str) -> Result<()> {
    let decision: Option<Decision<Nothing>> = db
        .optional(Repeat::Never, || {
            query(
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
            .bind(id)
        })
        .await?;
    once_only(decision, "two-factor session").map(|Nothing| ())
}

/// The new number of attempts of a session.
struct Attempts {
    count: i32,
    is_beyond: bool,
}

impl<'r> FromRow<'r, PgRow> for Attempts {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        Ok(Self { count: row.try_get("attempt_count")?, is_beyond: row.try_get("is_beyond")? })
    }
}

/// Counts one attempt more than are allowed, and then no further. With that count, the session cannot be completed
/// either.
pub async fn increment_attempts(db: &mut Db, id: &str) -> Result<i32> {
    let decision: Option<Decision<Attempts>> = db
        .optional(Repeat::Never, || {
            query(
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
            .bind(id)
        })
        .await?;
    match once_only(decision, "two-factor session")? {
        Attempts { is_beyond: true, .. } => {
            Err(Error::new(Code::Expired, "the two-factor session has no attempts left"))
        }
        Attempts { count, .. } => Ok(count),
    }
}
