//! The calls of one kind that wait, and which of them may leave now.
//!
//! A call waits in one of five places. `ready`: it may share a statement. `single`: it was separated from others, and
//! needs a statement of its own. `stuck`: it waits for a lock, and for a connection that may wait with it or for its next
//! try. `serial`: behind another call with the same serial key. `behind_lock`: it needs what a stuck call waits for. So no
//! key stands before another's: what cannot leave is not in the way of what can.

use super::batched::{Batched, LockKey};
use super::call::{Call, WaitingCall};
use super::policy::MAX_BYTES;
use crate::db::deadline::Allowance;
use crate::db::pool::{CallGuard, Pool};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

pub struct CallQueue<B: Batched> {
    ready: VecDeque<WaitingCall<B>>,
    single: VecDeque<WaitingCall<B>>,
    stuck: VecDeque<WaitingCall<B>>,
    /// An entry for each serial key of a call that has not ended, with those behind it.
    serial: HashMap<String, VecDeque<WaitingCall<B>>>,
    /// An entry for each key that a stuck call waits for, with those that need it, too.
    behind_lock: HashMap<LockKey, VecDeque<WaitingCall<B>>>,
    /// In all places.
    count: usize,
}

impl<B: Batched> Default for CallQueue<B> {
    fn default() -> Self {
        Self {
            ready: VecDeque::new(),
            single: VecDeque::new(),
            stuck: VecDeque::new(),
            serial: HashMap::new(),
            behind_lock: HashMap::new(),
            count: 0,
        }
    }
}

impl<B: Batched> CallQueue<B> {
    /// How many calls wait, wherever.
    pub fn len(&self) -> usize {
        self.count
    }

    /// How many may share a statement.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// How many need a statement of their own, and may have it now.
    pub fn single(&self) -> usize {
        self.single.len()
    }

    /// A new call.
    pub fn join(&mut self, item: B::Item, mut call: Call<B>) {
        call.serial_key = B::serial_key(&item).map(str::to_owned);
        let waiting = WaitingCall { item, call };
        self.count += 1;
        if let Some(key) = &waiting.call.serial_key {
            match self.serial.entry(key.clone()) {
                Entry::Occupied(mut behind) => return behind.get_mut().push_back(waiting),
                Entry::Vacant(entry) => {
                    entry.insert(VecDeque::new());
                }
            }
        }
        self.admit(waiting);
    }

    /// The call waits for nothing but a worker.
    fn admit(&mut self, waiting: WaitingCall<B>) {
        if B::goes_alone(&waiting.item) || waiting.call.is_in_doubt {
            self.single.push_back(waiting);
        } else {
            self.ready.push_back(waiting);
        }
    }

    /// The calls may leave again, before those that came later; together, or each in a statement of its own.
    pub fn rejoin(&mut self, waiting: Vec<WaitingCall<B>>, together: bool) {
        self.count += waiting.len();
        for mut waiting in waiting.into_iter().rev() {
            waiting.call.wait_again();
            if together && !waiting.call.is_in_doubt {
                self.ready.push_front(waiting);
            } else {
                self.single.push_front(waiting);
            }
        }
    }

    /// The call waits for a lock: on `key`, if that is known. Of several that wait for the same, one is sent at a time. One
    /// that was sent and still waits goes to the end, so that the others get their turn.
    pub fn wait_for_lock(&mut self, mut waiting: WaitingCall<B>, key: Option<LockKey>) {
        self.count += 1;
        if let Some(key) = key
            && waiting.call.holds.is_none()
        {
            match self.behind_lock.entry(key.clone()) {
                Entry::Occupied(mut behind) => {
                    waiting.call.wait_again();
                    return behind.get_mut().push_back(waiting);
                }
                Entry::Vacant(entry) => {
                    entry.insert(VecDeque::new());
                }
            }
            waiting.call.holds = Some(key);
        }
        // Between its tries it waits for the lock, and not for its turn.
        waiting.call.undone();
        waiting.call.stuck_since.get_or_insert_with(Instant::now);
        self.stuck.push_back(waiting);
    }

    /// A call has ended, or left: those behind it may go. Who waited for the same lock may try together.
    pub fn release(&mut self, serial_key: Option<String>, holds: Option<LockKey>) {
        if let Some(key) = serial_key
            && let Entry::Occupied(mut behind) = self.serial.entry(key)
        {
            let next = if B::SHARES_SERIAL_KEY {
                std::mem::take(behind.get_mut())
            } else {
                behind.get_mut().pop_front().into_iter().collect()
            };
            if next.is_empty() {
                behind.remove();
            }
            for (at, mut waiting) in next.into_iter().enumerate() {
                // The first of them keeps the key for all.
                if at > 0 {
                    waiting.call.serial_key = None;
                }
                // At the end: a key with many calls is not before others.
                self.admit(waiting);
            }
        }
        for waiting in holds.and_then(|key| self.behind_lock.remove(&key)).into_iter().flatten() {
            self.admit(waiting);
        }
    }

