use super::{CallOptions, Pending, PostgresStorageAdapter};
use crate::store::record_counts::{self, RecordCounts};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    /// How many users, organizations, sessions and API keys there are, at one moment, and about how many events. Sessions
    /// count as live or as expired by the clock of the server.
    ///
    /// All users, sessions and so on are counted, which takes the server some hundred milliseconds for a million of each.
    #[napi]
    pub fn count_records(&self, _options: Option<CallOptions>) -> Pending<RecordCounts> {
        self.call("countRecords", move |mut db| async move { record_counts::count(&mut db).await })
    }
}
