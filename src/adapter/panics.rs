//! Methods that panic, for the test that a panic fails only its own call. They are not part of a release build.
#![expect(clippy::panic, reason = "on purpose")]

use super::{Pending, PostgresStorageAdapter, Void};
use crate::db::{Batch, Batched, Db, Repeat};
use crate::error::Result;
use napi_derive::napi;

struct Panic;

impl Batched for Panic {
    type Item = ();
    type Output = ();

    const IS_WRITE: bool = false;

    async fn one(&self, _: &mut Db, (): &()) -> Result<()> {
        panic!("a panic in a batch")
    }

    async fn many(&self, _: &mut Db, _: &[()]) -> Result<Vec<Option<()>>> {
        panic!("a panic in a batch")
    }
}

#[napi]
impl PostgresStorageAdapter {
    /// Panics while the call has a connection.
    #[napi(skip_typescript)]
    pub fn panic_in_call(&self) -> Pending<Void> {
        self.call("panicInCall", |mut db| async move {
            db.execute(Repeat::Read, || panic!("a panic in a call")).await.map(|_| Void)
        })
    }

    /// Panics in a statement for all of these calls.
    #[napi(skip_typescript)]
    pub fn panic_in_batch(&self, calls: u32) -> Vec<Pending<Void>> {
        let batch = Batch::new("panicInBatch", Panic);
        (0..calls).map(|_| self.join(&batch, (), |answer, result| answer.give(&result.map(|()| Void)))).collect()
    }
}
