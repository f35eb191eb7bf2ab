use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void};
use crate::input::check_text;
use crate::store::organizations::{self, OrganizationInput, OrganizationPatch, OrganizationRecord};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates an organization.
    ///
    /// Rejects with `invalid_input` when a member is named twice or there are more members than seats, with
    /// `invalid_reference` when a member is no user, with `conflict` when the id is taken.
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

    /// Finds an organization by id.
    #[napi]
    pub fn get_organization(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<OrganizationRecord>> {
        self.find(&self.lookups.organizations, "id", id)
    }

    /// Changes an organization. A missing field is left alone, `null` clears it; `members` replaces the whole list.
    ///
    /// Rejects with `not_found` when there is none, otherwise as `createOrganization`.
    #[napi]
    pub fn update_organization(
        &self,
        id: String,
        patch: Json<OrganizationPatch>,
        _options: Option<CallOptions>,
    ) -> Pending<OrganizationRecord> {
        self.call("updateOrganization", move |mut db| async move {
            check_text(&id, "id")?;
            organizations::update(&mut db, id, patch.parse("patch")?).await
        })
    }

    /// Deletes an organization with its roles, assignments, API keys and SSO providers; sessions lose their `orgId`.
    ///
    /// If it has more than 1 000 rows of a kind, these go first, by a thousand and in this order: API keys, assignments,
    /// roles, SSO sessions, links and providers, then the sessions' `orgId`. The organization goes last, together with its
    /// members. Given up in between, the call keeps what it did, and the next one goes on from there.
    #[napi]
    pub fn delete_organization(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteOrganization", move |mut db| async move {
            check_text(&id, "id")?;
            organizations::delete(&mut db, id).await.map(|()| Void)
        })
    }
}
