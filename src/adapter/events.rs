use super::{CallOptions, Json, Pending, PostgresStorageAdapter, Void};
use crate::store::events::EventInput;
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
}
