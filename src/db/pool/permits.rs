//! Which calls may use a connection, and how many calls wait for that.

use super::places::{Place, Places};
use crate::db::deadline::until;
use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A wait for a connection that takes longer than this is reported, because transactions may hold all of them.
const PATIENCE: Duration = Duration::from_secs(1);

/// The right to one connection, and to a part of the pool that calls of one kind share.
pub type Permit = (Place, Option<Place>);

/// The permits of one pool.
pub struct Permits {
    max: usize,
    all: Arc<Places>,
    /// The permits of each kind of call, because no kind may use all connections: see [`Self::share_of`].
    shares: Mutex<HashMap<&'static str, Arc<Places>>>,
    /// How many more connections may wait for locks of other transactions: see [`Self::patience`].
    patience: Arc<Semaphore>,
    /// How many calls wait for a permit. A batch worker gives its connection up if there are any.
    waiting: AtomicUsize,
}

impl Permits {
    pub fn new(max: usize) -> Self {
        Self {
            max,
            all: Places::new(max),
            shares: Mutex::default(),
            patience: Arc::new(Semaphore::new(max.saturating_sub(1))),
            waiting: AtomicUsize::new(0),
        }
    }

    /// How many connections are in use.
    pub fn used(&self) -> usize {
        self.max - self.all.free()
    }

    /// How many calls wait for a connection.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Counts a call as one that waits, until this is dropped.
    pub fn count_waiting(&self) -> CountedWait<'_> {
        CountedWait::new(&self.waiting)
    }

    /// How many connections one kind of call may use.
    pub fn share(&self) -> usize {
        self.max - self.max / 4
    }

    /// Whether calls of that kind may use one more connection.
    pub fn has_left(&self, kind: &'static str) -> bool {
        self.share_of(kind).is_none_or(|share| share.free() > 0)
    }

    /// The right to wait for a lock of another transaction as long as it takes, with a connection that serves nobody
    /// meanwhile. `None` if too many do already: one connection is always left to calls that need not wait.
    pub fn patience(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.patience).try_acquire_owned().ok()
    }

    /// How many have that right.
    pub fn patient(&self) -> usize {
        self.max.saturating_sub(1) - self.patience.available_permits()
    }

    /// Waits for the right to one connection, for a call of that kind. Returns `None` if there is none up to `end`. If the
    /// wait takes long, `report` is called.
    pub async fn take(
        &self,
        kind: Option<&'static str>,
        end: Option<Instant>,
        report: &(dyn Fn() + Sync),
    ) -> Option<Permit> {
        let of_kind = match kind.and_then(|kind| self.share_of(kind)) {
            Some(share) => Some(self.take_from(&share, end, report).await?),
            None => None,
        };
        let of_all = self.take_from(&self.all, end, report).await?;
        Some((of_all, of_kind))
    }

    /// One kind of call leaves a quarter of the connections to the others, so that calls that wait for a lock do not
    /// make all calls wait. A pool of fewer than four connections is too small to be shared.
    fn share_of(&self, kind: &'static str) -> Option<Arc<Places>> {
        (self.share() < self.max).then(|| {
            let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shares.entry(kind).or_insert_with(|| Places::new(self.share())))
        })
    }

    async fn take_from(&self, places: &Arc<Places>, end: Option<Instant>, report: &(dyn Fn() + Sync)) -> Option<Place> {
        if let Some(place) = places.take() {
            return Some(place);
        }
        let _waiting = self.count_waiting();
        let mut wait = pin!(places.wait());
        match until(Some(end_of_patience(end)), &mut wait).await {
            None => {
                report();
                until(end, wait).await
            }
            place => place,
        }
    }
}

/// Counts a call for as long as it waits, however its wait ends.
pub struct CountedWait<'p>(&'p AtomicUsize);

impl<'p> CountedWait<'p> {
    fn new(count: &'p AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for CountedWait<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// When a wait for a connection has taken so long that it is reported, if it may take until `end`.
fn end_of_patience(end: Option<Instant>) -> Instant {
    let now = Instant::now();
    now + end.map_or(PATIENCE, |end| PATIENCE.min(end.saturating_duration_since(now) / 2))
}
