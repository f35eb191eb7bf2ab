//! Sessions: reading and deleting them. See `session_creates.rs` and `session_updates.rs` for the rest.

use super::lookup::{Lookup, by_key};
use super::pages::{Filter, Page, PageRequest, Position, page};
use super::record;
use super::sweep::Sweep;
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::Result;
use crate::input::{Change, Ignored, JsonObject, Key, PageLimit, Patch, Text, input, patch};
use sqlx::query;

record! {
    /// A session of a user.
    SessionRecord {
        id "id": String,
        user_id "userId": String,
        entitlements "entitlements": Vec<String>,
        expires_at "expiresAt": Timestamp,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    } optional {
        org_id "orgId": String,
        plan "plan": String,
    }
}

input! {
    /// What `createSession` takes.
    SessionInput {
        /// Default: a new random UUIDv4.
        id "id": Option<Key>,
        user_id "userId": Key,
        org_id "orgId": Option<Key>,
        plan "plan": Option<Text>,
        /// Default: none.
        entitlements "entitlements": Option<Vec<Text>>,
        /// A time in the past is accepted.
        expires_at "expiresAt": Timestamp,
        /// Default: `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

patch! {
    /// What `updateSession` changes. A missing field is left as it is, and `null` clears a field.
    SessionPatch {
        user_id "userId": Change<Key>,
        org_id "orgId": Patch<Key>,
        plan "plan": Patch<Text>,
        entitlements "entitlements": Change<Vec<Text>>,
        expires_at "expiresAt": Change<Timestamp>,
        metadata "metadata": Patch<JsonObject>,
        /// Ignored.
        id "id": Ignored,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

input! {
    /// The options of `deleteUserSessions`.
    DeleteUserSessionsOptions {
        /// The id of a session that is not deleted.
        except "except": Option<Text>,
    }
}

input! {
    /// The options of `deleteExpiredSessions`.
    DeleteExpiredSessionsOptions {
        /// How many sessions are deleted at most. Default: all.
        limit "limit": Option<crate::input::Natural>,
    }
}

input! {
    /// The options of `listUserSessions`.
    ListUserSessionsOptions {
        /// Whether sessions that have expired, but have not been deleted, are in the list. Default: `false`.
        include_expired "includeExpired": Option<bool>,
        /// How many sessions a page has at most: 1 to 1 000. Default: 50.
        limit "limit": Option<PageLimit>,
        /// The `next` of the page before. It belongs to the same user and filters, and holds the id of a session.
        after "after": Option<Text>,
    }
}

pub fn by_id() -> Lookup<SessionRecord> {
    by_key!(SessionRecord, "getSession", sessions, "id", |session| (&session.id).into(); "expires_at > now()")
}

pub async fn list_of_user(
    db: &mut Db,
    user_id: &str,
    options: Option<ListUserSessionsOptions>,
) -> Result<Page<SessionRecord>> {
    let none = ListUserSessionsOptions { include_expired: None, limit: None, after: None };
    let ListUserSessionsOptions { include_expired, limit, after } = options.unwrap_or(none);
    let includes_expired = include_expired.unwrap_or_default();
    let filters = [Filter::Flag(includes_expired)];
    let request = PageRequest::new(&["listUserSessions", user_id], &filters, limit, after.as_ref())?;
    let sql = if includes_expired {
        page!(sessions, "user_id = $5")
    } else {
        page!(sessions, "user_id = $5", "expires_at > now()")
    };
    let rows = db
        .all(Repeat::Read, || {
            let query = query(sql).bind(None::<Timestamp>).bind(request.time(None)).bind(request.id());
            query.bind(request.rows()).bind(user_id)
        })
        .await?;
    Ok(request.page(rows, |session: &SessionRecord| Position { time: session.created_at, id: session.id.clone() }))
}

pub async fn delete(db: &mut Db, id: &str) -> Result<()> {
    db.execute(Repeat::Harmless, || query("DELETE FROM sessions WHERE id = $1").bind(id)).await.map(drop)
}

pub async fn delete_of_user(db: &mut Db, user_id: &str, options: DeleteUserSessionsOptions) -> Result<u32> {
    let DeleteUserSessionsOptions { except } = options;
    let mut sweep = Sweep::up_to(None);
    while let Some(rows) = sweep.next_batch() {
        db.begin_batch();
        let deleted = db
            .execute(Repeat::Never, || {
                query(
                    "DELETE FROM sessions
                  WHERE id = ANY(ARRAY(
                        SELECT id
                          FROM sessions
                         WHERE user_id BETWEEN $1 AND $1
                           AND id IS DISTINCT FROM $2
                         ORDER BY user_id
                         LIMIT $3
                           FOR UPDATE
                        ))",
                )
                .bind(user_id)
                .bind(&except)
                .bind(i64::from(rows))
            })
            .await?;
        sweep.count(deleted, rows);
    }
    Ok(sweep.total())
}

/// Pages of the table that one statement of a sweep looks at.
const PAGES: i64 = 256;

/// Deletes up to `$3` expired sessions among those in the pages from `$1` on, below `$2`. Without an index on the expiry,
/// which would cost every renewal, each row has to be looked at, but only once: a statement that began at the start of the
/// table would pass over all that is alive for each thousand that is not. A range of pages is read as such from
/// PostgreSQL 14 on. The comparisons are wrapped so that an index that the application may have made of the expiry, which
/// leads to the whole table, cannot be chosen instead.
const DELETE_EXPIRED: &str = "
    WITH gone AS (
        DELETE FROM sessions
         WHERE ctid = ANY(ARRAY(
               SELECT ctid
                 FROM sessions
                WHERE ctid >= pg_catalog.concat('(', $1::int8, ',0)')::tid
                  AND ctid < pg_catalog.concat('(', $2::int8, ',0)')::tid
                  AND (expires_at <= now()) IS TRUE
                LIMIT $3
                  FOR UPDATE SKIP LOCKED
               ))
           AND (expires_at <= now()) IS TRUE
     RETURNING id
    )
    SELECT (SELECT count(*) FROM gone) AS deleted
         , pg_catalog.pg_relation_size('sessions') / pg_catalog.current_setting('block_size')::int8 AS pages
         , pg_catalog.current_setting('server_version_num')::int4 >= 140000 AS has_ranges";

/// The same for servers before PostgreSQL 14, among the next sessions by id after `$1`.
const DELETE_EXPIRED_BY_ID: &str = "
    WITH step AS MATERIALIZED (
        SELECT id, expires_at FROM sessions WHERE id > $1 ORDER BY id LIMIT 5000
    ), gone AS (
        DELETE FROM sessions
         WHERE id = ANY(ARRAY(
               SELECT id
                 FROM sessions
                WHERE id = ANY(ARRAY(SELECT id FROM step WHERE expires_at <= now()))
                  AND expires_at <= now()
                LIMIT $2
                  FOR UPDATE SKIP LOCKED
               ))
     RETURNING id
    )
    SELECT (SELECT count(*) FROM gone) AS deleted
         , (SELECT pg_catalog.max(id) FROM step) AS last";

pub async fn delete_expired(db: &mut Db, options: DeleteExpiredSessionsOptions) -> Result<u32> {
    let DeleteExpiredSessionsOptions { limit } = options;
    let mut sweep = Sweep::up_to(limit.map(|limit| limit.0));
    let mut first_page = 0;
    while let Some(rows) = sweep.next_batch() {
        db.begin_batch();
        let step: Option<(i64, i64, bool)> = db
            .optional(Repeat::Never, || {
                query(DELETE_EXPIRED).bind(first_page).bind(first_page + PAGES).bind(i64::from(rows))
            })
            .await?;
        let Some((deleted, pages, has_ranges)) = step else { break };
        let is_done = deleted < i64::from(rows);
        sweep.add(deleted.unsigned_abs());
        if is_done && first_page + PAGES >= pages {
            break;
        }
        if !has_ranges {
            return delete_expired_by_id(db, sweep).await;
        }
        if is_done {
            first_page += PAGES;
        }
    }
    Ok(sweep.total())
}

async fn delete_expired_by_id(db: &mut Db, mut sweep: Sweep) -> Result<u32> {
    let mut after = String::new();
    while let Some(rows) = sweep.next_batch() {
        db.begin_batch();
        let step: Option<(i64, Option<String>)> =
            db.optional(Repeat::Never, || query(DELETE_EXPIRED_BY_ID).bind(&after).bind(i64::from(rows))).await?;
        let Some((deleted, Some(last))) = step else { break };
        sweep.add(deleted.unsigned_abs());
        if deleted < i64::from(rows) {
            after = last;
        }
    }
    Ok(sweep.total())
}
