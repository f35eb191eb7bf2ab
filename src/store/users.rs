//! Users and their OAuth links.

use super::dependents::{self, Owner, delete_some, has_more, of_owner, owner_has_more};
use super::json::JsonOf;
use super::lookup::{Lookup, by_key};
use super::pages::{Filter, Page, PageRequest, Position, page};
use super::updates::{Edit, UpdateOptions, checked_update, new_metadata, read_unchanged, updated, written_or_stored};
use super::{columns, record};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::{Change, Ignored, JsonObject, Key, MAX_KEY_BYTES, PageLimit, Patch, Text, input, patch};
use sqlx::query;
use std::collections::HashMap;

record! {
    /// A user.
    UserRecord {
        id "id": String,
        /// What the user is entitled to.
        entitlements "entitlements": Vec<String>,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    } optional {
        /// The e-mail as it was given. It is unique and looked up without regard to ASCII case.
        email "email": String,
        name "name": String,
        /// The URL of a picture.
        picture "picture": String,
        plan "plan": String,
        /// The links to OAuth providers, by provider. Absent if there are none.
        oauth "oauth": JsonOf<HashMap<String, OAuthLink>>,
    }
}

record! {
    /// A link between a user and an account at an OAuth provider.
    OAuthLink {
        provider "provider": String,
        /// The id of the account at the provider (the `sub` claim).
        sub "sub": String,
        linked_at "linkedAt": Timestamp,
    } optional {
        email "email": String,
        name "name": String,
    }
}

