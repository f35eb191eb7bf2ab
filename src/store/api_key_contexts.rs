//! What a request with an API key needs to know, in one statement: the key's record, and the user or the organization that it
//! belongs to.

use super::api_keys::ApiKeyRecord;
use super::columns;
use super::context_rows::{Incomplete, Owners, Part};
use super::organizations::OrganizationRecord;
use super::users::UserRecord;
use crate::db::{Batch, Batched, Db, PgQuery, Repeat, Rows};
use crate::error::Result;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row, query};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The typings (`ApiKeyContext`, a union) are in `bridge/header.d.ts`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyContext {
    pub api_key: Arc<ApiKeyRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<UserRecord>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<Arc<OrganizationRecord>>,
}

/// `getApiKeyContext`. The items are hashes.
pub struct ApiKeyContexts;

pub fn by_secret() -> Arc<Batch<ApiKeyContexts>> {
    Batch::new("getApiKeyContext", ApiKeyContexts)
}

impl Batched for ApiKeyContexts {
    type Item = String;
    type Output = Option<ApiKeyContext>;

    const IS_WRITE: bool = false;

    async fn one(&self, db: &mut Db, hash: &String) -> Result<Option<ApiKeyContext>> {
        let mut found = FoundKeys::new(false);
        db.read_all(Repeat::Read, || query_for_one(hash), &mut found).await?;
        // A key whose principal is missing opens nothing.
        Ok(found.context(hash).unwrap_or(None))
    }

    async fn many(&self, db: &mut Db, hashes: &[String]) -> Result<Vec<Option<Option<ApiKeyContext>>>> {
        let mut found = FoundKeys::new(true);
        db.read_all(Repeat::Read, || query_for_many(hashes), &mut found).await?;
        Ok(hashes.iter().map(|hash| found.context(hash).ok()).collect())
    }
}

/// Completes the statement after `found`, which has the columns of the keys and those of their principals.
macro_rules! with_principals {
    ($($found:tt)*) => {
        concat!(
            $($found)*,
            "
             SELECT 'main' AS part
                  , principal_user_id IS NOT NULL AS is_of_user
                  , id
                  , principal_id
                  , hash
                  , prefix
                  , last_four
                  , scopes
                  , metadata
                  , expires_at
                  , created_at
                  , updated_at
                  , NULL::text AS email
                  , NULL::text AS name
                  , NULL::text AS picture
                  , NULL::text AS plan
                  , NULL::text[] AS entitlements
                  , NULL::jsonb AS oauth
                  , NULL::int4 AS seats
                  , NULL::jsonb AS members
               FROM found
              UNION ALL
             SELECT 'user', NULL, id, NULL, NULL, NULL, NULL, NULL, metadata, NULL, created_at, updated_at
                  , email, name, picture, plan, entitlements, NULLIF(oauth, '{}'), NULL, NULL
               FROM users
              WHERE id = ANY(ARRAY(SELECT principal_user_id FROM found))
              UNION ALL
             SELECT 'organization', NULL, id, NULL, NULL, NULL, NULL, NULL, metadata, NULL, created_at, updated_at
                  , NULL, name, NULL, plan, NULL, NULL, seats, members
               FROM organizations
              WHERE id = ANY(ARRAY(SELECT principal_org_id FROM found))"
        )
    };
}

fn query_for_one(hash: &str) -> PgQuery {
    query(with_principals!(
        "WITH found AS MATERIALIZED (
            SELECT principal_user_id, principal_org_id, ",
        columns!(api_keys),
        "     FROM api_keys
             WHERE hash = $1
               AND (expires_at IS NULL OR expires_at > now())
         )"
    ))
    .bind(hash)
}

fn query_for_many(hashes: &[String]) -> PgQuery {
    query(with_principals!(
        "WITH found AS MATERIALIZED (
            SELECT principal_user_id, principal_org_id, ",
        columns!(api_keys),
        "     FROM api_keys
             WHERE hash = ANY($1)
               AND (expires_at IS NULL OR expires_at > now())
         )"
    ))
    .bind(hashes)
}

/// The rows of a statement.
struct FoundKeys {
    /// By hash, with whether the key belongs to a user.
    keys: HashMap<String, (Arc<ApiKeyRecord>, bool)>,
    owners: Owners,
    /// Whether a row that cannot be read is passed over.
    passes_over: bool,
    /// The hashes of keys that cannot be read.
    unreadable: HashSet<String>,
}

impl FoundKeys {
    fn new(passes_over: bool) -> Self {
        Self { keys: HashMap::new(), owners: Owners::default(), passes_over, unreadable: HashSet::new() }
    }

    fn read(&mut self, row: &PgRow) -> sqlx::Result<()> {
        match Part::of(row)? {
            Part::Main => {
                let key = ApiKeyRecord::from_row(row)?;
                self.keys.insert(key.hash.clone(), (Arc::new(key), row.try_get("is_of_user")?));
            }
            Part::User => self.owners.push_user(row)?,
            Part::Organization => self.owners.push_organization(row)?,
            Part::Role => {}
        }
        Ok(())
    }

    /// The context of a key, or `None` if there is no such key.
    fn context(&self, hash: &str) -> Result<Option<ApiKeyContext>, Incomplete> {
        if self.unreadable.contains(hash) {
            return Err(Incomplete);
        }
        let Some((key, is_of_user)) = self.keys.get(hash) else { return Ok(None) };
        let api_key = Arc::clone(key);
        Ok(Some(if *is_of_user {
            ApiKeyContext { user: Some(self.owners.user(&key.principal_id)?), organization: None, api_key }
        } else {
            ApiKeyContext { user: None, organization: Some(self.owners.organization(&key.principal_id)?), api_key }
        }))
    }
}

impl Rows for FoundKeys {
    fn clear(&mut self) {
        self.keys.clear();
        self.owners.clear();
        self.unreadable.clear();
    }

    fn push(&mut self, row: &PgRow) -> sqlx::Result<()> {
        match self.read(row) {
            Err(_) if self.passes_over => {
                // A principal has no hash. Without it, no context is complete.
                if let Ok(Some(hash)) = row.try_get("hash") {
                    self.unreadable.insert(hash);
                }
                Ok(())
            }
            read => read,
        }
    }
}
