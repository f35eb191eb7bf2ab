//! The roles that users have.

use super::items::column;
use super::roles::RoleRecord;
use super::{NewId, Readable, columns};
use crate::db::{Batch, Batched, Db, Repeat};
use crate::error::{Code, Error, Result};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row, query};
use std::sync::Arc;

/// Assigns a role, unless the user has it already. Foreign keys make sure that user, role and organization belong
/// together.
pub async fn assign(db: &mut Db, user_id: &str, role_id: &str, org_id: &str) -> Result<RoleRecord> {
    let id = NewId::sortable(None);
    let role = db
        .optional(Repeat::Harmless, || {
            query(concat!(
                "WITH assigned AS (
                    INSERT INTO user_roles (id, user_id, role_id, org_id)
                    VALUES ($1, $2, $3, $4)
                        ON CONFLICT (user_id, role_id) DO NOTHING
                 )
                 SELECT ",
                columns!(roles),
                " FROM roles WHERE id = $3 AND org_id = $4"
            ))
            .bind(&id.text)
            .bind(user_id)
            .bind(role_id)
            .bind(org_id)
        })
        .await?;
    // The user had the role already, so that no foreign key was checked.
    role.ok_or_else(|| {
        Error::new(Code::InvalidReference, "the role is not one of the organization").with_field("roleId")
    })
}

pub async fn revoke(db: &mut Db, user_id: &str, role_id: &str, org_id: &str) -> Result<()> {
    db.execute(Repeat::Harmless, || {
        query("DELETE FROM user_roles WHERE user_id = $1 AND role_id = $2 AND org_id = $3")
            .bind(user_id)
            .bind(role_id)
            .bind(org_id)
    })
    .await
    .map(drop)
}

/// A user whose roles in an organization are asked for.
pub struct UserInOrganization {
    pub user_id: String,
    pub org_id: String,
}

/// `getUserRoles`.
pub struct RolesOfUsers;

pub fn of_user() -> Arc<Batch<RolesOfUsers>> {
    Batch::new("getUserRoles", RolesOfUsers)
}

impl Batched for RolesOfUsers {
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

/// The tables `assignment` and `role` of one user in one organization, both given as SQL. A plan that was made while the
/// tables were small stays for a while, and would join all roles that there are by then. `OFFSET 0` leaves the server no way
/// but to find each row by its keys.
macro_rules! assigned_roles {
    ($user_id:literal, $org_id:literal) => {
        concat!(
            " LATERAL (SELECT role_id, assigned_at FROM user_roles WHERE user_id = ",
            $user_id,
            " AND org_id = ",
            $org_id,
            " OFFSET 0) AS assignment CROSS JOIN LATERAL (SELECT ",
            $crate::store::columns!(roles),
            " FROM roles WHERE id = assignment.role_id OFFSET 0) AS role"
        )
    };
}
pub(super) use assigned_roles;

async fn of_one(db: &mut Db, UserInOrganization { user_id, org_id }: &UserInOrganization) -> Result<Vec<RoleRecord>> {
    db.all(Repeat::Read, || {
        query(concat!(
            "SELECT ",
            columns!(roles AS role),
            " FROM ",
            assigned_roles!("$1", "$2"),
            " ORDER BY assignment.assigned_at DESC, role.id DESC"
        ))
        .bind(user_id)
        .bind(org_id)
    })
    .await
}

/// A user with a role that cannot be read needs a statement of its own, in which the error fails only that call.
async fn of_many(db: &mut Db, users: &[UserInOrganization]) -> Result<Vec<Option<Vec<RoleRecord>>>> {
    let rows: Vec<Listed> = db
        .all(Repeat::Read, || {
            query(concat!(
                "SELECT wanted.position, ",
                columns!(roles AS role),
                "  FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (user_id, org_id, position)
                  CROSS JOIN ",
                assigned_roles!("wanted.user_id", "wanted.org_id"),
                " ORDER BY assignment.assigned_at DESC, role.id DESC"
            ))
            .bind(column(users, |user| &user.user_id))
            .bind(column(users, |user| &user.org_id))
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

/// A role, and the user whose list it belongs to.
struct Listed {
    /// The index of the user.
    at: usize,
    role: Readable<RoleRecord>,
}

impl<'r> FromRow<'r, PgRow> for Listed {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        let position: i64 = row.try_get("position")?;
        // Positions begin at 1.
        let at = usize::try_from(position - 1).unwrap_or(usize::MAX);
        Ok(Self { at, role: Readable::from_row(row)? })
    }
}
