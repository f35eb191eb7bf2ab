//! Organizations and their members.

use super::dependents::{self, Owner, delete_some, has_more, of_owner};
use super::json::JsonOf;
use super::lookup::{Lookup, by_key};
use super::{NewId, created, record};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::{Change, IsEmpty, JsonObject, Key, Ours, Patch, Text, closed_set, input};
use serde::Serialize;
use sqlx::query_as;
use sqlx::types::Json;
use std::collections::HashSet;

closed_set! {
    /// A member's role.
    OrganizationRole { Owner = "owner", Admin = "admin", Member = "member" }
}

record! {
    /// An organization.
    OrganizationRecord {
        id "id": String,
        name "name": String,
        plan "plan": String,
        /// The most members it can have.
        seats "seats": i32,
        members "members": JsonOf<Vec<OrganizationMember>>,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    }
}

/// A user's membership in an organization.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi_derive::napi(object, object_from_js = false, object_to_js = false)]
pub struct OrganizationMember {
    pub user_id: String,
    pub role: OrganizationRole,
    #[serde(serialize_with = "time_text")]
    pub joined_at: Timestamp,
}

/// In a JSON column a time is ISO 8601 text, readable for others who look there.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn time_text<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

input! {
    /// A member in `createOrganization` and `updateOrganization`.
    OrganizationMemberInput {
        user_id "userId": Key,
        role "role": OrganizationRole,
        joined_at "joinedAt": Timestamp,
    }
}

input! {
    /// What `createOrganization` takes.
    OrganizationInput {
        /// Kept when given; a UUIDv7 otherwise.
        id "id": Option<Key>,
        name "name": Text,
        plan "plan": Text,
        /// The most members it can have.
        seats "seats": i32,
        /// Default none.
        members "members": Option<Vec<OrganizationMemberInput>>,
        /// Default `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored: set by the store.
        updated_at "updatedAt": Ours,
    }
}

input! {
    /// What `updateOrganization` changes. A missing field is left alone, `null` clears it.
    OrganizationPatch {
        name "name": Change<Text>,
        plan "plan": Change<Text>,
        /// The most members it can have.
        seats "seats": Change<i32>,
        /// Replaces the whole list.
        members "members": Change<Vec<OrganizationMemberInput>>,
        metadata "metadata": Patch<JsonObject>,
        /// Ignored.
        id "id": Ours,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored: set by the store.
        updated_at "updatedAt": Ours,
    }
}

macro_rules! columns {
    () => {
        "id, name, plan, seats, members, metadata, created_at, updated_at"
    };
}

pub fn by_id() -> Lookup<OrganizationRecord> {
    by_key!(OrganizationRecord, "getOrganization", columns!(), "organizations", "id", |organization| organization
        .id
        .clone())
}

/// Not more members than seats.
const SEATS: &str = "organizations_seats_check";

/// The JSON of the member list; no user may stand in it twice.
fn members_json(members: Vec<OrganizationMemberInput>) -> Result<Json<Box<serde_json::value::RawValue>>> {
    let mut seen = HashSet::new();
    let mut list = Vec::with_capacity(members.len());
    for OrganizationMemberInput { user_id: Key(user_id), role, joined_at } in members {
        if !seen.insert(user_id.clone()) {
            return Err(Error::invalid_input("members", "must not name a user twice"));
        }
        list.push(OrganizationMember { user_id, role, joined_at });
    }
    super::json::to_json(&list).map(Json)
}

fn check_seats(seats: i32, members: usize) -> Result<()> {
    if seats < 0 {
        return Err(Error::invalid_input("seats", "must not be negative"));
    }
    if usize::try_from(seats).is_ok_and(|seats| members > seats) {
        return Err(Error::invalid_input("members", "must not be more than there are seats"));
    }
    Ok(())
}

