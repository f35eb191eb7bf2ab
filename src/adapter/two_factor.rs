use super::{CallOptions, Json, Nullable, Pending, PostgresStorageAdapter, Void, options_or};
use crate::input::{LargeNatural, check_key, check_text};
use crate::store::backup_codes::{self, BackupCode, BackupCodeOrText};
use crate::store::two_factor_devices::{self, TwoFactorDevice, TwoFactorDeviceInput, TwoFactorDevicePatch};
use crate::store::two_factor_sessions::{self, TwoFactorSession, TwoFactorSessionInput};
use crate::store::two_factor_steps;
use crate::store::updates::UpdateOptions;
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Creates a two-factor device. Fields beyond the declared ones are stored and returned as JSON.
    ///
    /// Rejects with `invalid_reference` if there is no such user, and with `conflict` if the id is taken.
    #[napi]
    pub fn create_two_factor_device(
        &self,
        device: Json<TwoFactorDeviceInput>,
        _options: Option<CallOptions>,
    ) -> Pending<TwoFactorDevice> {
        self.call("createTwoFactorDevice", move |mut db| async move {
            two_factor_devices::create(&mut db, device.parse("device")?).await
        })
    }

    /// Finds a two-factor device by its id. Resolves with `null` if there is none.
    #[napi]
    pub fn get_two_factor_device(
        &self,
        id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Nullable<TwoFactorDevice>> {
        self.find(&self.lookups.devices, "id", id)
    }

    /// Changes a two-factor device. A missing field is left as it is, and `null` clears a field. `metadata` replaces
    /// the whole object, unless `mergeMetadata` is `true`.
    ///
    /// Rejects with `not_found` if there is no such device, with `conflict` if it has been changed since `ifUpdatedAt`, and
    /// with `invalid_input` if a device of the method `totp` would have no secret.
    #[napi]
    pub fn update_two_factor_device(
        &self,
        id: String,
        patch: Json<TwoFactorDevicePatch>,
        options: Option<Json<UpdateOptions>>,
    ) -> Pending<TwoFactorDevice> {
        self.call("updateTwoFactorDevice", move |mut db| async move {
            check_text(&id, "id")?;
            let options = options_or(options.as_ref(), UpdateOptions::NONE)?;
            two_factor_devices::update(&mut db, &id, patch.parse("patch")?, &options).await
        })
    }

    /// Lists the two-factor devices of a user. The newest device comes first.
    #[napi]
    pub fn list_two_factor_devices(
        &self,
        user_id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Vec<TwoFactorDevice>> {
        self.call("listTwoFactorDevices", move |mut db| async move {
            check_text(&user_id, "userId")?;
            two_factor_devices::list(&mut db, &user_id).await
        })
    }

    /// Deletes a two-factor device and its sessions. Does nothing if there is none.
    #[napi]
    pub fn delete_two_factor_device(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("deleteTwoFactorDevice", move |mut db| async move {
            check_text(&id, "id")?;
            two_factor_devices::delete(&mut db, &id).await.map(|()| Void)
        })
    }

    /// Uses a time step of a device of the method `totp`, so that the code of that step is accepted only once. `step` is
    /// the one whose code was given: the seconds since 1970, divided by the period of the codes (mostly 30) and rounded
    /// down. Call it after the code has been found to be right, and let the login go on only if it resolves.
    ///
    /// A step can be used once at each device, and none that is earlier than the latest one used. Exactly one of several
    /// concurrent calls succeeds. Using a step changes neither `lastUsedAt` nor `updatedAt` of the device.
    ///
    /// Rejects with `already_used` if the step or a later one has been used, with `not_found` if there is no such device,
    /// and with `invalid_input` if `step` is not a whole number from 0 to 9 007 199 254 740 991.
    #[napi]
    pub fn use_two_factor_step(
        &self,
        device_id: String,
        step: Json<LargeNatural>,
        _options: Option<CallOptions>,
    ) -> Pending<Void> {
        self.call("useTwoFactorStep", move |mut db| async move {
            check_text(&device_id, "deviceId")?;
            two_factor_steps::use_step(&mut db, &device_id, step.parse("step")?).await.map(|()| Void)
        })
    }

    /// Replaces all backup codes of a user, atomically. Their order is kept. A plain string is stored as the `code`, as
    /// it is.
    ///
    /// Rejects with `invalid_reference` if there is no such user, and with `conflict` if an id is taken.
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
            backup_codes::replace(&mut db, &user_id, codes.parse("codes")?).await
        })
    }

    /// Lists the backup codes of a user, including used ones, in the order in which they were given.
    #[napi]
    pub fn get_backup_codes(&self, user_id: String, _options: Option<CallOptions>) -> Pending<Vec<BackupCode>> {
        self.call("getBackupCodes", move |mut db| async move {
            check_text(&user_id, "userId")?;
            backup_codes::list(&mut db, &user_id).await
        })
    }

    /// Marks a backup code as used. Exactly one of several concurrent calls succeeds.
    ///
    /// Rejects with `already_used` or `not_found`.
    #[napi]
    pub fn mark_backup_code_used(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("markBackupCodeUsed", move |mut db| async move {
            check_text(&id, "id")?;
            backup_codes::mark_used(&mut db, &id).await.map(|()| Void)
        })
    }

    /// Creates a two-factor session, which is a login that is waiting for its second factor.
    ///
    /// Rejects with `invalid_reference` if there is no such user or device, and with `conflict` if the id is taken.
    #[napi]
    pub fn create_two_factor_session(
        &self,
        session: Json<TwoFactorSessionInput>,
        _options: Option<CallOptions>,
    ) -> Pending<TwoFactorSession> {
        self.call("createTwoFactorSession", move |mut db| async move {
            two_factor_sessions::create(&mut db, session.parse("session")?).await
        })
    }

    /// Finds a two-factor session by its id. Resolves with `null` if there is none or it has expired. A completed
    /// session is returned until it expires.
    #[napi]
    pub fn get_two_factor_session(
        &self,
        id: String,
        _options: Option<CallOptions>,
    ) -> Pending<Nullable<TwoFactorSession>> {
        self.find(&self.lookups.two_factor_sessions, "id", id)
    }

    /// Completes a two-factor session. Exactly one of several concurrent calls succeeds.
    ///
    /// Rejects with `already_used` if it has been completed, with `expired` if it has expired or has no attempts left,
    /// and with `not_found` if there is none.
    #[napi]
    pub fn complete_two_factor_session(&self, id: String, _options: Option<CallOptions>) -> Pending<Void> {
        self.call("completeTwoFactorSession", move |mut db| async move {
            check_text(&id, "id")?;
            two_factor_sessions::complete(&mut db, &id).await.map(|()| Void)
        })
    }

    /// Counts an attempt and resolves with the new number of attempts. Concurrent calls are all counted.
    ///
    /// Rejects with `expired` if the session has expired or has no attempts left, with `already_used` if it has been
    /// completed, and with `not_found` if there is none.
    #[napi]
    pub fn increment_two_factor_session_attempts(&self, id: String, _options: Option<CallOptions>) -> Pending<i32> {
        self.call("incrementTwoFactorSessionAttempts", move |mut db| async move {
            check_text(&id, "id")?;
            two_factor_sessions::increment_attempts(&mut db, &id).await
        })
    }
}
