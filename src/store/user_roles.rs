//! Who has which roles.

use super::roles::{RoleRecord, columns};
use super::{NewId, Readable, column};
use crate::db::{Batch, Batched, Db, Repeat};
use crate::error::{Code, Error, Result};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row, query, query_as};
use std::sync::Arc;

/// Assigning twice is assigning once. The foreign keys see to it that user, role and organization belong together.
pub async fn assign(db: &mut Db, user_id: String, role_id: String, org_id: String) -> Result<RoleRecord> {
    let id = NewId::sortable(None);
    let role = db
        .optional(Repeat::Harmless, || {
            query_as(concat!(
                "WITH assigned AS (
                    INSERT INTO user_roles (id, user_id, role_id, org_id)
                    VALUES ($1, $2, $3, $4)
                        ON CONFLICT (user_id, role_id) DO NOTHING
                 )
                 SELECT ",
                columns!(),
                " FROM roles WHERE id = $3 AND org_id = $4"
            ))
            .bind(id.text.clone())
            .bind(user_id.clone())
            .bind(role_id.clone())
            .bind(org_id.clone())
        })
        .await?;
    // Assigned before, so that no foreign key was asked.
    role.ok_or_else(|| {
        Error::new(Code::InvalidReference, "the role is not one of the organization").with_field("roleId")
    })
}

pub async fn revoke(db: &mut Db, user_id: String, role_id: String, org_id: String) -> Result<()> {
    db.execute(Repeat::Harmless, || {
        query("DELETE FROM user_roles WHERE user_id = $1 AND role_id = $2 AND org_id = $3")
            .bind(user_id.clone())
            .bind(role_id.clone())
            .bind(org_id.clone())
    })
    .await
    .map(drop)
}

/// Whose roles, and in which organization.
pub struct UserInOrganization {
    pub user_id: String,
    pub org_id: String,
}

/// The roles of a user, or of many.
pub struct OfUser;

pub fn of_user() -> Arc<Batch<OfUser>> {
    Batch::new("getUserRoles", OfUser)
}

impl Batched for OfUser {
    type Item = UserInOrganization;
    type Output = Vec<RoleRecord>;

    const IS_WRITE: bool = false;

    async fn one(&self, db: &mut Db, user: &UserInOrganization) -> Result<Vec<RoleRecord>> {
        of_one(db, user).await
    }

    async fn many(&self, db: &mut Db, users: &[UserInOrganization]) -> Result<Vec<Option<Vec<RoleRecord>>>> {
        of_many(db, users).await
    }
}

async fn of_one(db: &mut Db, UserInOrganization { user_id, org_id }: &UserInOrganization) -> Result<Vec<RoleRecord>> {
    db.all(Repeat::Read, || {
        query_as(
            "SELECT role.id
                  , role.org_id
                  , role.name
                  , role.description
                  , role.permissions
                  , role.is_system
                  , role.metadata
                  , role.created_at
                  , role.updated_at
               FROM user_roles AS assignment
               JOIN roles AS role ON role.id = assignment.role_id
              WHERE assignment.user_id = $1
                AND assignment.org_id = $2
              ORDER BY assignment.assigned_at DESC, role.id DESC",
        )
        .bind(user_id.clone())
        .bind(org_id.clone())
    })
    .await
}

/// A user with a role that cannot be read goes alone.
async fn of_many(db: &mut Db, users: &[UserInOrganization]) -> Result<Vec<Option<Vec<RoleRecord>>>> {
    let rows: Vec<Listed> = db
        .all(Repeat::Read, || {
            query_as(
                "SELECT wanted.position
                      , role.id
                      , role.org_id
                      , role.name
                      , role.description
                      , role.permissions
                      , role.is_system
                      , role.metadata
                      , role.created_at
                      , role.updated_at
                   FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (user_id, org_id, position)
                   JOIN user_roles AS assignment
                     ON assignment.user_id = wanted.user_id
                    AND assignment.org_id = wanted.org_id
                   JOIN roles AS role ON role.id = assignment.role_id
                  ORDER BY assignment.assigned_at DESC, role.id DESC",
            )
            .bind(column(users, |user| user.user_id.clone()))
            .bind(column(users, |user| user.org_id.clone()))
        })
        .await?;
    let mut lists = Vec::new();
    lists.resize_with(users.len(), || Some(Vec::new()));
    for Listed { at, role: Readable(role) } in rows {
        if let Some(list) = lists.get_mut(at) {
            *list = list.take().zip(role.ok()).map(|(mut list, role)| {
                list.push(role);
                list
            });
        }
    }
    Ok(lists)
}

/// A role, and whose list it stands in.
struct Listed {
    at: usize,
    role: Readable<RoleRecord>,
}

impl<'r> FromRow<'r, PgRow> for Listed {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        let position: i64 = row.try_get("position")?;
        // Positions begin with 1; another would be none of ours.
        let at = usize::try_from(position - 1).unwrap_or(usize::MAX);
        Ok(Self { at, role: Readable::from_row(row)? })
    }
}
