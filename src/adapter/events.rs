use super::{CallOptions, Json, Pending, PostgresStorageAdapter, Void, options_or};
use crate::store::event_counts::{self, CountEventsOptions, EventCount};
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
    /// Counts events by type and by hour or day, in UTC: sorted by `start` and `type`, and without those that are zero. The
    /// first and the last count hold only what is between `from` and `to`.
    ///
    /// Rejects with `invalid_input` if there are more than 1 000 hours or days between `from` and `to`, and if the events
    /// are of so many types that there would be more than 50 000 counts. Every event of the time asked for is read, so that
    /// a long time of a large log may take longer than `statementTimeoutMs` allows.
    #[napi]
    pub fn count_events(&self, options: Option<Json<CountEventsOptions>>) -> Pending<Vec<EventCount>> {
        self.call("countEvents", move |mut db| async move {
            let none =
                CountEventsOptions { from: None, to: None, step: None, types: None, org_id: None, principal_id: None };
            let options = options_or(options.as_ref(), none)?;
            event_counts::count(&mut db, options).await
        })
    }
}
