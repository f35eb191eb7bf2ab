use super::users::check_texts;
use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void};
use crate::input::{check_key, check_text};
use crate::store::roles::{self, RoleInput, RolePatch, RoleRecord};
use crate::store::user_roles::{self, UserInOrganization};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates a role of an organization.
    ///
    /// Rejects with `invalid_reference` when there is no such organization, with `conflict` when the id is taken.
    #[napi]
    pub fn create_role(&self, role: Json<RoleInput>, _options: Option<CallOptions>) -> Pending<RoleRecord> {
        self.call("createRole", move |mut db| async move { roles::create(&mut db, role.parse("role")?).await })
    }

    /// Finds a role by id.
    #[napi]
    pub fn get_role(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<RoleRecord>> {
        self.find(&self.lookups.roles, "id", id)
    }

    /// Changes a role. A missing field is left alone, `null` clears it; `permissions` replaces the whole list.
    ///
    /// Rejects with `not_found` when there is none.
    #[napi]
    pub fn update_role(
        &self,
        id: String,
        patch: Json<RolePatch>,
        _options: Option<CallOptions>,
    ) -> Pending<RoleRecord> {
        self.call("updateRole", move |mut db| async move {
            check_text(&id, "id")?;
            roles::update(&mut db, id, patch.parse("patch")?).await
        })
    }

    /// Deletes a role and its assignments, if there is one.
    #[napi]
    pub fn delete_role(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteRole", move |mut db| async move {
            check_text(&id, "id")?;
            roles::delete(&mut db, id).await.map(|()| Void)
        })
    }

    /// Lists the roles of an organization, newest first.
    #[napi]
    pub fn list_roles(&self, org_id: String, _options: Option<CallOptions>) -> Pending<Vec<RoleRecord>> {
        self.call("listRoles", move |mut db| async move {
            check_text(&org_id, "orgId")?;
            roles::list(&mut db, org_id).await
        })
    }

    /// Gives a user a role. Assigning twice is assigning once.
    ///
    /// Rejects with `invalid_reference` when user, role and organization do not belong together.
    #[napi]
    pub fn assign_role_to_user(
        &self,
        user_id: String,
        role_id: String,
        org_id: String,
        _options: Option<CallOptions>,
    ) -> Pending<RoleRecord> {
        self.call("assignRoleToUser", move |mut db| async move {
            check_key(&user_id, "userId")?;
            check_key(&role_id, "roleId")?;
            check_key(&org_id, "orgId")?;
            user_roles::assign(&mut db, user_id, role_id, org_id).await
        })
    }

    /// Takes a role from a user, if it was assigned.
    #[napi]
    pub fn revoke_role_from_user(
        &self,
        user_id: String,
        role_id: String,
        org_id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Void> {
        self.call("revokeRoleFromUser", move |mut db| async move {
            check_texts(&[("userId", &user_id), ("roleId", &role_id), ("orgId", &org_id)])?;
            user_roles::revoke(&mut db, user_id, role_id, org_id).await.map(|()| Void)
        })
    }

    /// Lists a user's roles in an organization, the latest assigned first.
    #[napi]
    pub fn get_user_roles(
        &self,
        user_id: String,
        org_id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Vec<RoleRecord>> {
        match check_texts(&[("userId", &user_id), ("orgId", &org_id)]) {
            Ok(()) => self.join(&self.user_roles, UserInOrganization { user_id, org_id }, |answer, listed| {
                answer.give(&listed);
            }),
            Err(error) => self.fail("getUserRoles", error),
        }
    }
}
