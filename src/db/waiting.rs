//! The calls of one kind that wait, and which of them may travel together.

use super::batch::Batched;
use super::give_up::GiveUp;
use super::pool::{Pool, Work};
use crate::error::Result;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// Items share a statement with items of the same sort only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company<'item> {
    None,
    Any,
    /// Items with the same key take effect one after the other, in the order of their calls.
    OnePerKey(&'item str),
}

impl Company<'_> {
    fn shares_with(self, other: Self) -> bool {
        matches!((self, other), (Self::Any, Self::Any) | (Self::OnePerKey(_), Self::OnePerKey(_)))
    }
}

/// The most calls that one statement serves.
const MAX_BATCH: usize = 256;

/// How many calls are looked at for those that may go: behind a key that many change, others could be far away.
const MAX_LOOKED_AT: usize = 4 * MAX_BATCH;

/// When so many more wait, the queue is swept.
const SWEEP_EVERY: usize = 1_024;

pub type Respond<T> = Box<dyn FnOnce(Result<T>) + Send>;

pub struct Call<B: Batched> {
    pub work: Work,
    pub respond: Respond<B::Output>,
    pub joined_at: Instant,
    /// Who may give the call up.
    pub caller: Option<Arc<GiveUp>>,
}

pub struct Waiting<B: Batched> {
    pub item: B::Item,
    pub call: Call<B>,
    pub goes_alone: bool,
    /// Whether a statement with this item, whose answer was lost, may have taken effect.
    pub is_in_doubt: bool,
}

impl<B: Batched> Waiting<B> {
    fn company(&self) -> Company<'_> {
        if self.goes_alone { Company::None } else { B::company(&self.item) }
    }

    fn key(&self) -> Option<&str> {
        match B::company(&self.item) {
            Company::OnePerKey(key) => Some(key),
            Company::None | Company::Any => None,
        }
    }

    fn is_given_up(&self) -> bool {
        self.call.caller.as_ref().is_some_and(|caller| caller.is_given_up())
    }

    fn is_on(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.call.work.pool, pool)
    }
}

/// In the order of the calls.
pub struct Queue<B: Batched> {
    waiting: VecDeque<Waiting<B>>,
    /// Keys of the items that are being served.
    busy: HashSet<String>,
}

impl<B: Batched> Default for Queue<B> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), busy: HashSet::new() }
    }
}

impl<B: Batched> Queue<B> {
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn join(&mut self, item: B::Item, call: Call<B>) {
        self.waiting.push_back(Waiting { item, call, goes_alone: false, is_in_doubt: false });
        if self.waiting.len().is_multiple_of(SWEEP_EVERY) {
            self.sweep();
        }
    }

    /// Takes out the calls that have been given up.
    pub fn sweep(&mut self) {
        self.waiting.retain(|waiting| !waiting.is_given_up());
    }

    /// Each goes alone now, before those that came later.
    pub fn rejoin(&mut self, again: Vec<(B::Item, Call<B>)>, is_in_doubt: bool) {
        for (item, call) in again.into_iter().rev() {
            if let Some(caller) = &call.caller
                && !is_in_doubt
            {
                caller.undone();
            }
            self.waiting.push_front(Waiting { item, call, goes_alone: true, is_in_doubt });
        }
    }

    /// The call that has waited longest of those that may go, and since when.
    pub fn first(&mut self) -> Option<(Work, Instant)> {
        while self.waiting.front().is_some_and(Waiting::is_given_up) {
            self.waiting.pop_front();
        }
        let first = self.waiting.iter().take(MAX_LOOKED_AT).find(|waiting| self.may_go(waiting))?;
        Some((first.call.work.clone(), first.call.joined_at))
    }

    /// What may share a statement on that pool. It counts as sent from here on, and its keys are busy.
    pub fn take(&mut self, pool: &Arc<Pool>) -> Vec<Waiting<B>> {
        let mut taken: Vec<Waiting<B>> = Vec::new();
        let mut passed = Vec::new();
        while taken.len() < MAX_BATCH
            && passed.len() < MAX_LOOKED_AT
            && let Some(next) = self.waiting.pop_front()
        {
            let fits = taken.first().is_none_or(|first| first.company().shares_with(next.company()));
            if !next.is_on(pool) || (self.may_go(&next) && !fits) {
                self.waiting.push_front(next);
                break;
            }
            if !self.may_go(&next) {
                passed.push(next);
            } else if next.call.caller.as_ref().is_none_or(|caller| caller.send(B::IS_WRITE)) {
                self.busy.extend(next.key().map(str::to_owned));
                taken.push(next);
            }
        }
        for waiting in passed.into_iter().rev() {
            self.waiting.push_front(waiting);
        }
        taken
    }

    fn may_go(&self, waiting: &Waiting<B>) -> bool {
        waiting.key().is_none_or(|key| !self.busy.contains(key))
    }

    /// They have been served, or have joined again.
    pub fn release(&mut self, keys: &[String]) {
        for key in keys {
            self.busy.remove(key);
        }
    }

    /// Takes out those who have waited on that pool since then or longer.
    pub fn withdraw(&mut self, pool: &Arc<Pool>, since: Instant) -> Vec<Call<B>> {
        let mut withdrawn = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.call.joined_at <= since && waiting.is_on(pool) {
                withdrawn.push(waiting.call);
            } else {
                self.waiting.push_back(waiting);
            }
        }
        withdrawn
    }
}

/// The keys of those taken.
pub fn keys<B: Batched>(taken: &[Waiting<B>]) -> Vec<String> {
    taken.iter().filter_map(|waiting| waiting.key().map(str::to_owned)).collect()
}