    /// The next call's guard, and how long that call may still wait.
    pub fn next(&self, may_try: bool) -> Option<(CallGuard, Allowance)> {
        let single = if may_try { self.single.front() } else { None };
        let call = &single.or_else(|| self.ready.front())?.call;
        Some((call.guard.clone(), call.allowance()))
    }

    /// What may share a statement. It counts as sent from here on.
    pub fn take_shared(&mut self) -> Vec<WaitingCall<B>> {
        let mut taken: Vec<WaitingCall<B>> = Vec::new();
        let mut bytes = 0;
        while taken.len() < B::MAX_CALLS
            && let Some(next) = self.ready.front()
        {
            let size = B::bytes(&next.item);
            if !taken.is_empty() && bytes + size > MAX_BYTES {
                break;
            }
            let Some(next) = self.ready.pop_front() else { break };
            if let Some(next) = self.divert(next)
                && let Some(next) = self.leave(next)
            {
                bytes += size;
                taken.push(next);
            }
        }
        taken
    }

    /// One call that needs a statement of its own.
    pub fn take_single(&mut self) -> Option<WaitingCall<B>> {
        while let Some(next) = self.single.pop_front() {
            if let Some(next) = self.divert(next)
                && let Some(next) = self.leave(next)
            {
                return Some(next);
            }
        }
        None
    }

    /// The pool of the next call that waits for a lock.
    pub fn pool_of_stuck(&self) -> Option<Arc<Pool>> {
        self.stuck.front().map(|waiting| Arc::clone(&waiting.call.guard.pool))
    }

    /// One call that waits for a lock.
    pub fn take_stuck(&mut self) -> Option<WaitingCall<B>> {
        while let Some(next) = self.stuck.pop_front() {
            if let Some(next) = self.leave(next) {
                return Some(next);
            }
        }
        None
    }

    /// Puts the call aside if it needs what a stuck one waits for.
    fn divert(&mut self, waiting: WaitingCall<B>) -> Option<WaitingCall<B>> {
        if self.behind_lock.is_empty() {
            return Some(waiting);
        }
        for key in B::lock_keys(&waiting.item) {
            if let Some(behind) = self.behind_lock.get_mut(&key) {
                behind.push_back(waiting);
                return None;
            }
        }
        Some(waiting)
    }

    /// The call leaves the queue to be sent; unless nobody waits for it any more.
    fn leave(&mut self, mut waiting: WaitingCall<B>) -> Option<WaitingCall<B>> {
        self.count -= 1;
        waiting.call.stop_waiting();
        if waiting.call.may_be_sent() {
            return Some(waiting);
        }
        self.release(waiting.call.serial_key.take(), waiting.call.holds.take());
        None
    }

    /// Takes out the calls that nobody waits for any more, and returns those that have waited too long.
    pub fn sweep(&mut self) -> Vec<Call<B>> {
        let mut removed = self.remove(|call| call.is_given_up() || call.is_overdue());
        removed.retain(|call| !call.is_given_up());
        removed
    }

    /// Takes out the calls that have waited since then or longer.
    pub fn withdraw(&mut self, since: Instant) -> Vec<Call<B>> {
        self.remove(|call| call.has_waited_since(since))
    }

    fn remove(&mut self, goes: impl Fn(&Call<B>) -> bool) -> Vec<Call<B>> {
        let mut removed = Vec::new();
        for behind in self.serial.values_mut() {
            remove_from(behind, &goes, &mut removed);
        }
        for call in &mut removed {
            // It was not its turn yet.
            call.serial_key = None;
        }
        let places = [&mut self.ready, &mut self.single, &mut self.stuck];
        for place in places.into_iter().chain(self.behind_lock.values_mut()) {
            remove_from(place, &goes, &mut removed);
        }
        self.count -= removed.len();
        for call in &mut removed {
            self.release(call.serial_key.take(), call.holds.take());
        }
        removed
    }
}

fn remove_from<B: Batched>(
    place: &mut VecDeque<WaitingCall<B>>,
    goes: &impl Fn(&Call<B>) -> bool,
    removed: &mut Vec<Call<B>>,
) {
    if place.iter().any(|waiting| goes(&waiting.call)) {
        for waiting in std::mem::take(place) {
            if goes(&waiting.call) {
                removed.push(waiting.call);
            } else {
                place.push_back(waiting);
            }
        }
    }
}