pub async fn create(db: &mut Db, input: OrganizationInput) -> Result<OrganizationRecord> {
    let OrganizationInput { id, name, plan, seats, members, metadata, created_at: _, updated_at: _ } = input;
    let members = members.unwrap_or_default();
    check_seats(seats, members.len())?;
    let members = members_json(members)?;
    let id = NewId::sortable(id);
    let row = db
        .create(|is_in_doubt| {
            query_as(concat!(
                "INSERT INTO organizations (
                    id
                  , name
                  , plan
                  , seats
                  , members
                  , metadata
                 )
                 VALUES ($1, $2, $3, $4, $5, COALESCE($6, '{}'))",
                or_own!("$7", "organizations", "created_at"),
                " RETURNING ",
                columns!()
            ))
            .bind(id.text.clone())
            .bind(name.clone())
            .bind(plan.clone())
            .bind(seats)
            .bind(members.clone())
            .bind(metadata.clone())
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "organizations")
}

pub async fn update(db: &mut Db, id: String, patch: OrganizationPatch) -> Result<OrganizationRecord> {
    let OrganizationPatch { name, plan, seats, members, metadata, id: _, created_at: _, updated_at: _ } = patch;
    let is_empty = name.is_empty() && plan.is_empty() && seats.is_empty() && members.is_empty() && metadata.is_empty();
    let row = if is_empty {
        db.optional(Repeat::Read, || {
            query_as(concat!("SELECT ", columns!(), " FROM organizations WHERE id = $1")).bind(id.clone())
        })
        .await?
    } else {
        // Against the stored counterpart, when only one of them changes, the database checks.
        check_seats(seats.0.unwrap_or(i32::MAX), members.0.as_ref().map_or(0, Vec::len))?;
        let sets_members = !members.is_empty();
        let members = members.0.map(members_json).transpose()?;
        let (sets_metadata, metadata) = metadata.into_parameters();
        db.optional(Repeat::Never, || {
            query_as(concat!(
                "UPDATE organizations
                    SET name     = COALESCE($2, name)
                      , plan     = COALESCE($3, plan)
                      , seats    = COALESCE($4, seats)
                      , members  = COALESCE($5, members)
                      , metadata = CASE WHEN $6 THEN COALESCE($7, '{}') ELSE metadata END
                  WHERE id = $1
              RETURNING ",
                columns!()
            ))
            .bind(id.clone())
            .bind(name.0.clone())
            .bind(plan.0.clone())
            .bind(seats.0)
            .bind(members.clone())
            .bind(sets_metadata)
            .bind(metadata.clone())
        })
        .await
        .map_err(|error| {
            if error.is_violation_of(SEATS) {
                error.with_field(if sets_members { "members" } else { "seats" })
            } else {
                error
            }
        })?
    };
    row.ok_or_else(|| Error::not_found("organization"))
}

/// Readers find the organization with its members until the last statement; before that it loses what gives rights in it.
const OWNER: Owner = Owner {
    delete: concat!(
        "WITH gone AS (
            DELETE FROM organizations
             WHERE id = $1
               AND NOT (",
        has_more!("sessions", "org_id"),
        " OR ",
        has_more!("api_keys", "principal_org_id"),
        " OR ",
        has_more!("user_roles", "org_id"),
        " OR ",
        has_more!("roles", "org_id"),
        " OR ",
        has_more!("sso_providers", "org_id"),
        " OR ",
        has_more!("sso_links", "provider_id", of "sso_providers", "org_id"),
        " OR ",
        has_more!("sso_sessions", "provider_id", of "sso_providers", "org_id"),
        ")
         RETURNING id
         )
         SELECT false AS has_more FROM gone
          UNION ALL
         SELECT true FROM organizations WHERE id = $1 AND NOT EXISTS (SELECT FROM gone)"
    ),
    batches: &[
        delete_some!("api_keys", "principal_org_id"),
        delete_some!("user_roles", "org_id"),
        delete_some!("roles", "org_id"),
        delete_some!("sso_sessions", "provider_id", of "sso_providers", "org_id"),
        delete_some!("sso_links", "provider_id", of "sso_providers", "org_id"),
        delete_some!("sso_providers", "org_id"),
        concat!(
            "UPDATE sessions SET org_id = NULL WHERE id = ANY(ARRAY(SELECT id FROM sessions",
            of_owner!("org_id"),
            " LIMIT $2 FOR NO KEY UPDATE))"
        ),
    ],
};

pub async fn delete(db: &mut Db, id: String) -> Result<()> {
    dependents::delete(db, &OWNER, id).await
}
