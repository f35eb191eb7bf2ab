//! Ends work on connections whose server says nothing any more.
//!
//! A statement of a call has a limit of its own. Work of several statements (a check, a migration) has one here, for all of
//! them: the future is polled when the server has said something, so the limit begins anew at each poll.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep};

tokio::task_local! {
    static WATCH: Watch;
}

#[derive(Default)]
struct Watch {
    /// How many [`Unwatched`] there are.
    unwatched: Cell<u32>,
    is_silent: Cell<bool>,
}

/// The output of the future, or `None` if the server is silent for longer than the limit. A lease that it holds then closes
/// its connection.
pub async fn unless_silent<F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    let Some(limit) = limit else { return Some(future.await) };
    let watched = async {
        let mut future = pin!(future);
        let mut silence = pin!(sleep(limit));
        let mut was_watched = true;
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            let is_watched = WATCH.with(|watch| watch.unwatched.get() == 0);
            if is_watched && was_watched && silence.is_elapsed() {
                WATCH.with(|watch| watch.is_silent.set(true));
                return Poll::Ready(None);
            }
            was_watched = is_watched;
            if is_watched {
                silence.as_mut().reset(Instant::now() + limit);
                // Registers the next wake-up.
                let _ = silence.as_mut().poll(context);
            }
            Poll::Pending
        })
        .await
    };
    WATCH.scope(Watch::default(), watched).await
}

/// Whether the work at hand is being dropped because its server is silent.
pub fn is_silent() -> bool {
    WATCH.try_with(|watch| watch.is_silent.get()).unwrap_or(false)
}

/// While it lives, what is awaited has another limit, or none: a connection that is opened, a migration's statement.
pub struct Unwatched(());

impl Unwatched {
    pub fn begin() -> Self {
        count(|unwatched| unwatched + 1);
        Self(())
    }
}

impl Drop for Unwatched {
    fn drop(&mut self) {
        count(|unwatched| unwatched.saturating_sub(1));
    }
}

fn count(change: impl Fn(u32) -> u32) {
    // Nobody watches the work of ordinary calls.
    let _ = WATCH.try_with(|watch| watch.unwatched.set(change(watch.unwatched.get())));
}

#[cfg(test)]
mod tests {
    use super::{Unwatched, is_silent, unless_silent};
    use std::future::pending;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;
    use tokio::time::sleep;

    const LIMIT: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn the_limit_begins_anew_with_each_answer() {
        let work = async {
            for _ in 0..4 {
                sleep(LIMIT / 2).await;
            }
        };
        assert!(unless_silent(Some(LIMIT), work).await.is_some());
        assert!(unless_silent(Some(LIMIT), pending::<()>()).await.is_none());
    }

    #[tokio::test]
    async fn what_has_another_limit_is_not_watched() {
        let work = async {
            let unwatched = Unwatched::begin();
            sleep(LIMIT * 3).await;
            drop(unwatched);
            sleep(LIMIT / 2).await;
        };
        assert!(unless_silent(Some(LIMIT), work).await.is_some());
        let silent = async {
            drop(Unwatched::begin());
            pending::<()>().await;
        };
        assert!(unless_silent(Some(LIMIT), silent).await.is_none());
    }

    #[tokio::test]
    async fn work_that_is_dropped_learns_that_its_server_is_silent() {
        struct Held(Arc<AtomicBool>);
        impl Drop for Held {
            fn drop(&mut self) {
                self.0.store(is_silent(), Ordering::Relaxed);
            }
        }
        let learned = Arc::new(AtomicBool::new(false));
        let held = Held(Arc::clone(&learned));
        let work = async move {
            let _held = held;
            pending::<()>().await;
        };
        unless_silent(Some(LIMIT), work).await;
        assert!(learned.load(Ordering::Relaxed));
        assert!(!is_silent());
    }
}
