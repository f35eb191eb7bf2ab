//! Roles of organizations.

use super::dependents::{self, Owner, delete_some, has_more, owner_has_more};
use super::json::JsonOf;
use super::lookup::{Lookup, by_key};
use super::updates::{Edit, UpdateOptions, checked_update, new_metadata, read_unchanged, updated, written_or_stored};
use super::{NewId, columns, created, record};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::{Change, Ignored, JsonObject, Key, Patch, Text, input, patch};
use serde::Serialize;
use sqlx::query;
use sqlx::types::Json;

record! {
    /// A role of an organization.
    RoleRecord {
        id "id": String,
        org_id "orgId": String,
        name "name": String,
        permissions "permissions": JsonOf<Vec<Permission>>,
        /// Whether the application has created the role, and not a user.
        is_system "isSystem": bool,
        metadata "metadata": JsonObject,
        created_at "createdAt": Timestamp,
        updated_at "updatedAt": Timestamp,
    } optional {
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
        /// Default: a new UUIDv7.
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
        /// Default: a new UUIDv7.
        id "id": Option<Key>,
        org_id "orgId": Key,
        name "name": Text,
        description "description": Option<Text>,
        /// Default: none.
        permissions "permissions": Option<Vec<PermissionInput>>,
        /// Default: `false`.
        is_system "isSystem": Option<bool>,
        /// Default: `{}`.
        metadata "metadata": Option<JsonObject>,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

patch! {
    /// What `updateRole` changes. A missing field is left as it is, and `null` clears a field.
    RolePatch {
        org_id "orgId": Change<Key>,
        name "name": Change<Text>,
        description "description": Patch<Text>,
        /// Replaces the whole list.
        permissions "permissions": Change<Vec<PermissionInput>>,
        is_system "isSystem": Change<bool>,
        metadata "metadata": Patch<JsonObject>,
        /// Ignored.
        id "id": Ignored,
        /// Ignored, because the store sets it.
        created_at "createdAt": Ignored,
        /// Ignored, because the store sets it.
        updated_at "updatedAt": Ignored,
    }
}

pub fn by_id() -> Lookup<RoleRecord> {
    by_key!(RoleRecord, "getRole", roles, "id", |role| (&role.id).into())
}

/// The JSON of the list of permissions. Each permission gets an id.
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
            query(concat!(
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
                columns!(roles)
            ))
            .bind(&id.text)
            .bind(&org_id)
            .bind(&name)
            .bind(&description)
            .bind(&permissions)
            .bind(is_system)
            .bind(&metadata)
            .bind(is_in_doubt)
        })
        .await?;
    created(db, row, "roles")
}

pub async fn update(db: &mut Db, id: &str, patch: RolePatch, options: &UpdateOptions) -> Result<RoleRecord> {
    let edit: Option<Edit<RoleRecord>> = if patch.is_empty() {
        db.optional(Repeat::Read, || query(read_unchanged!(roles)).bind(id).bind(options.if_updated_at)).await?
    } else {
        let RolePatch {
            org_id,
            name,
            description,
            permissions,
            is_system,
            metadata,
            id: _,
            created_at: _,
            updated_at: _,
        } = patch;
        let permissions = permissions.0.map(permissions_json).transpose()?;
        db.optional(Repeat::Never, || {
            query(checked_update!(
                options,
                roles,
                concat!(
                    "UPDATE roles
                        SET org_id      = COALESCE($2, org_id)
                          , name        = COALESCE($3, name)
                          , description = CASE WHEN $4 THEN $5 ELSE description END
                          , permissions = COALESCE($6, permissions)
                          , is_system   = COALESCE($7, is_system)
                          , metadata    = ",
                    new_metadata!("$8", "$9", "$10"),
                    " WHERE id = $1
                        AND ($11 IS NULL OR updated_at = $11)
                  RETURNING true AS is_written, ",
                    columns!(roles)
                ),
                "$11"
            ))
            .bind(id)
            .bind(org_id.value())
            .bind(name.value())
            .bind(description.is_written())
            .bind(description.value())
            .bind(&permissions)
            .bind(is_system.value())
            .bind(metadata.is_written())
            .bind(options.merges_metadata())
            .bind(metadata.value())
            .bind(options.if_updated_at)
        })
        .await
        .map_err(move_error)?
    };
    updated(edit, "role")
}

/// A role is assigned together with its organization. So a role that is assigned cannot move to another organization.
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
         )",
        owner_has_more!("roles"),
    ),
    batches: &[delete_some!("user_roles", "role_id")],
};

pub async fn delete(db: &mut Db, id: &str) -> Result<()> {
    dependents::delete(db, &OWNER, id).await
}

pub async fn list(db: &mut Db, org_id: &str) -> Result<Vec<RoleRecord>> {
    db.all(Repeat::Read, || {
        query(concat!("SELECT ", columns!(roles), " FROM roles WHERE org_id = $1 ORDER BY created_at DESC, id DESC"))
            .bind(org_id)
    })
    .await
}
