use super::{Json, Nullable, Pending, PostgresStorageAdapter, Void, options_or};
use crate::error::Error;
use crate::input::check_text;
use crate::store::erasure::{EraseUserOptions, Erasure};
use crate::store::export::{self, ExportOrder, ExportUserOptions, UserExport};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Everything that is stored about a person, for the person: one state of the database, without what would open a
    /// session or prove an identity. Resolves with `null` if nothing is stored about such a user.
    ///
    /// Lists hold at most 10 000 rows, and `events` the newest 1 000 or as many as `eventLimit` says; `incomplete` names the
    /// lists of which there is more. Older events are exported by a further call with `eventsBefore`.
    #[napi]
    pub fn export_user(&self, id: String, options: Option<Json<ExportUserOptions>>) -> Pending<Nullable<UserExport>> {
        self.call("exportUser", move |mut db| async move {
            check_text(&id, "id")?;
            let none = ExportUserOptions { event_limit: None, events_before: None };
            let options = options_or(options.as_ref(), none)?;
            export::export(&mut db, &ExportOrder::read(id, options)?).await.map(Nullable)
        })
    }

    /// Deletes a user with everything that is stored about the person, in one transaction: all that `deleteUser` deletes,
    /// e-mail tokens of the user's address that name no user, and the events as `events` says. If there is no such user, only
    /// events are changed or deleted.
    ///
    /// If the user has more than 1 000 rows of a kind or 10 000 events, most of them are deleted before that transaction, as
    /// by `deleteUser`. A call that is given up in between keeps what it has done, and the next one goes on from there.
    #[napi(ts_args_type = "id: string, options: EraseUserOptions")]
    pub fn erase_user(&self, id: String, options: Option<Json<EraseUserOptions>>) -> Pending<Void> {
        self.call("eraseUser", move |mut db| async move {
            check_text(&id, "id")?;
            let options = options.ok_or_else(|| Error::invalid_input("events", "is required"))?.parse("options")?;
            Erasure::new(id, options).run(&mut db).await.map(|()| Void)
        })
    }
}
