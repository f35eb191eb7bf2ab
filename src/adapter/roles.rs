use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void, options_or};
use crate::input::{check_key, check_text, check_texts};
use crate::store::roles::{self, RoleInput, RolePatch, RoleRecord};
use crate::store::updates::UpdateOptions;
use crate::store::user_roles::{self, UserInOrganization};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates a role of an organization.
    ///
    /// Rejects with `invalid_reference` if there is no such organization, and with `conflict` if the id is taken.
    #[napi]
    pub fn create_role(&self, role: Json<RoleInput>, _options: Option<CallOptions>) -> Pending<RoleRecord> {
        self.call("createRole", move |mut db| async move { roles::create(&mut db, role.parse("role")?).await })
    }

    /// Finds a role by its id. Resolves with `null` if there is none.
    #[napi]
    pub fn get_role(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<RoleRecord>> {
        self.find(&self.lookups.roles, "id", id)
    }

    /// Changes a role. A missing field is left as it is, and `null` clears a field. `permissions` replaces the whole
    /// list.
    ///
    /// Rejects with `not_found` if there is no such role, with `conflict` if it has been changed since `ifUpdatedAt`, and
    /// with `invalid_reference` if there is no such organization, or if the role cannot move to it because the role is
    /// assigned to users.
    #[napi]
    pub fn update_role(
        &self,
        id: String,
        patch: Json<RolePatch>,
        options: Option<Json<UpdateOptions>>,
    ) -> Pending<RoleRecord> {
        self.call("updateRole", move |mut db| async move {
            check_text(&id, "id")?;
            let options = options_or(options.as_ref(), UpdateOptions::NONE)?;
            roles::update(&mut db, &id, patch.parse("patch")?, &options).await
        })
    }

    /// Deletes a role and its assignments. Does nothing if there is no such role.
    #[napi]
    pub fn delete_role(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteRole", move |mut db| async move {
            check_text(&id, "id")?;
            roles::delete(&mut db, &id).await.map(|()| Void)
        })
    }

    /// Lists the roles of an organization. The newest role comes first.
    #[napi]
    pub fn list_roles(&self, org_id: String, _options: Option<CallOptions>) -> Pending<Vec<RoleRecord>> {
        self.call("listRoles", move |mut db| async move {
            check_text(&org_id, "orgId")?;
            roles::list(&mut db, &org_id).await
        })
    }

    /// Assigns a role to a user. Does nothing if the user has the role already.
    ///
    /// Rejects with `invalid_reference` if there is no such user, or if the organization has no such role.
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
            user_roles::assign(&mut db, &user_id, &role_id, &org_id).await
        })
    }

    /// Takes a role away from a user. Does nothing if the user does not have it.
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
            user_roles::revoke(&mut db, &user_id, &role_id, &org_id).await.map(|()| Void)
        })
    }

    /// Lists the roles of a user in an organization. The role that was assigned last comes first.
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
