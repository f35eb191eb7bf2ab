//! Roles of organizations, and who has them.

use super::dependents::{self, Owner, delete_some, has_more};
use super::json::JsonOf;
use super::lookup::{Lookup, by_key};
use super::{NewId, created, record};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::{Change, IsEmpty, JsonObject, Key, Ours, Patch, Text, input};
use serde::Serialize;
use sqlx::query_as;
use sqlx::types::Json;

record! {
    /// A role of an organization.
    RoleRecord {
        id "id": String,
        org_id "orgId": String,
        name "name": String,
        permissions "permissions": JsonOf<Vec<Permission>>,
        /// Whether the application made it, not a user.
        is_system "isSystem": bool,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
        ;
        description "description": String,
    }
}

/// What a role allows.
#[derive(Debug, Clone, Serialize)]
#[napi_derive::napi(object, object_from_js = false, object_to_js = false)]
pub struct Permission {
    pub id: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    pub resource: String,
    pub action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<JsonObject>,
}

input! {
    /// A permission in `createRole` and `updateRole`.
    PermissionInput {
        /// Kept when given; a UUIDv7 otherwise.
        id "id": Option<Key>,
        name "name": Text,
        description "description": Option<Text>,
        resource "resource": Text,
        action "action": Text,
        metadata "metadata": Option<JsonObject>,
    }
}

input! {
    /// What `createRole` takes.
    RoleInput {
        /// Kept when given; a UUIDv7 otherwise.
        id "id": Option<Key>,
        org_id "orgId": Key,
        name "name": Text,
        description "description": Option<Text>,
        /// Default none.
        permissions "permissions": Option<Vec<PermissionInput>>,
        /// Default `false`.
        is_system "isSystem": Option<bool>,
        /// Default `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Ignored: set by the store.
        created_at "createdAt": Ours,
        /// Ignored: set by the store.
        updated_at "updatedAt": Ours,
    }
}

input! {
    /// What `updateRole` changes. A missing field is left alone, `null` clears it.
    RolePatch {
        org_id "orgId": Change<Key>,
        name "name": Change<Text>,
        description "description": Patch<Text>,
        /// Replaces the whole list.
        permissions "permissions": Change<Vec<PermissionInput>>,
        is_system "isSystem": Change<bool>,
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
        "id, org_id, name, description, permissions, is_system, metadata, created_at, updated_at"
    };
}
pub(super) use columns;

pub fn by_id() -> Lookup<RoleRecord> {
    by_key!(RoleRecord, "getRole", columns!(), "roles", "id", |role| role.id.clone())
}

fn permissions_json(permissions: Vec<PermissionInput>) -> Result<Json<Box<serde_json::value::RawValue>>> {
    let list: Vec<Permission> = permissions
        .into_iter()
        .map(|PermissionInput { id, name, description, resource, action, metadata }| Permission {
            id: NewId::sortable(id).text,
            name: name.0,
            description,
            resource: resource.0,
            action: action.0,
            metadata,
        })
        .collect();
    super::json::to_json(&list).map(Json)
}

pub async fn create(db: &mut Db, input: RoleInput) -> Result<RoleRecord> {
    let RoleInput { id, org_id, name, description, permissions, is_system, metadata, created_at: _, updated_at: _ } =
        input;
    let permissions = permissions_json(permissions.unwrap_or_default())?;
    let id = NewId::sortable(id);
    let row = db
        .create(|is_in_doubt| {
            query_as(concat!(
                "INSERT INTO roles (
                    id
                  , org_id
                  , name
                  , description
                  , permissions
                  , is_system
                  , metadata
                 )
                 VALUES ($1, $2, $3, $4, $5, COALESCE($6, false), COALESCE($7, '{}'))",
                or_own!("$8", "roles", "created_at"),
                " RETURNING ",
                columns!()
            ))
            .bind(id.text.clone())
            .bind(org_id.clone())
            .bind(name.clone())
            .bind(description.clone())
            .bind(permissions.clone())
            .bind(is_system)
            .bind(metadata.clone())
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "roles")
}

pub async fn update(db: &mut Db, id: String, patch: RolePatch) -> Result<RoleRecord> {
    let RolePatch { org_id, name, description, permissions, is_system, metadata, id: _, created_at: _, updated_at: _ } =
        patch;
    let is_empty = org_id.is_empty()
        && name.is_empty()
        && description.is_empty()
        && permissions.is_empty()
        && is_system.is_empty()
        && metadata.is_empty();
    let row = if is_empty {
        db.optional(Repeat::Read, || {
            query_as(concat!("SELECT ", columns!(), " FROM roles WHERE id = $1")).bind(id.clone())
        })
        .await?
    } else {
        let permissions = permissions.0.map(permissions_json).transpose()?;
        let (sets_description, description) = description.into_parameters();
        let (sets_metadata, metadata) = metadata.into_parameters();
        db.optional(Repeat::Never, || {
            query_as(concat!(
                "UPDATE roles
                    SET org_id      = COALESCE($2, org_id)
                      , name        = COALESCE($3, name)
                      , description = CASE WHEN $4 THEN $5 ELSE description END
                      , permissions = COALESCE($6, permissions)
                      , is_system   = COALESCE($7, is_system)
                      , metadata    = CASE WHEN $8 THEN COALESCE($9, '{}') ELSE metadata END
                  WHERE id = $1
              RETURNING ",
                columns!()
            ))
            .bind(id.clone())
            .bind(org_id.0.clone())
            .bind(name.0.clone())
            .bind(sets_description)
            .bind(description.clone())
            .bind(permissions.clone())
            .bind(is_system.0)
            .bind(sets_metadata)
            .bind(metadata.clone())
        })
        .await
        .map_err(move_error)?
    };
    row.ok_or_else(|| Error::not_found("role"))
}

/// Whoever has the role has it in its organization: assigned, it cannot move to another.
fn move_error(mut error: Error) -> Error {
    if error.is_violation_of("user_roles_role_id_fkey") {
        error.context.field = Some("orgId".to_owned());
        error.message = "the role is assigned to users of its organization: revoke it before it moves".into();
    }
    error
}

const OWNER: Owner = Owner {
    delete: concat!(
        "WITH gone AS (
            DELETE FROM roles WHERE id = $1 AND NOT ",
        has_more!("user_roles", "role_id"),
        " RETURNING id
         )
         SELECT false AS has_more FROM gone
          UNION ALL
         SELECT true FROM roles WHERE id = $1 AND NOT EXISTS (SELECT FROM gone)"
    ),
    batches: &[delete_some!("user_roles", "role_id")],
};

pub async fn delete(db: &mut Db, id: String) -> Result<()> {
    dependents::delete(db, &OWNER, id).await
}

pub async fn list(db: &mut Db, org_id: String) -> Result<Vec<RoleRecord>> {
    db.all(Repeat::Read, || {
        query_as(concat!("SELECT ", columns!(), " FROM roles WHERE org_id = $1 ORDER BY created_at DESC, id DESC"))
            .bind(org_id.clone())
    })
    .await
}
