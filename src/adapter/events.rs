use super::{CallOptions, Json, Pending, PostgresStorageAdapter, Void};
use crate::store::events::{self, EventInput, EventRecord, ListEventsOptions};
use crate::store::pages::Page;
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// Writes an event to the audit log. Resolves once the event is committed. Events are kept when the users that they
    /// are about are deleted.
    #[napi]
    pub fn emit_event(&self, event: Json<EventInput>, _options: Option<CallOptions>) -> Pending<Void> {
        match event.parse("event") {
            Ok(event) => self.join(&self.events, event, |answer, result| answer.give(&result.map(|()| Void))),
            Err(error) => self.fail("emitEvent", error),
        }
    }

    /// Lists events, newest first, in pages. It resolves with the first one, or with the one after `after`, and `for
    /// await` walks over all of them.
    #[napi]
    pub fn list_events(&self, options: Option<Json<ListEventsOptions>>) -> Pending<Page<EventRecord>> {
        self.call("listEvents", move |mut db| async move {
            let options = options.map(|options| options.parse("options")).transpose()?;
            events::list(&mut db, options).await
        })
    }
}
