use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void};
use crate::error::Result;
use crate::input::{check_key, check_text};
use crate::store::user_creates::NewUser;
use crate::store::users::{self, OAuthLinkInput, UserInput, UserPatch, UserRecord};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates a user. E-mails are unique without regard to ASCII case.
    ///
    /// Rejects with `conflict` when the e-mail or the id is taken.
    #[napi]
    pub fn create_user(&self, user: Json<UserInput>, _options: Option<CallOptions>) -> Pending<UserRecord> {
        match user.parse("user") {
            Ok(user) => self.join(&self.user_creates, NewUser::from(user), |answer, created| answer.give(&created)),
            Err(error) => self.fail("createUser", error),
        }
    }

    /// Finds a user by id.
    #[napi]
    pub fn get_user(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<UserRecord>> {
        self.find(&self.lookups.users, "id", id)
    }

    /// Finds a user by e-mail, without regard to ASCII case.
    #[napi]
    pub fn get_user_by_email(&self, email: String, _options: Option<CallOptions>) -> Pending<Nullable<UserRecord>> {
        self.find(&self.lookups.users_by_email, "email", users::email_key(&email))
    }

    /// Finds the user to whom an OAuth account is linked.
    #[napi(js_name = "getUserByOAuth")]
    pub fn get_user_by_oauth(
        &self,
        provider: String,
        sub: String,
        _options: Option<CallOptions>,
    ) -> Pending<Nullable<UserRecord>> {
        self.call("getUserByOAuth", move |mut db| async move {
            check_text(&provider, "provider")?;
            check_text(&sub, "sub")?;
            users::by_oauth(&mut db, provider, sub).await.map(Nullable)
        })
    }

    /// Changes a user. A missing field is left alone, `null` clears it.
    ///
    /// Rejects with `not_found` when there is none, with `conflict` when the e-mail is taken.
    #[napi]
    pub fn update_user(
        &self,
        id: String,
        patch: Json<UserPatch>,
        _options: Option<CallOptions>,
    ) -> Pending<UserRecord> {
        self.call("updateUser", move |mut db| async move {
            check_text(&id, "id")?;
            users::update(&mut db, id, patch.parse("patch")?).await
        })
    }

    /// Deletes a user and all that is theirs: sessions, API keys, tokens, roles, links, devices, codes, memberships.
    #[napi]
    pub fn delete_user(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteUser", move |mut db| async move {
            check_text(&id, "id")?;
            users::delete(&mut db, id).await.map(|()| Void)
        })
    }

    /// Links an OAuth account to a user, or refreshes the link. A user has one link per provider: another `sub` replaces it.
    ///
    /// Rejects with `conflict` when the account is linked to another user, with `not_found` when there is no such user.
    #[napi(js_name = "linkOAuthAccount")]
    pub fn link_oauth_account(
        &self,
        user_id: String,
        provider: String,
        link: Json<OAuthLinkInput>,
        _options: Option<CallOptions>,
    ) -> Pending<UserRecord> {
        self.call("linkOAuthAccount", move |mut db| async move {
            check_text(&user_id, "userId")?;
            check_key(&provider, "provider")?;
            users::link_oauth(&mut db, user_id, provider, link.parse("link")?).await
        })
    }

    /// Removes a user's link to an OAuth provider; does nothing when there is none.
    ///
    /// Rejects with `not_found` when there is no such user.
    #[napi(js_name = "unlinkOAuthAccount")]
    pub fn unlink_oauth_account(
        &self,
        user_id: String,
        provider: String,
        _options: Option<CallOptions>,
    ) -> Pending<UserRecord> {
        self.call("unlinkOAuthAccount", move |mut db| async move {
            check_texts(&[("userId", &user_id), ("provider", &provider)])?;
            users::unlink_oauth(&mut db, user_id, provider).await
        })
    }
}

/// Several plain arguments at once.
pub fn check_texts(arguments: &[(&str, &str)]) -> Result<()> {
    arguments.iter().try_for_each(|(name, text)| check_text(text, name))
}
