//! A number of places, and the line of calls that wait for one of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How long the newest call comes first after one has waited in vain.
const CONGESTION: Duration = Duration::from_secs(1);

/// While the newest come first, each so many-th place is for the oldest, so that calls without a limit are served as well.
const FOR_THE_OLDEST: usize = 16;

/// The call that has waited longest comes first. Where more calls are made than can be served, and each is given up after a
/// time, all of them would get a place shortly before that time, and none would be done in what is left. So for a while after
/// a call has spent its time here, the newest come first.
pub struct Places(Mutex<PlacesState>);

struct PlacesState {
    /// There are none while calls wait.
    free: usize,
    /// The newest is the last. Those that wait no more are skipped when it is their turn.
    waiting: VecDeque<oneshot::Sender<Place>>,
    congested_until: Option<Instant>,
    /// How many places were given away, or became free.
    given: usize,
}

impl Places {
    pub fn new(number: usize) -> Arc<Self> {
        let state = PlacesState { free: number, waiting: VecDeque::new(), congested_until: None, given: 0 };
        Arc::new(Self(Mutex::new(state)))
    }

    pub fn free(&self) -> usize {
        self.lock().free
    }

    /// A free place.
    pub fn take(self: &Arc<Self>) -> Option<Place> {
        self.take_from(&mut self.lock())
    }

    fn take_from(self: &Arc<Self>, state: &mut PlacesState) -> Option<Place> {
        state.free = state.free.checked_sub(1)?;
        Some(Place(Some(Arc::clone(self))))
    }

    /// Waits for a place.
    pub async fn wait(self: &Arc<Self>) -> Place {
        let mut wait = Wait { places: self, is_in_vain: true };
        loop {
            let place = match self.stand() {
                Ok(place) => Some(place),
                Err(given) => given.await.ok(),
            };
            if let Some(place) = place {
                wait.is_in_vain = false;
                return place;
            }
        }
    }

    /// A free place, or else where one is given.
    fn stand(self: &Arc<Self>) -> Result<Place, oneshot::Receiver<Place>> {
        let mut state = self.lock();
        if let Some(place) = self.take_from(&mut state) {
            return Ok(place);
        }
        let (gives, given) = oneshot::channel();
        state.waiting.push_back(gives);
        Err(given)
    }

    /// Whose turn it is. If nobody waits, the place is free from now on.
    fn next(&self) -> Option<oneshot::Sender<Place>> {
        let mut state = self.lock();
        state.given = state.given.wrapping_add(1);
        let newest_first = state.congested_until.is_some_and(|end| Instant::now() < end);
        let next = if newest_first && !state.given.is_multiple_of(FOR_THE_OLDEST) {
            state.waiting.pop_back()
        } else {
            state.waiting.pop_front()
        };
        state.free += usize::from(next.is_none());
        next
    }

    /// A call has spent its time here.
    fn note_congestion(&self) {
        let mut state = self.lock();
        state.congested_until = Some(Instant::now() + CONGESTION);
        while state.waiting.front().is_some_and(oneshot::Sender::is_closed) {
            state.waiting.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, PlacesState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that waits for a place.
struct Wait<'p> {
    places: &'p Places,
    is_in_vain: bool,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.is_in_vain {
            self.places.note_congestion();
        }
    }
}

/// A place that is taken, until this is dropped.
pub struct Place(Option<Arc<Places>>);

impl Drop for Place {
    fn drop(&mut self) {
        let Some(places) = self.0.take() else { return };
        let mut place = Self(Some(Arc::clone(&places)));
        while let Some(next) = places.next() {
            match next.send(place) {
                Ok(()) => return,
                Err(unwanted) => place = unwanted,
            }
        }
        // It is free, and not to be given back again.
        place.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{FOR_THE_OLDEST, Place, Places};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;
    use tokio::task::{JoinHandle, JoinSet, yield_now};
    use tokio::time::timeout;

    /// Calls that wait for a place, and note in which order they got it.
    async fn line_up(places: &Arc<Places>, order: &Arc<Mutex<Vec<usize>>>, number: usize) -> Vec<JoinHandle<()>> {
        let mut waiting = Vec::new();
        for at in 0..number {
            let (places, order) = (Arc::clone(places), Arc::clone(order));
            waiting.push(tokio::spawn(async move {
                let _place = places.wait().await;
                order.lock().unwrap().push(at);
            }));
            yield_now().await;
        }
        waiting
    }

    /// In which order calls get the only place.
    async fn order_of(number: usize, is_congested: bool) -> Vec<usize> {
        let places = Places::new(1);
        let order = Arc::default();
        let taken = places.take();
        if is_congested {
            assert!(timeout(Duration::from_millis(1), places.wait()).await.is_err());
        }
        let waiting = line_up(&places, &order, number).await;
        drop(taken);
        for call in waiting {
            call.await.unwrap();
        }
        assert_eq!(places.free(), 1);
        Arc::try_unwrap(order).unwrap().into_inner().unwrap()
    }

    #[tokio::test]
    async fn who_waits_longest_comes_first() {
        assert_eq!(order_of(5, false).await, [0, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn the_newest_come_first_and_now_and_then_the_oldest_after_one_has_waited_in_vain() {
        let order = order_of(FOR_THE_OLDEST + 2, true).await;
        assert_eq!(order[0], FOR_THE_OLDEST + 1);
        assert_eq!(order.iter().position(|at| *at == 0), Some(FOR_THE_OLDEST - 1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_place_is_lost_or_given_twice_while_calls_give_up_at_any_time() {
        let places = Places::new(3);
        let mut calls = JoinSet::new();
        for at in 0..10_000_u64 {
            let places = Arc::clone(&places);
            calls.spawn(async move {
                let limit = Duration::from_micros(at % 97 * 50);
                let place = timeout(limit, places.wait()).await;
                assert!(places.free() <= 3);
                tokio::time::sleep(Duration::from_micros(at % 7 * 10)).await;
                place.is_ok()
            });
        }
        let served = calls.join_all().await.into_iter().filter(|is_served| *is_served).count();
        assert!((3..10_000).contains(&served));
        let all: Vec<Place> = (0..3).map_while(|_| places.take()).collect();
        assert_eq!((all.len(), places.free()), (3, 0));
    }
}
