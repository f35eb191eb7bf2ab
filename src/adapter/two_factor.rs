use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void};
use crate::input::{check_key, check_text};
use crate::store::two_factor::{
    self, BackupCode, BackupCodeOrText, TwoFactorDevice, TwoFactorDeviceInput, TwoFactorDevicePatch, TwoFactorSession,
    TwoFactorSessionInput,
};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates a two-factor device. Fields beyond the named ones are stored and come back as they were given.
    ///
    /// Rejects with `invalid_reference` when there is no such user, with `conflict` when the id is taken.
    #[napi]
    pub fn create_two_factor_device(
        &self,
        device: Json<TwoFactorDeviceInput>,
        _options: Option<CallOptions>,
    ) -> Pending<TwoFactorDevice> {
        self.call("createTwoFactorDevice", move |mut db| async move {
            two_factor::create_device(&mut db, device.parse("device")?).await
        })
    }

    /// Finds a two-factor device by id.
    #[napi]
    pub fn get_two_factor_device(
        &self,
        id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Nullable<TwoFactorDevice>> {
        self.find(&self.lookups.devices, "id", id)
    }

    /// Changes a two-factor device. A missing field is left alone, `null` clears it; `metadata` is replaced whole.
    ///
    /// Rejects with `not_found` when there is none.
    #[napi]
    pub fn update_two_factor_device(
        &self,
        id: String,
        patch: Json<TwoFactorDevicePatch>,
        _options: Option<CallOptions>,
    ) -> Pending<TwoFactorDevice> {
        self.call("updateTwoFactorDevice", move |mut db| async move {
            check_text(&id, "id")?;
            two_factor::update_device(&mut db, id, patch.parse("patch")?).await
        })
    }

    /// Lists a user's two-factor devices, newest first.
    #[napi]
    pub fn list_two_factor_devices(
        &self,
        user_id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Vec<TwoFactorDevice>> {
        self.call("listTwoFactorDevices", move |mut db| async move {
            check_text(&user_id, "userId")?;
            two_factor::list_devices(&mut db, user_id).await
        })
    }

    /// Deletes a two-factor device and its sessions, if there is one.
    #[napi]
    pub fn delete_two_factor_device(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteTwoFactorDevice", move |mut db| async move {
            check_text(&id, "id")?;
            two_factor::delete_device(&mut db, id).await.map(|()| Void)
        })
    }

    /// Replaces a user's whole set of backup codes, atomically; given ids and the given order are kept. A plain string is
    /// stored as `code` as it is.
    ///
    /// Rejects with `invalid_reference` when there is no such user, with `conflict` when an id is taken.
    #[napi(
        ts_args_type = "userId: string, codes: Array<string | BackupCodeInput>, options?: CallOptions | null | undefined"
    )]
    pub fn create_backup_codes(
        &self,
        user_id: String,
        codes: Json<Vec<BackupCodeOrText>>,
        _options: Option<CallOptions>,
    ) -> Pending<Vec<BackupCode>> {
        self.call("createBackupCodes", move |mut db| async move {
            check_key(&user_id, "userId")?;
            two_factor::create_backup_codes(&mut db, user_id, codes.parse("codes")?).await
        })
    }

    /// Lists a user's backup codes, used ones included, in the order in which they were given.
    #[napi]
    pub fn get_backup_codes(&self, user_id: String, _options: Option<CallOptions>) -> Pending<Vec<BackupCode>> {
        self.call("getBackupCodes", move |mut db| async move {
            check_text(&user_id, "userId")?;
            two_factor::backup_codes(&mut db, user_id).await
        })
    }

    /// Uses a backup code: exactly one caller wins.
    ///
    /// Rejects with `already_used` or `not_found`.
    #[napi]
    pub fn mark_backup_code_used(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("markBackupCodeUsed", move |mut db| async move {
            check_text(&id, "id")?;
            two_factor::mark_backup_code_used(&mut db, id).await.map(|()| Void)
        })
    }

    /// Creates a two-factor session: a log-in that waits for its second factor.
    ///
    /// Rejects with `invalid_reference` when there is no such user or device, with `conflict` when the id is taken.
    #[napi]
    pub fn create_two_factor_session(
        &self,
        session: Json<TwoFactorSessionInput>,
        _options: Option<CallOptions>,
    ) -> Pending<TwoFactorSession> {
        self.call("createTwoFactorSession", move |mut db| async move {
            two_factor::create_session(&mut db, session.parse("session")?).await
        })
    }

    /// Finds a two-factor session that has not expired; a completed one is returned until then.
    #[napi]
    pub fn get_two_factor_session(
        &self,
        id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Nullable<TwoFactorSession>> {
        self.find(&self.lookups.two_factor_sessions, "id", id)
    }

    /// Completes a two-factor session: exactly one caller wins.
    ///
    /// Rejects with `already_used`, with `expired` when it is too late or there were too many attempts, with `not_found`.
    #[napi]
    pub fn complete_two_factor_session(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("completeTwoFactorSession", move |mut db| async move {
            check_text(&id, "id")?;
            two_factor::complete_session(&mut db, id).await.map(|()| Void)
        })
    }

    /// Counts one more attempt and resolves with the new number; concurrent calls all count.
    ///
    /// Rejects with `expired` beyond `maxAttempts` or when it is too late, with `already_used` once completed, with `not_found`.
    #[napi]
    pub fn increment_two_factor_session_attempts(&self, id: String, _options: Option<CallOptions>) -> Pending<i32> {
        self.call("incrementTwoFactorSessionAttempts", move |mut db| async move {
            check_text(&id, "id")?;
            two_factor::increment_session_attempts(&mut db, id).await
        })
    }
}
