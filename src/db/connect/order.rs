//! In which order hosts are tried: those that are likely to serve come first.

use crate::db::deadline::within;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A host that has not answered for so long counts as silent when the attempt ends.
const SILENT: Duration = Duration::from_millis(500);

/// For how long a host that was silent is tried last. After that, one attempt at a time begins with it.
const REMEMBERED: Duration = Duration::from_secs(10);

/// What is known about the hosts, by their index.
#[derive(Debug, Default)]
pub struct HostOrder {
    /// The one that the last connection leads to.
    latest: Mutex<Option<usize>>,
    /// When those that were silent were last tried.
    silent: Mutex<HashMap<usize, Instant>>,
}

impl HostOrder {
    pub fn opened(&self, host: usize) {
        *self.lock_latest() = Some(host);
    }

    /// The one that the last connection leads to.
    pub fn latest(&self) -> Option<usize> {
        *self.lock_latest()
    }

    /// The order in which they are tried now. Where writes are wanted, the last connection leads to a host that accepted them.
    pub fn of(&self, hosts: usize, wants_writes: bool) -> Vec<usize> {
        let latest = self.latest();
        let silent = self.silent();
        let is_avoided = |host: &usize| silent.get(host).is_some_and(|since| since.elapsed() < REMEMBERED);
        let mut order: Vec<usize> = (0..hosts).collect();
        order.sort_by_key(|host| (is_avoided(host), wants_writes && Some(*host) != latest));
        order
    }

    /// What a host answers within the limit. If it does not, or if this future is dropped before, that is remembered.
    pub async fn watched<T>(&self, host: usize, limit: Option<Duration>, answer: impl Future<Output = T>) -> Option<T> {
        // While one attempt finds out whether the host is still silent, the others avoid it.
        self.silent().entry(host).and_modify(|since| *since = Instant::now());
        let mut attempt = Attempt { order: self, host, started: Instant::now(), has_answer: false };
        let answer = within(limit, answer).await;
        attempt.has_answer = answer.is_some();
        answer
    }

    fn lock_latest(&self) -> MutexGuard<'_, Option<usize>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silent(&self) -> MutexGuard<'_, HashMap<usize, Instant>> {
        self.silent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt to be let in by a host.
struct Attempt<'o> {
    order: &'o HostOrder,
    host: usize,
    started: Instant,
    has_answer: bool,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.has_answer {
            self.order.silent().remove(&self.host);
        } else if self.started.elapsed() >= SILENT {
            self.order.silent().insert(self.host, Instant::now());
        }
    }
}
