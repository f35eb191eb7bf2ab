//! When many results reach JavaScript at once, what it does about them comes at once too: calls of the same kind, one
//! after the other. They are gathered until that turn of the event loop ends, and then leave in few statements;
//! a worker that started at the first of them would find that one alone.

use super::start::RUNTIME;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A turn may turn out to be long, for JavaScript may compute. The calls do not wait for that.
const LIMIT: Duration = Duration::from_millis(1);

/// After so many limits without a turn nobody looks out for long ones.
const QUIET: u32 = 50;

#[derive(Default)]
pub struct Turn {
    is_open: AtomicBool,
    gathered: Mutex<Gathered>,
}

type Begin = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Gathered {
    /// What begins the calls of each kind.
    begins: Vec<(&'static str, Begin)>,
    opened_at: Option<Instant>,
    is_guarded: bool,
}

impl Turn {
    /// Results are being handed to JavaScript.
    pub fn open(&self) {
        self.lock().opened_at = Some(Instant::now());
        self.is_open.store(true, Ordering::Release);
    }

    /// JavaScript has done what it does about them.
    pub fn close(&self) {
        self.is_open.store(false, Ordering::Release);
        let begins = {
            let mut gathered = self.lock();
            gathered.opened_at = None;
            std::mem::take(&mut gathered.begins)
        };
        for (_, begin) in begins {
            begin();
        }
    }

    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Begins the calls of that kind when the turn ends, once for all of them.
    pub fn gather<B: FnOnce() + Send + 'static>(self: &Arc<Self>, kind: &'static str, begin: impl FnOnce() -> B) {
        let mut gathered = self.lock();
        // It has ended meanwhile.
        if gathered.opened_at.is_none() {
            drop(gathered);
            begin()();
            return;
        }
        if gathered.begins.iter().all(|(known, _)| *known != kind) {
            gathered.begins.push((kind, Box::new(begin())));
        }
        if !gathered.is_guarded {
            gathered.is_guarded = true;
            drop(RUNTIME.spawn(Arc::clone(self).guard()));
        }
    }

    /// Closes turns that are long.
    async fn guard(self: Arc<Self>) {
        let mut quiet = 0;
        while !self.is_unguarded_after(quiet) {
            sleep(LIMIT).await;
            quiet += 1;
            let opened_at = self.lock().opened_at;
            if let Some(opened_at) = opened_at {
                quiet = 0;
                if opened_at.elapsed() >= LIMIT {
                    self.close();
                }
            }
        }
    }

    fn is_unguarded_after(&self, quiet: u32) -> bool {
        let mut gathered = self.lock();
        gathered.is_guarded = quiet < QUIET || gathered.opened_at.is_some();
        !gathered.is_guarded
    }

    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, LIMIT, Turn};
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn counting(count: &Arc<AtomicUsize>) -> impl FnOnce() + Send + 'static {
        let count = Arc::clone(count);
        move || {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn begins_each_kind_once_when_it_ends() {
        let (turn, one, other) = (Arc::<Turn>::default(), Arc::default(), Arc::default());
        turn.open();
        // No guard: it might come before the end of the test.
        turn.lock().is_guarded = true;
        for _ in 0..3 {
            turn.gather("one", || counting(&one));
            turn.gather("other", || counting(&other));
        }
        assert_eq!((one.load(Ordering::SeqCst), other.load(Ordering::SeqCst)), (0, 0));
        turn.close();
        assert_eq!((one.load(Ordering::SeqCst), other.load(Ordering::SeqCst)), (1, 1));
        turn.close();
        assert_eq!(one.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn holds_nothing_up_between_turns() {
        let (turn, count) = (Arc::<Turn>::default(), Arc::default());
        turn.gather("one", || counting(&count));
        assert!(!turn.is_open());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn ends_by_itself() {
        let (turn, count) = (Arc::<Turn>::default(), Arc::default());
        for round in 1..=3 {
            turn.open();
            turn.gather("one", || counting(&count));
            while count.load(Ordering::SeqCst) < round {
                std::thread::sleep(LIMIT);
            }
        }
    }
}
