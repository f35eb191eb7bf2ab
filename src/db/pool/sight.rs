//! Whether the role sees the rows of our tables. If row security hides all of them, deletes would resolve and delete
//! nothing.

use super::Lease;
use crate::error::Result;
use futures_core::future::BoxFuture;
use std::sync::atomic::{AtomicBool, Ordering};

/// The check, under way on a connection.
pub type SightCheck<'l> = BoxFuture<'l, Result<()>>;

/// One pool's knowledge. The pool does not know the tables, so it is given the check.
pub struct Sight {
    is_known: AtomicBool,
    check: Box<dyn for<'l> Fn(&'l mut Lease) -> SightCheck<'l> + Send + Sync>,
}

impl Sight {
    pub fn new(check: impl for<'l> Fn(&'l mut Lease) -> SightCheck<'l> + Send + Sync + 'static) -> Self {
        Self { is_known: AtomicBool::new(false), check: Box::new(check) }
    }

    /// Refuses a role that sees no row. Once it has passed, it costs nothing.
    pub async fn check(&self, lease: &mut Lease) -> Result<()> {
        if !self.is_known.load(Ordering::Relaxed) {
            (self.check)(lease).await?;
            self.passed();
        }
        Ok(())
    }

    /// For `connect()`, which makes the same check.
    pub fn passed(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }
}
