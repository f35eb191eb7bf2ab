use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void, options_or};
use crate::input::{Path, check_text, check_texts};
use crate::store::organization_members::{self, AddOrganizationMemberInput};
use crate::store::organizations::{
    self, ListOrganizationsOptions, OrganizationInput, OrganizationPatch, OrganizationRecord, OrganizationRole,
};
use crate::store::pages::Page;
use crate::store::updates::UpdateOptions;
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates an organization.
    ///
    /// Rejects with `invalid_input` if a member is named twice or there are more members than seats, with
    /// `invalid_reference` if a member is not a user, and with `conflict` if the id is taken.
    #[napi]
    pub fn create_organization(
        &self,
        organization: Json<OrganizationInput>,
        _options: Option<CallOptions>,
    ) -> Pending<OrganizationRecord> {
        self.call("createOrganization", move |mut db| async move {
            organizations::create(&mut db, organization.parse("organization")?).await
        })
    }

    /// Finds an organization by its id. Resolves with `null` if there is none.
    #[napi]
    pub fn get_organization(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<OrganizationRecord>> {
        self.find(&self.lookups.organizations, "id", id)
    }

    /// Lists organizations, newest first, in pages. It resolves with the first one, or with the one after `after`, and
    /// `for await` walks over all of them.
    #[napi]
    pub fn list_organizations(
        &self,
        options: Option<Json<ListOrganizationsOptions>>,
    ) -> Pending<Page<OrganizationRecord>> {
        self.call("listOrganizations", move |mut db| async move {
            let options = options.map(|options| options.parse("options")).transpose()?;
            organizations::list(&mut db, options).await
        })
    }

    /// Lists the organizations that a user is a member of, newest first, in pages like those of `listOrganizations`.
    #[napi]
    pub fn list_user_organizations(
        &self,
        user_id: String,
        options: Option<Json<ListOrganizationsOptions>>,
    ) -> Pending<Page<OrganizationRecord>> {
        self.call("listUserOrganizations", move |mut db| async move {
            check_text(&user_id, "userId")?;
            let options = options.map(|options| options.parse("options")).transpose()?;
            organizations::list_of_user(&mut db, &user_id, options).await
        })
    }

    /// Changes an organization. A missing field is left as it is, and `null` clears a field. `members` replaces the
    /// whole list.
    ///
    /// Rejects with `not_found` if there is no such organization, with `conflict` if it has been changed since
    /// `ifUpdatedAt`, and else like `createOrganization`.
    #[napi]
    pub fn update_organization(
        &self,
        id: String,
        patch: Json<OrganizationPatch>,
        options: Option<Json<UpdateOptions>>,
    ) -> Pending<OrganizationRecord> {
        self.call("updateOrganization", move |mut db| async move {
            check_text(&id, "id")?;
            let options = options_or(options.as_ref(), UpdateOptions::NONE)?;
            organizations::update(&mut db, &id, patch.parse("patch")?, &options).await
        })
    }

    /// Adds a member to an organization, and resolves with the organization.
    ///
    /// Rejects with `not_found` if there is no such organization, with `conflict` if the user is a member already, with
    /// `invalid_input` (`field` is `'members'`) if all seats are taken, and with `invalid_reference` if there is no such
    /// user.
    #[napi]
    pub fn add_organization_member(
        &self,
        org_id: String,
        member: Json<AddOrganizationMemberInput>,
        _options: Option<CallOptions>,
    ) -> Pending<OrganizationRecord> {
        self.call("addOrganizationMember", move |mut db| async move {
            check_text(&org_id, "orgId")?;
            organization_members::add(&mut db, &org_id, member.parse("member")?).await
        })
    }

    /// Gives a member of an organization another role, and resolves with the organization.
    ///
    /// Rejects with `not_found` if there is no such organization or the user is not a member of it, and with
    /// `invalid_input` (`field` is `'role'`) if that would leave it without an owner.
    #[napi(
        ts_args_type = "orgId: string, userId: string, role: OrganizationRole, options?: CallOptions | null | undefined"
    )]
    pub fn set_organization_member_role(
        &self,
        org_id: String,
        user_id: String,
        role: String,
        _options: Option<CallOptions>,
    ) -> Pending<OrganizationRecord> {
        self.call("setOrganizationMemberRole", move |mut db| async move {
            check_texts(&[("orgId", &org_id), ("userId", &user_id)])?;
            let role = OrganizationRole::parse(&role, &Path::Argument("role"))?;
            organization_members::set_role(&mut db, &org_id, &user_id, role).await
        })
    }

    /// Removes a member from an organization, and resolves with the organization. Changes nothing if the user is not a
    /// member of it.
    ///
    /// Rejects with `not_found` if there is no such organization, and with `invalid_input` (`field` is `'userId'`) if the
    /// user is its last owner.
    #[napi]
    pub fn remove_organization_member(
        &self,
        org_id: String,
        user_id: String,
        _options: Option<CallOptions>,
    ) -> Pending<OrganizationRecord> {
        self.call("removeOrganizationMember", move |mut db| async move {
            check_texts(&[("orgId", &org_id), ("userId", &user_id)])?;
            organization_members::remove(&mut db, &org_id, &user_id).await
        })
    }

    /// Deletes an organization with its roles and their assignments, its API keys and its SSO providers. Sessions stay,
    /// without their `orgId`. Does nothing if there is no such organization.
    ///
    /// If it has more than 1 000 rows of a kind, these are deleted first, a thousand at a time and in this order: API keys,
    /// role assignments, roles, SSO sessions, links and providers; then sessions lose their `orgId`. The organization is
    /// deleted last, together with its members. A call that is given up in between keeps what it has done, and the next
    /// one goes on from there.
    #[napi]
    pub fn delete_organization(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteOrganization", move |mut db| async move {
            check_text(&id, "id")?;
            organizations::delete(&mut db, &id).await.map(|()| Void)
        })
    }
}
