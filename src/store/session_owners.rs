//! The users and organizations that sessions refer to. Their rows are locked by foreign keys.

use crate::db::{Db, LockKey, Repeat};
use crate::error::Result;
use crate::input::Key;
use sqlx::query;
use std::collections::HashSet;

const USER: &str = "user";
const ORGANIZATION: &str = "organization";

/// The keys of the rows that a session refers to.
pub fn owners(user_id: Option<&Key>, org_id: Option<&Key>) -> Vec<LockKey> {
    let of = |kind, id: Option<&Key>| id.map(|Key(id)| (kind, id.clone()));
    of(USER, user_id).into_iter().chain(of(ORGANIZATION, org_id)).collect()
}

/// For each item, the owner that another transaction has locked, if that can be found out.
pub async fn locked_owners(db: &mut Db, items: Vec<Vec<LockKey>>) -> Vec<Option<LockKey>> {
    let ids = |kind| items.iter().flatten().filter(move |key| key.0 == kind).map(|key| &key.1).collect::<Vec<_>>();
    let (user_ids, org_ids) = (ids(USER), ids(ORGANIZATION));
    let locked: Result<Vec<(bool, String)>> = db
        .all(Repeat::Read, || {
            query(
                "WITH free_users AS MATERIALIZED (
                    SELECT id FROM users WHERE id = ANY($1) FOR KEY SHARE SKIP LOCKED
                 )
                 , free_organizations AS MATERIALIZED (
                    SELECT id FROM organizations WHERE id = ANY($2) FOR KEY SHARE SKIP LOCKED
                 )
                 SELECT true, id
                   FROM users
                  WHERE id = ANY($1)
                    AND id NOT IN (SELECT id FROM free_users)
                  UNION ALL
                 SELECT false, id
                   FROM organizations
                  WHERE id = ANY($2)
                    AND id NOT IN (SELECT id FROM free_organizations)",
            )
            .bind(&user_ids)
            .bind(&org_ids)
        })
        .await;
    let locked = locked.unwrap_or_default().into_iter();
    let locked: HashSet<LockKey> =
        locked.map(|(is_user, id)| (if is_user { USER } else { ORGANIZATION }, id)).collect();
    items.into_iter().map(|keys| keys.into_iter().find(|key| locked.contains(key))).collect()
}
