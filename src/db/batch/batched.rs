//! What has to be implemented for a kind of call, so that its calls can share statements.

use super::policy::MAX_CALLS;
use crate::db::run::Db;
use crate::error::Result;
use std::future::{Future, ready};

/// Something that a transaction can lock and that several calls may need: what it is, and which one.
pub type LockKey = (&'static str, String);

/// A kind of call of which one statement can serve many.
pub trait Batched: Send + Sync + 'static {
    type Item: Send + Sync + 'static;
    type Output: Send + 'static;

    /// Whether the statement changes anything.
    const IS_WRITE: bool;

    /// Runs the statement of one call, which gives the call's result.
    fn one(&self, db: &mut Db, item: &Self::Item) -> impl Future<Output = Result<Self::Output>> + Send;

    /// The statement of several: for each what it came to, in order; `None` if it has to go alone, and this statement
    /// has done nothing about it. If it writes, it must give up on locks (`policy::gives_up_on_locks!`), and lock
    /// whatever it locks in an order that is the same for all such statements.
    fn many(&self, db: &mut Db, items: &[Self::Item])
    -> impl Future<Output = Result<Vec<Option<Self::Output>>>> + Send;

    /// Whether the item needs a statement of its own.
    fn goes_alone(_: &Self::Item) -> bool {
        false
    }

    /// Items with the same key take effect one after the other, in the order of their calls.
    fn serial_key(_: &Self::Item) -> Option<&str> {
        None
    }

    /// The most calls that one statement serves.
    const MAX_CALLS: usize = MAX_CALLS;

    /// Whether the items that wait for one with the same serial key leave together when it has ended, because one
    /// statement can serve all of them.
    const SHARES_SERIAL_KEY: bool = false;

    /// About how many bytes the item has as parameters.
    fn bytes(_: &Self::Item) -> usize {
        0
    }

    /// What the item needs that other transactions may lock, and other items need, too.
    fn lock_keys(_: &Self::Item) -> Vec<LockKey> {
        Vec::new()
    }

    /// A statement for these items gave up on a lock. For each of them the key that another transaction has locked, if
    /// that can be told.
    fn locked_keys(&self, _: &mut Db, items: &[Self::Item]) -> impl Future<Output = Vec<Option<LockKey>>> + Send {
        ready(items.iter().map(|_| None).collect())
    }
}
