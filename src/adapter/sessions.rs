use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void, options_or};
use crate::input::check_text;
use crate::store::pages::Page;
use crate::store::session_context_rows::SessionContext;
use crate::store::session_contexts::{SessionContextOptions, WantedContext};
use crate::store::session_creates::NewSession;
use crate::store::session_updates::SessionUpdate;
use crate::store::sessions::{
    self, DeleteExpiredSessionsOptions, DeleteUserSessionsOptions, ListUserSessionsOptions, SessionInput, SessionPatch,
    SessionRecord,
};
use crate::store::sweeps;
use crate::store::updates::UpdateOptions;
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates a session.
    ///
    /// Rejects with `invalid_reference` if there is no such user or organization, and with `conflict` if the id is
    /// taken.
    #[napi]
    pub fn create_session(&self, session: Json<SessionInput>, _options: Option<CallOptions>) -> Pending<SessionRecord> {
        match session.parse("session") {
            Ok(session) => {
                self.join(&self.session_creates, NewSession::from(session), |answer, created| answer.give(&created))
            }
            Err(error) => self.fail("createSession", error),
        }
    }

    /// Finds a session by its id. Resolves with `null` if there is none, or if it has expired by the clock of the
    /// server.
    #[napi]
    pub fn get_session(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<SessionRecord>> {
        self.find(&self.lookups.sessions, "id", id)
    }

    /// Lists the sessions of a user, newest first, in pages. It resolves with the first one, or with the one after
    /// `after`, and `for await` walks over all of them. Sessions that have expired by the clock of the server are left
    /// out, unless `includeExpired` is `true`.
    #[napi]
    pub fn list_user_sessions(
        &self,
        user_id: String,
        options: Option<Json<ListUserSessionsOptions>>,
    ) -> Pending<Page<SessionRecord>> {
        self.call("listUserSessions", move |mut db| async move {
            check_text(&user_id, "userId")?;
            let options = options.map(|options| options.parse("options")).transpose()?;
            sessions::list_of_user(&mut db, &user_id, options).await
        })
    }

    /// Finds what a request needs to know of its session, in one round trip: the session, its user, the organization and
    /// the roles of the user in it, all as of one moment. Resolves with `null` if there is no such session, or if it has
    /// expired by the clock of the server.
    ///
    /// `orgId` names the organization that the request is about; without it, that is the organization of the session. The
    /// result has it only if the user belongs to it, as a member or by a role. Otherwise `organization` is absent and
    /// `roles` is empty.
    ///
    /// `extendTo` moves the expiry of the session to that time in the same statement. It never shortens a session, and
    /// never brings back one that has expired. The result has the session as it is afterwards.
    #[napi]
    pub fn get_session_context(
        &self,
        session_id: String,
        options: Option<Json<SessionContextOptions>>,
    ) -> Pending<Nullable<SessionContext>> {
        let none = SessionContextOptions { org_id: None, extend_to: None };
        let options = check_text(&session_id, "sessionId").and_then(|()| options_or(options.as_ref(), none));
        match options {
            Ok(SessionContextOptions { org_id, extend_to }) => {
                let wanted = WantedContext { session_id, org_id, extend_to };
                if extend_to.is_some() {
                    self.join(&self.session_extensions, wanted, |answer, found| answer.give(&found))
                } else {
                    self.join(&self.session_contexts, wanted, |answer, found| answer.give(&found))
                }
            }
            Err(error) => self.fail("getSessionContext", error),
        }
    }

    /// Changes a session. A missing field is left as it is, and `null` clears a field.
    ///
    /// Rejects with `not_found` if there is no such session or it has expired, with `conflict` if it has been changed since
    /// `ifUpdatedAt`, and with `invalid_reference` like `createSession`.
    #[napi]
    pub fn update_session(
        &self,
        id: String,
        patch: Json<SessionPatch>,
        options: Option<Json<UpdateOptions>>,
    ) -> Pending<SessionRecord> {
        let update = || {
            check_text(&id, "id")?;
            Ok(SessionUpdate {
                patch: patch.parse("patch")?,
                options: options_or(options.as_ref(), UpdateOptions::NONE)?,
                id,
            })
        };
        match update() {
            Ok(update) => self.join(&self.session_updates, update, |answer, updated| answer.give(&updated.flatten())),
            Err(error) => self.fail("updateSession", error),
        }
    }

    /// Deletes a session. Does nothing if there is none.
    #[napi]
    pub fn delete_session(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteSession", move |mut db| async move {
            check_text(&id, "id")?;
            sessions::delete(&mut db, &id).await.map(|()| Void)
        })
    }

    /// Deletes all sessions of a user except the one in `except`. Resolves with how many were deleted.
    #[napi]
    pub fn delete_user_sessions(
        &self,
        user_id: String,
        options: Option<Json<DeleteUserSessionsOptions>>,
    ) -> Pending<u32> {
        self.call("deleteUserSessions", move |mut db| async move {
            check_text(&user_id, "userId")?;
            let options =
                options.map_or(Ok(DeleteUserSessionsOptions { except: None }), |options| options.parse("options"))?;
            sessions::delete_of_user(&mut db, &user_id, options).await
        })
    }

    /// Deletes expired sessions, in batches of 1 000. Resolves with how many were deleted.
    #[napi]
    pub fn delete_expired_sessions(&self, options: Option<Json<DeleteExpiredSessionsOptions>>) -> Pending<u32> {
        self.call("deleteExpiredSessions", move |mut db| async move {
            let DeleteExpiredSessionsOptions { limit } =
                options.map_or(Ok(DeleteExpiredSessionsOptions { limit: None }), |options| options.parse("options"))?;
            sweeps::delete_expired_sessions(&mut db, limit).await
        })
    }
}
