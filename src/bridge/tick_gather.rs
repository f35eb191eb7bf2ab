//! When many results reach JavaScript at once, what it does about them comes at once too: calls of the same kind, one
//! after the other. They are gathered until that turn of the event loop ends, and then leave in few statements;
//! a worker that started at the first of them would find that one alone. Kinds of which there are only a few stay,
//! if results are left for further turns, until those have been handed over, too.

use super::runtime;
use crate::db::batch::policy::{GATHER_LIMIT, GATHER_QUIET, GATHERED_ENOUGH};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::time::sleep;

/// Opened and closed by JavaScript's thread, which makes the calls.
#[derive(Default)]
pub struct TickGather {
    is_open: AtomicBool,
    gathered: Mutex<Gathered>,
}

#[derive(Default)]
struct Gathered {
    kinds: Vec<GatheredKind>,
    is_guarded: bool,
}

/// The calls of one kind that have been gathered.
struct GatheredKind {
    /// Tells it from the others: the address of its batch, since several may serve one method.
    id: usize,
    calls: usize,
    since: Instant,
    /// Begins all of them.
    begin: Box<dyn FnOnce() + Send>,
}

impl TickGather {
    /// For the moment before results are handed to JavaScript.
    pub fn open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    /// JavaScript has made the calls that follow from the results, and further results are left.
    pub fn pause(&self) {
        self.begin_those(|kind| kind.calls >= GATHERED_ENOUGH);
    }

    /// JavaScript has made the calls that follow from the last results.
    pub fn close(&self) {
        self.is_open.store(false, Ordering::Relaxed);
        self.begin_those(|_| true);
    }

    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Begins the calls of that kind when the turn ends, or the last one does, once for all of them.
    pub fn gather<B: FnOnce() + Send + 'static>(self: &Arc<Self>, kind: usize, begin: impl FnOnce() -> B) {
        let mut gathered = self.lock();
        if let Some(known) = gathered.kinds.iter_mut().find(|known| known.id == kind) {
            known.calls += 1;
            return;
        }
        gathered.kinds.push(GatheredKind { id: kind, calls: 1, since: Instant::now(), begin: Box::new(begin()) });
        if !gathered.is_guarded {
            gathered.is_guarded = true;
            runtime::spawn(false, Box::pin(Arc::clone(self).guard()));
        }
    }

    fn begin_those(&self, which: impl Fn(&GatheredKind) -> bool) {
        let begun: Vec<_> = self.lock().kinds.extract_if(.., |kind| which(kind)).collect();
        for kind in begun {
            (kind.begin)();
        }
    }

    /// Begins what has waited too long.
    async fn guard(self: Arc<Self>) {
        let mut quiet = 0;
        while !self.is_unguarded_after(quiet) {
            sleep(GATHER_LIMIT).await;
            quiet = if self.lock().kinds.is_empty() { quiet + 1 } else { 0 };
            self.begin_those(|kind| kind.since.elapsed() >= GATHER_LIMIT);
        }
    }

    fn is_unguarded_after(&self, quiet: u32) -> bool {
        let mut gathered = self.lock();
        gathered.is_guarded = quiet < GATHER_QUIET || !gathered.kinds.is_empty();
        !gathered.is_guarded
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, GATHER_LIMIT, GATHERED_ENOUGH, TickGather};
    use std::sync::atomic::{AtomicUsize, Ordering};

    const ONE: usize = 1;
    const OTHER: usize = 2;

    fn counting(count: &Arc<AtomicUsize>) -> impl FnOnce() + Send + 'static {
        let count = Arc::clone(count);
        move || {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn begins_each_kind_once_when_it_ends() {
        let (gather, one, other) = (Arc::<TickGather>::default(), Arc::default(), Arc::default());
        gather.open();
        // No guard: it might come before the end of the test.
        gather.lock().is_guarded = true;
        for _ in 0..3 {
            gather.gather(ONE, || counting(&one));
            gather.gather(OTHER, || counting(&other));
        }
        assert_eq!((one.load(Ordering::SeqCst), other.load(Ordering::SeqCst)), (0, 0));
        gather.close();
        assert_eq!((one.load(Ordering::SeqCst), other.load(Ordering::SeqCst)), (1, 1));
        gather.close();
        assert_eq!(one.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn keeps_the_rare_kinds_while_results_are_left() {
        let (gather, rare, common) = (Arc::<TickGather>::default(), Arc::default(), Arc::default());
        gather.open();
        gather.lock().is_guarded = true;
        gather.gather(ONE, || counting(&rare));
        for _ in 0..GATHERED_ENOUGH {
            gather.gather(OTHER, || counting(&common));
        }
        gather.pause();
        assert!(gather.is_open());
        assert_eq!((rare.load(Ordering::SeqCst), common.load(Ordering::SeqCst)), (0, 1));
        gather.close();
        assert!(!gather.is_open());
        assert_eq!((rare.load(Ordering::SeqCst), common.load(Ordering::SeqCst)), (1, 1));
    }

    #[test]
    fn lets_nothing_wait_for_a_turn_that_does_not_end() {
        // The guard runs there.
        super::runtime::runtime().unwrap();
        let (gather, count) = (Arc::<TickGather>::default(), Arc::default());
        gather.open();
        for round in 1..=3 {
            gather.gather(ONE, || counting(&count));
            while count.load(Ordering::SeqCst) < round {
                std::thread::sleep(GATHER_LIMIT);
            }
        }
    }
}
