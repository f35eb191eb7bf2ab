//! Organizations and their members.

use super::dependents::{self, Owner, delete_some, has_more, of_owner, owner_has_more};
use super::json::JsonOf;
use super::lookup::{Lookup, by_key};
use super::pages::{Page, PageRequest, Position, page};
use super::updates::{Edit, UpdateOptions, checked_update, new_metadata, read_unchanged, updated, written_or_stored};
use super::{NewId, columns, created, record, set_column};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::{Change, Ignored, JsonObject, Key, PageLimit, Patch, Text, closed_set, input, patch};
use serde::Serialize;
use sqlx::query;
use sqlx::types::Json;
use std::collections::HashSet;

closed_set! {
    /// A member's role.
    OrganizationRole { Owner = "owner", Admin = "admin", Member = "member" }
}

set_column!(OrganizationRole);

record! {
    /// An organization.
    OrganizationRecord {
        id "id": String,
        name "name": String,
        plan "plan": String,
        /// How many members there can be at most.
        seats "seats": i32,
        members "members": JsonOf<Vec<OrganizationMember>>,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    }
}

/// A member of an organization.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi_derive::napi(object, object_from_js = false, object_to_js = false)]
pub struct OrganizationMember {
    pub user_id: String,
    pub role: OrganizationRole,
    #[serde(serialize_with = "time_text")]
    pub joined_at: Timestamp,
}

/// In a JSON column, times are ISO 8601 text, so that other programs can read them.
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
        /// Default: a new UUIDv7.
        id "id": Option<Key>,
        name "name": Text,
        plan "plan": Text,
        /// How many members there can be at most.
        seats "seats": i32,
        /// Default: none.
        members "members": Option<Vec<OrganizationMemberInput>>,
        /// Default: `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

patch! {
    /// What `updateOrganization` changes. A missing field is left as it is, and `null` clears a field.
    OrganizationPatch {
        name "name": Change<Text>,
        plan "plan": Change<Text>,
        /// How many members there can be at most.
        seats "seats": Change<i32>,
        /// Replaces the whole list.
        members "members": Change<Vec<OrganizationMemberInput>>,
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
    /// The options of `listOrganizations` and `listUserOrganizations`.
    ListOrganizationsOptions {
        /// How many organizations a page has at most: 1 to 1 000. Default: 50.
        limit "limit": Option<PageLimit>,
        /// The `next` of the page before.
        after "after": Option<Text>,
    }
}

pub fn by_id() -> Lookup<OrganizationRecord> {
    by_key!(OrganizationRecord, "getOrganization", organizations, "id", |organization| (&organization.id).into())
}

pub async fn list(db: &mut Db, options: Option<ListOrganizationsOptions>) -> Result<Page<OrganizationRecord>> {
    let request = page_request(&["listOrganizations"], options)?;
    let rows = db
        .all(Repeat::Read, || {
            let query = query(page!(organizations)).bind(None::<Timestamp>).bind(request.time(None));
            query.bind(request.id()).bind(request.rows())
        })
        .await?;
    Ok(request.page(rows, position))
}

/// The statement looks at every organization of the user for each page.
pub async fn list_of_user(
    db: &mut Db,
    user_id: &str,
    options: Option<ListOrganizationsOptions>,
) -> Result<Page<OrganizationRecord>> {
    let request = page_request(&["listUserOrganizations", user_id], options)?;
    let rows = db
        .all(Repeat::Read, || {
            let query = query(page!(
                organizations,
                "id = ANY(ARRAY(SELECT org_id FROM organization_members WHERE user_id = $5))"
            ));
            let query = query.bind(None::<Timestamp>).bind(request.time(None)).bind(request.id());
            query.bind(request.rows()).bind(user_id)
        })
        .await?;
    Ok(request.page(rows, position))
}

fn page_request(list: &[&str], options: Option<ListOrganizationsOptions>) -> Result<PageRequest> {
    let none = ListOrganizationsOptions { limit: None, after: None };
    let ListOrganizationsOptions { limit, after } = options.unwrap_or(none);
    PageRequest::new(list, &[], limit, after.as_ref())
}

fn position(organization: &OrganizationRecord) -> Position {
    Position { time: organization.created_at, id: organization.id.clone() }
}

/// The constraint that there are not more members than seats.
const SEATS: &str = "organizations_seats_check";

/// The JSON of the list of members. A user can be a member only once.
fn members_json(members: Vec<OrganizationMemberInput>) -> Result<Json<Box<serde_json::value::RawValue>>> {
    let mut seen = HashSet::new();
    if !members.iter().all(|member| seen.insert(&member.user_id.0)) {
        return Err(Error::invalid_input("members", "must not name a user twice"));
    }
    let list: Vec<OrganizationMember> = members
        .into_iter()
        .map(|OrganizationMemberInput { user_id: Key(user_id), role, joined_at }| OrganizationMember {
            user_id,
            role,
            joined_at,
        })
        .collect();
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
            query(concat!(
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
                columns!(organizations)
            ))
            .bind(&id.text)
            .bind(&name)
            .bind(&plan)
            .bind(seats)
            .bind(&members)
            .bind(&metadata)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "organizations")
}

pub async fn update(
    db: &mut Db,
    id: &str,
    patch: OrganizationPatch,
    options: &UpdateOptions,
) -> Result<OrganizationRecord> {
    let edit: Option<Edit<OrganizationRecord>> = if patch.is_empty() {
        db.optional(Repeat::Read, || query(read_unchanged!(organizations)).bind(id).bind(options.if_updated_at)).await?
    } else {
        let OrganizationPatch { name, plan, seats, members, metadata, id: _, created_at: _, updated_at: _ } = patch;
        // If only one of the two changes, the database compares it with the other, which is stored.
        check_seats(seats.0.unwrap_or(i32::MAX), members.0.as_ref().map_or(0, Vec::len))?;
        let sets_members = members.value().is_some();
        let members = members.0.map(members_json).transpose()?;
        db.optional(Repeat::Never, || {
            query(checked_update!(
                options,
                organizations,
                concat!(
                    "UPDATE organizations
                        SET name     = COALESCE($2, name)
                          , plan     = COALESCE($3, plan)
                          , seats    = COALESCE($4, seats)
                          , members  = COALESCE($5, members)
                          , metadata = ",
                    new_metadata!("$6", "$7", "$8"),
                    " WHERE id = $1
                        AND ($9 IS NULL OR updated_at = $9)
                  RETURNING true AS is_written, ",
                    columns!(organizations)
                ),
                "$9"
            ))
            .bind(id)
            .bind(name.value())
            .bind(plan.value())
            .bind(seats.value())
            .bind(&members)
            .bind(metadata.is_written())
            .bind(options.merges_metadata())
            .bind(metadata.value())
            .bind(options.if_updated_at)
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
    updated(edit, "organization")
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
         )",
        owner_has_more!("organizations"),
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

pub async fn delete(db: &mut Db, id: &str) -> Result<()> {
    dependents::delete(db, &OWNER, id).await
}
