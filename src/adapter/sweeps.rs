use super::{Json, Pending, PostgresStorageAdapter, options_or};
use crate::store::sweep_records;
use crate::store::sweeps::{self, CallPace, SweepOptions, SweepOrder, SweptRows};
use napi_derive::napi;
use std::time::Instant;

#[napi]
impl PostgresStorageAdapter {
    /// Deletes what has expired or has been used up: sessions, e-mail tokens, two-factor sessions, SSO sessions, API keys
    /// and backup codes. With the option `retainEventsForDays` months of events that are older are dropped. Resolves with how
    /// many rows of each kind were deleted.
    ///
    /// Rows are deleted in batches, each a statement of its own, with pauses between them. Rows that somebody has locked are
    /// left to the next sweep, and a session that is renewed in the same moment stays. Any number of processes may sweep at
    /// once. A sweep that is given up or fails keeps what it has done. One that ends is shown by `healthCheck`.
    #[napi]
    pub fn sweep(&self, options: Option<Json<SweepOptions>>) -> Pending<SweptRows> {
        let retained_days = self.retain_events_for_days;
        self.call("sweep", move |mut db| async move {
            let none = SweepOptions { kinds: None, older_than: None, limit: None, batch_size: None, dry_run: None };
            let order = SweepOrder::read(options_or(options.as_ref(), none)?, retained_days)?;
            let began = Instant::now();
            let started_at = sweeps::started_at(&mut db).await?;
            let swept = sweeps::run(&mut db, &order, &mut CallPace).await?;
            if !order.is_dry_run() {
                sweep_records::note(&mut db, started_at, began.elapsed(), swept).await?;
            }
            Ok(swept)
        })
    }
}