input! {
    /// What `createUser` takes.
    UserInput {
        /// Default: a new UUIDv7.
        id "id": Option<Key>,
        /// Any non-empty string. Its syntax is not checked.
        email "email": Option<Key>,
        name "name": Option<Text>,
        /// The URL of a picture.
        picture "picture": Option<Text>,
        /// Default: `'free'`.
        plan "plan": Option<Text>,
        /// Default: none.
        entitlements "entitlements": Option<Vec<Text>>,
        /// Default: `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Not part of the record. It is read with `getPasswordHash`.
        password_hash "passwordHash": Option<Key>,
        /// Ignored. Links are changed with `linkOAuthAccount` and `unlinkOAuthAccount`.
        oauth "oauth": Ignored,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

patch! {
    /// What `updateUser` changes. A missing field is left as it is, and `null` clears a field.
    UserPatch {
        email "email": Patch<Key>,
        name "name": Patch<Text>,
        picture "picture": Patch<Text>,
        plan "plan": Patch<Text>,
        entitlements "entitlements": Change<Vec<Text>>,
        metadata "metadata": Patch<JsonObject>,
        /// Ignored.
        id "id": Ignored,
        /// Ignored. Links are changed with `linkOAuthAccount` and `unlinkOAuthAccount`.
        oauth "oauth": Ignored,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

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

input! {
    /// The options of `listUsers`.
    ListUsersOptions {
        /// The beginning of the e-mail, without regard to ASCII case. An empty one filters nothing.
        email_prefix "emailPrefix": Option<Text>,
        plan "plan": Option<Text>,
        /// Users created at this time or later.
        created_from "createdFrom": Option<Timestamp>,
        /// Users created before this time.
        created_to "createdTo": Option<Timestamp>,
        /// How many users a page has at most: 1 to 1 000. Default: 50.
        limit "limit": Option<PageLimit>,
        /// The `next` of the page before. It belongs to the same filters.
        after "after": Option<Text>,
    }
}

pub fn by_id() -> Lookup<UserRecord> {
    by_key!(UserRecord, "getUser", users, "id", |user| (&user.id).into())
}

/// Look-ups by the result of [`email_key`].
pub fn by_email() -> Lookup<UserRecord> {
    by_key!(UserRecord, "getUserByEmail", users, "pg_catalog.lower(email COLLATE \"C\")", |user| {
        user.email.as_deref().map(email_key).unwrap_or_default().into()
    })
}

/// E-mails are compared without regard to ASCII case. Unicode case folding is not used, because it differs between
/// systems and makes look-alikes equal.
pub fn email_key(email: &str) -> String {
    email.to_ascii_lowercase()
}

/// All e-mails with the prefix are from the prefix up to this text. An e-mail is too short to be greater.
fn end_of_prefix(prefix: &str) -> String {
    [prefix, &"\u{10FFFF}".repeat(MAX_KEY_BYTES / 4 + 1)].concat()
}

/// A [`page!`] of the users with the plan `$5`. A server that knows of a few plans only would rather walk over all users,
/// whose times are in the order of the table, and that has no end where the plan is rare. Only the index of plans has
/// this order, which is the same one within a plan.
const PAGE_OF_PLAN: &str = concat!(
    "SELECT ",
    columns!(users),
    " FROM users
      WHERE (plan, created_at) >= ($5, COALESCE($1::timestamptz, '-infinity'))
        AND (plan, created_at, id) < ($5, COALESCE($2::timestamptz, 'infinity'), COALESCE($3, ''))
      ORDER BY plan DESC, created_at DESC, id DESC
      LIMIT $4"
);

/// A [`page!`] of the users whose e-mail is from `$5` to `$6`. It reads that range of the e-mails' index and sorts what it
/// finds. The other conditions are wrapped, and `OFFSET 0` keeps the order out, so that no index for them, which may lead to
/// most of the table, can be chosen instead.
macro_rules! page_by_email {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            columns!(users),
            " FROM (
                SELECT ",
            columns!(users),
            "
                  FROM users
                 WHERE pg_catalog.lower(email COLLATE \"C\") >= $5
                   AND pg_catalog.lower(email COLLATE \"C\") <= $6
                   AND (created_at >= COALESCE($1::timestamptz, '-infinity')) IS TRUE
                   AND ((created_at, id) < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3, ''))) IS TRUE",
            $condition,
            " OFFSET 0) AS matching
              ORDER BY created_at DESC, id DESC
              LIMIT $4"
        )
    };
}

pub async fn list(db: &mut Db, options: Option<ListUsersOptions>) -> Result<Page<UserRecord>> {
    let none = ListUsersOptions {
        email_prefix: None,
        plan: None,
        created_from: None,
        created_to: None,
        limit: None,
        after: None,
    };
    let ListUsersOptions { email_prefix, plan, created_from, created_to, limit, after } = options.unwrap_or(none);
    let prefix = email_prefix.map(|Text(prefix)| email_key(&prefix)).filter(|prefix| !prefix.is_empty());
    let plan = plan.map(|Text(plan)| plan);
    let filters = [
        Filter::Text(prefix.as_deref()),
        Filter::Text(plan.as_deref()),
        Filter::Time(created_from),
        Filter::Time(created_to),
    ];
    let request = PageRequest::new(&["listUsers"], &filters, limit, after.as_ref())?;
    let sql = match (&prefix, &plan) {
        (None, None) => page!(users),
        (None, Some(_)) => PAGE_OF_PLAN,
        (Some(_), None) => page_by_email!(""),
        (Some(_), Some(_)) => page_by_email!(" AND (plan = $7) IS TRUE"),
    };
    let rows = db
        .all(Repeat::Read, || {
            let mut query =
                query(sql).bind(created_from).bind(request.time(created_to)).bind(request.id()).bind(request.rows());
            if let Some(prefix) = &prefix {
                query = query.bind(prefix).bind(end_of_prefix(prefix));
            }
            match &plan {
                Some(plan) => query.bind(plan),
                None => query,
            }
        })
        .await?;
    Ok(request.page(rows, |user: &UserRecord| Position { time: user.created_at, id: user.id.clone() }))
}

pub async fn by_oauth(db: &mut Db, provider: &str, sub: &str) -> Result<Option<UserRecord>> {
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

pub async fn update(db: &mut Db, id: &str, patch: UserPatch, options: &UpdateOptions) -> Result<UserRecord> {
    let edit: Option<Edit<UserRecord>> = if patch.is_empty() {
        db.optional(Repeat::Read, || query(read_unchanged!(users)).bind(id).bind(options.if_updated_at)).await?
    } else {
        let UserPatch {
            email,
            name,
            picture,
            plan,
            entitlements,
            metadata,
            id: _,
            oauth: _,
            created_at: _,
            updated_at: _,
        } = patch;
        db.optional(Repeat::Never, || {
            query(checked_update!(
                options,
                users,
                concat!(
                    "UPDATE users
                        SET email        = CASE WHEN $2 THEN $3 ELSE email END
                          , name         = CASE WHEN $4 THEN $5 ELSE name END
                          , picture      = CASE WHEN $6 THEN $7 ELSE picture END
                          , plan         = CASE WHEN $8 THEN $9 ELSE plan END
                          , entitlements = COALESCE($10, entitlements)
                          , metadata     = ",
                    new_metadata!("$11", "$12", "$13"),
                    " WHERE id = $1
                        AND ($14 IS NULL OR updated_at = $14)
                  RETURNING true AS is_written, ",
                    columns!(users)
                ),
                "$14"
            ))
            .bind(id)
            .bind(email.is_written())
            .bind(email.value())
            .bind(name.is_written())
            .bind(name.value())
            .bind(picture.is_written())
            .bind(picture.value())
            .bind(plan.is_written())
            .bind(plan.value())
            .bind(entitlements.value())
            .bind(metadata.is_written())
            .bind(options.merges_metadata())
            .bind(metadata.value())
            .bind(options.if_updated_at)
        })
        .await?
    };
    updated(edit, "user")
}

/// Locks the user's organizations before the user, as a statement that adds a member does. In the other order the two
/// could deadlock.
pub(super) static OWNER: Owner = Owner {
    delete: concat!(
        "WITH locked AS (
            SELECT id
              FROM organizations
             WHERE id IN (SELECT org_id FROM organization_members WHERE user_id = $1)
             ORDER BY id
               FOR NO KEY UPDATE
         ), gone AS (
            DELETE FROM users
             WHERE id = $1
               AND NOT (",
        has_more!("sessions", "user_id"),
        " OR ",
        has_more!("api_keys", "principal_user_id"),
        " OR ",
        has_more!("email_verification_tokens", "user_id"),
        " OR ",
        has_more!("organization_members", "user_id"),
        " OR ",
        has_more!("user_roles", "user_id"),
        " OR ",
        has_more!("sso_links", "user_id"),
        " OR ",
        has_more!("sso_sessions", "user_id"),
        " OR ",
        has_more!("twofa_devices", "user_id"),
        " OR ",
        has_more!("twofa_backup_codes", "user_id"),
        " OR ",
        has_more!("twofa_sessions", "user_id"),
        " OR ",
        has_more!("twofa_sessions", "device_id", of "twofa_devices", "user_id"),
        ")
               AND (SELECT count(*) FROM locked) >= 0
         RETURNING id
         )",
        owner_has_more!("users"),
    ),
    batches: &[
        delete_some!("api_keys", "principal_user_id"),
        delete_some!("sessions", "user_id"),
        delete_some!("sso_sessions", "user_id"),
        delete_some!("email_verification_tokens", "user_id"),
        delete_some!("twofa_sessions", "user_id"),
        delete_some!("user_roles", "user_id"),
        // What the trigger `auth_leave_organizations` does, for fewer organizations: it writes the list of each anew.
        concat!(
            "WITH locked AS (
                SELECT id
                  FROM organizations
                 WHERE id = ANY(ARRAY(SELECT org_id FROM organization_members",
            of_owner!("user_id"),
            " LIMIT LEAST($2, 100)))
                 ORDER BY id
                   FOR NO KEY UPDATE
             ), lists AS (
                UPDATE organizations AS o
                   SET members = (
                           SELECT COALESCE(pg_catalog.jsonb_agg(e.value ORDER BY e.ordinality), '[]')
                             FROM pg_catalog.jsonb_array_elements(o.members) WITH ORDINALITY AS e
                            WHERE e.value ->> 'userId'::text <> $1
                       )
                 WHERE o.id IN (SELECT id FROM locked)
             )
             DELETE FROM organization_members WHERE user_id = $1 AND org_id IN (SELECT id FROM locked)"
        ),
        delete_some!("sso_links", "user_id"),
        delete_some!("twofa_backup_codes", "user_id"),
        "DELETE FROM twofa_devices WHERE id = ANY(ARRAY(SELECT id FROM twofa_devices
          WHERE user_id BETWEEN $1 AND $1 AND NOT verified ORDER BY user_id LIMIT $2 FOR UPDATE))",
        // The newest go with the user: as long as there is one, the second factor is asked for.
        concat!(
            "DELETE FROM twofa_devices WHERE id = ANY(ARRAY(SELECT id FROM twofa_devices",
            of_owner!("user_id"),
            ", created_at DESC, id DESC OFFSET $2 LIMIT $2 FOR UPDATE))"
        ),
        delete_some!("twofa_sessions", "device_id", of "twofa_devices", "user_id"),
    ],
};

pub async fn delete(db: &mut Db, id: &str) -> Result<()> {
    dependents::delete(db, &OWNER, id).await
}

/// A link that replaces another one frees a pair of provider and account, and takes another pair. Two users that swap
/// their accounts could deadlock. So an advisory lock lets the replacements of one provider run one after the other.
/// First links do not need it.
pub async fn link_oauth(db: &mut Db, user_id: &str, provider: &str, link: OAuthLinkInput) -> Result<UserRecord> {
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

pub async fn unlink_oauth(db: &mut Db, user_id: &str, provider: &str) -> Result<UserRecord> {
    db.optional(Repeat::Never, || {
        query(concat!("UPDATE users SET oauth = oauth - $2::text WHERE id = $1 RETURNING ", columns!(users)))
            .bind(user_id)
            .bind(provider)
    })
    .await?
    .ok_or_else(|| Error::not_found("user"))
}
