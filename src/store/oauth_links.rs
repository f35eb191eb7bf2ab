//! The links between users and their accounts at OAuth providers.

use super::columns;
use super::users::UserRecord;
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::{Key, Text, input};
use sqlx::query;

input! {
    /// What `linkOAuthAccount` takes.
    OAuthLinkInput {
        /// Must equal the argument `provider`.
        provider "provider": Key,
        /// The id of the account at the provider (the `sub` claim).
        sub "sub": Key,
        email "email": Option<Text>,
        name "name": Option<Text>,
        /// Default: now.
        linked_at "linkedAt": Option<Timestamp>,
    }
}

pub async fn find_user(db: &mut Db, provider: &str, sub: &str) -> Result<Option<UserRecord>> {
    db.optional(Repeat::Read, || {
        query(concat!(
            "SELECT ",
            columns!(users),
            " FROM users WHERE id = (SELECT user_id FROM user_oauth_accounts WHERE provider = $1 AND sub = $2)"
        ))
        .bind(provider)
        .bind(sub)
    })
    .await
}

/// Links a user to an account. If this replaces another link, it frees one pair of provider and account and takes another, so
/// that two users who swap their accounts could deadlock. So an advisory lock makes the replacements of one provider run one
/// after the other. A first link does not need it.
pub async fn link(db: &mut Db, user_id: &str, provider: &str, link: OAuthLinkInput) -> Result<UserRecord> {
    let OAuthLinkInput { provider: Key(own_provider), sub, email, name, linked_at } = link;
    if own_provider != provider {
        return Err(Error::invalid_input("provider", "must equal the argument `provider`"));
    }
    let linked_at = linked_at.map(|time| time.to_string());
    db.optional(Repeat::Never, || {
        query(concat!(
            "UPDATE users
                SET oauth = oauth || pg_catalog.jsonb_build_object($2::text, pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
                        'provider', $2::text
                      , 'sub', $3::text
                      , 'email', $4::text
                      , 'name', $5::text
                      , 'linkedAt', COALESCE($6::text, pg_catalog.to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))
                    )))
              WHERE id = $1
                AND (
                    SELECT CASE
                               WHEN EXISTS (SELECT FROM user_oauth_accounts WHERE user_id = $1 AND provider = $2 AND sub <> $3)
                               THEN pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($2, 0)) IS NOT NULL
                               ELSE true
                           END
                    )
          RETURNING ",
            columns!(users)
        ))
        .bind(user_id)
        .bind(provider)
        .bind(&sub)
        .bind(&email)
        .bind(&name)
        .bind(&linked_at)
    })
    .await?
    .ok_or_else(|| Error::not_found("user"))
}

pub async fn unlink(db: &mut Db, user_id: &str, provider: &str) -> Result<UserRecord> {
    db.optional(Repeat::Never, || {
        query(concat!("UPDATE users SET oauth = oauth - $2::text WHERE id = $1 RETURNING ", columns!(users)))
            .bind(user_id)
            .bind(provider)
    })
    .await?
    .ok_or_else(|| Error::not_found("user"))
}
