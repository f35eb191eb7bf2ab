//! A retention pass by itself, for its test. It is not part of a release build, in which `sweep` and `connect` make such passes.

use super::{Pending, PostgresStorageAdapter};
use crate::store::event_retention::{RetainedCounts, retain};
use napi_derive::napi;

#[napi]
impl PostgresStorageAdapter {
    #[napi(skip_typescript)]
    pub fn retain_events(&self, days: u32, to_the_day: bool) -> Pending<RetainedCounts> {
        self.call("retainEvents", move |mut db| async move { retain(&mut db, days, to_the_day).await })
    }
}
