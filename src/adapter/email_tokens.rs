use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter};
use crate::input::{check_text, check_texts};
use crate::store::email_tokens::{self, EmailVerificationToken, EmailVerificationTokenInput};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Stores a token that is sent by e-mail.
    ///
    /// Rejects with `invalid_reference` if there is no such user, and with `conflict` if the id is taken.
    #[napi]
    pub fn create_email_verification_token(
        &self,
        token: Json<EmailVerificationTokenInput>,
        _options: Option<CallOptions>,
    ) -> Pending<EmailVerificationToken> {
        self.call("createEmailVerificationToken", move |mut db| async move {
            email_tokens::create(&mut db, token.parse("token")?).await
        })
    }

    /// Lists the tokens of an e-mail that can still be used, or only those of one type. The newest token comes first.
    /// The type may be any string, as in the interface of `@kitiumai/auth`. No tokens are found for an unknown one.
    #[napi(
        ts_args_type = "email: string, type?: EmailTokenType | (string & {}) | null | undefined, options?: CallOptions | null | undefined"
    )]
    pub fn get_email_verification_tokens(
        &self,
        email: String,
        r#type: Option<String>,
        _options: Option<CallOptions>,
    ) -> Pending<Vec<EmailVerificationToken>> {
        self.call("getEmailVerificationTokens", move |mut db| async move {
            check_texts(&[("email", &email), ("type", r#type.as_deref().unwrap_or_default())])?;
            email_tokens::list(&mut db, &email, r#type.as_deref()).await
        })
    }

    /// Finds a token by its id. Resolves with `null` if there is none or it has expired. A token that has been used is
    /// returned with `usedAt`.
    #[napi]
    pub fn get_email_verification_token_by_id(
        &self,
        id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Nullable<EmailVerificationToken>> {
        self.find(&self.lookups.tokens, "id", id)
    }

    /// Marks a token as used. Exactly one of several concurrent calls succeeds.
    ///
    /// Rejects with `already_used`, `expired` or `not_found`.
    #[napi]
    pub fn mark_email_verification_token_as_used(
        &self,
        id: String,
        _options: Option<CallOptions>,
    ) -> Pending<EmailVerificationToken> {
        self.call("markEmailVerificationTokenAsUsed", move |mut db| async move {
            check_text(&id, "id")?;
            email_tokens::mark_used(&mut db, &id).await
        })
    }

    /// Deletes expired tokens, in batches of 1 000. Resolves with how many were deleted.
    #[napi]
    pub fn delete_expired_email_verification_tokens(&self, _options: Option<CallOptions>) -> Pending<u32> {
        self.call("deleteExpiredEmailVerificationTokens", move |mut db| async move {
            email_tokens::delete_expired(&mut db).await
        })
    }

    /// Resolves with how often a token has been tried. This is 0 if there is no such token.
    #[napi]
    pub fn get_email_verification_token_attempts(&self, id: String, _options: Option<CallOptions>) -> Pending<i32> {
        self.call("getEmailVerificationTokenAttempts", move |mut db| async move {
            check_text(&id, "id")?;
            email_tokens::attempts(&mut db, &id).await
        })
    }

    /// Counts an attempt and resolves with the new number of attempts. Concurrent calls are all counted.
    ///
    /// Rejects with `not_found` if there is no such token.
    #[napi]
    pub fn increment_email_verification_token_attempts(
        &self,
        id: String,
        _options: Option<CallOptions>,
    ) -> Pending<i32> {
        self.call("incrementEmailVerificationTokenAttempts", move |mut db| async move {
            check_text(&id, "id")?;
            email_tokens::increment_attempts(&mut db, &id).await
        })
    }
}
