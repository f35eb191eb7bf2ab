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
    let mut sweep = Sweep::default();
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
        sweep.count(deleted);
    }
    Ok(sweep.total())
}
