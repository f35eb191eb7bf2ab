use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void, options_or};
use crate::input::{Key, check_key, check_text, check_texts};
use crate::store::oauth_links::{self, OAuthLinkInput};
use crate::store::pages::Page;
use crate::store::passwords::{self, PasswordHash};
use crate::store::updates::UpdateOptions;
use crate::store::user_creates::NewUser;
use crate::store::user_deletes;
use crate::store::user_lists::{self, ListUsersOptions};
use crate::store::users::{self, UserInput, UserPatch, UserRecord};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates a user. E-mails are unique without regard to ASCII case. A `passwordHash` is stored together with the
    /// user, but it is not part of the record. It is read with `getPasswordHash`.
    ///
    /// Rejects with `conflict` if the e-mail or the id is taken.
    #[napi]
    pub fn create_user(&self, user: Json<UserInput>, _options: Option<CallOptions>) -> Pending<UserRecord> {
        match user.parse("user") {
            Ok(user) => self.join(&self.user_creates, NewUser::from(user), |answer, created| answer.give(&created)),
            Err(error) => self.fail("createUser", error),
        }
    }

    /// Finds a user by its id. Resolves with `null` if there is none.
    #[napi]
    pub fn get_user(&self, id: String, _options: Option<CallOptions>) -> Pending<Nullable<UserRecord>> {
        self.find(&self.lookups.users, "id", id)
    }

    /// Finds a user by the e-mail, without regard to ASCII case. Resolves with `null` if there is none.
    #[napi]
    pub fn get_user_by_email(&self, email: String, _options: Option<CallOptions>) -> Pending<Nullable<UserRecord>> {
        self.find(&self.lookups.users_by_email, "email", users::email_key(&email))
    }

    /// Lists users, newest first, in pages: the promise resolves with the first one, or with the one after `after`.
    /// `for await (const user of storage.listUsers())` walks over all of them, page by page.
    #[napi]
    pub fn list_users(&self, options: Option<Json<ListUsersOptions>>) -> Pending<Page<UserRecord>> {
        self.call("listUsers", move |mut db| async move {
            let options = options.map(|options| options.parse("options")).transpose()?;
            user_lists::list(&mut db, options).await
        })
    }

    /// Finds the user that an OAuth account is linked to. Resolves with `null` if there is none.
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
            oauth_links::find_user(&mut db, &provider, &sub).await.map(Nullable)
        })
    }

    /// Changes a user. A missing field is left as it is, and `null` clears a field.
    ///
    /// Rejects with `not_found` if there is no such user, and with `conflict` if the e-mail is taken, or if the user has
    /// been changed since `ifUpdatedAt`.
    #[napi]
    pub fn update_user(
        &self,
        id: String,
        patch: Json<UserPatch>,
        options: Option<Json<UpdateOptions>>,
    ) -> Pending<UserRecord> {
        self.call("updateUser", move |mut db| async move {
            check_text(&id, "id")?;
            let options = options_or(options.as_ref(), UpdateOptions::NONE)?;
            users::update(&mut db, &id, patch.parse("patch")?, &options).await
        })
    }

    /// Sets the password hash of a user, or removes it if the hash is `null`. The application chooses how passwords are
    /// hashed. The hash is stored as it is.
    ///
    /// Rejects with `not_found` if there is no such user.
    #[napi(ts_args_type = "userId: string, hash: string | null, options?: CallOptions | null | undefined")]
    pub fn set_password_hash(
        &self,
        user_id: String,
        hash: Option<String>,
        _options: Option<CallOptions>,
    ) -> Pending<Void> {
        self.call("setPasswordHash", move |mut db| async move {
            check_text(&user_id, "userId")?;
            match hash {
                Some(hash) => {
                    check_key(&hash, "hash")?;
                    passwords::set(&mut db, &user_id, &Key(hash)).await
                }
                None => passwords::clear(&mut db, &user_id).await,
            }
            .map(|()| Void)
        })
    }

    /// Finds the password hash of a user. Resolves with `null` if the user has none, or if there is no such user.
    #[napi(ts_return_type = "Promise<string | null>")]
    pub fn get_password_hash(&self, user_id: String, _options: Option<CallOptions>) -> Pending<Nullable<PasswordHash>> {
        self.find(&self.lookups.password_hashes, "userId", user_id)
    }

    /// Deletes a user and everything that belongs to it: sessions, API keys, e-mail tokens, role assignments, OAuth and
    /// SSO links, two-factor devices, backup codes, memberships in organizations, and the password hash. Does nothing
    /// if there is no such user.
    ///
    /// If the user has more than 1 000 rows of a kind, these are deleted first, a thousand at a time and in this order: API
    /// keys, sessions, SSO sessions, e-mail tokens, two-factor sessions, role assignments, memberships, SSO links, backup
    /// codes, and two-factor devices, except for the thousand newest that are verified. The user is deleted last, with
    /// everything else. A call that is given up in between keeps what it has done, and the next one goes on from there.
    #[napi]
    pub fn delete_user(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteUser", move |mut db| async move {
            check_text(&id, "id")?;
            user_deletes::delete(&mut db, &id).await.map(|()| Void)
        })
    }

    /// Links an OAuth account to a user, or refreshes the link. A user has one link per provider, so a link with
    /// another `sub` replaces the one that is there.
    ///
    /// Rejects with `conflict` if the account is linked to another user, and with `not_found` if there is no such user.
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
            oauth_links::link(&mut db, &user_id, &provider, link.parse("link")?).await
        })
    }

    /// Removes the link of a user to an OAuth provider. Does nothing if there is none.
    ///
    /// Rejects with `not_found` if there is no such user.
    #[napi(js_name = "unlinkOAuthAccount")]
    pub fn unlink_oauth_account(
        &self,
        user_id: String,
        provider: String,
        _options: Option<CallOptions>,
    ) -> Pending<UserRecord> {
        self.call("unlinkOAuthAccount", move |mut db| async move {
            check_texts(&[("userId", &user_id), ("provider", &provider)])?;
            oauth_links::unlink(&mut db, &user_id, &provider).await
        })
    }
}
