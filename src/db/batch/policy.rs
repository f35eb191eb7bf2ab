//! When calls leave, with how many others, and how long what they need may keep them waiting. Every number that decides
//! about that stands here, with the measurement that chose it; ARCHITECTURE.md draws the whole.

use std::time::Duration;

/// How long the calls that follow from results handed to JavaScript are gathered, should that turn of the event loop
/// not end: JavaScript may compute for long. Gathering made a statement serve 26 look-ups instead of 7 with 64 in flight.
pub const GATHER_LIMIT: Duration = Duration::from_millis(1);

/// Gathered calls of one kind leave at the end of a turn if there are this many; fewer wait for the turns in which the
/// other results are handed over, so that the rare kinds of a request do not travel by twos and threes.
pub const GATHERED_ENOUGH: usize = 32;

/// The task that enforces [`GATHER_LIMIT`] ends after this many limits without a call.
pub const GATHER_QUIET: u32 = 50;

/// Workers of one kind of call. More of them make smaller statements, and more of them for the same calls.
pub const MAX_WORKERS: usize = 3;

/// A statement for no more calls than these is done soon, whatever runs beside it. Starting a further small statement
/// beside a large one only makes the next batch smaller: every statement has a fixed cost.
pub const FEW_CALLS: usize = 8;

/// The most calls that one statement serves: with 256 in flight all of them may travel together.
pub const MAX_CALLS: usize = 256;

/// The same for calls of which each returns several records. The statement of 256 such calls keeps the server busy for
/// 8 ms, and this process for as long afterwards, so that each waits for the other. Smaller statements overlap. With 64
/// calls they cost the server no more than that (34 µs a call instead of 32), with 32 calls they would (38 µs).
pub const MAX_LARGE_CALLS: usize = 64;

/// The most bytes of parameters that calls share in one statement; a larger call has one of its own. The server
/// refuses messages of a gigabyte, and long before that a large statement only makes small calls wait.
pub const MAX_BYTES: usize = 1 << 20;

/// A worker whose statement takes longer does not count, so that a further one may start, and how often waiting calls
/// are checked for those that have waited too long. Must be longer than a commit usually takes.
pub const STALL: Duration = Duration::from_millis(50);

/// A worker whose connection takes longer to open does not count, so that a further one may open another: a server or a
/// pooler that has just started may have forgotten the first. Must be longer than connecting usually takes.
pub const CONNECTING_LONG: Duration = Duration::from_secs(1);

/// How long the statement of several calls waits for a lock: then it is undone, and its calls find out one by one
/// which of them the lock concerns. The same time as [`STALL`], as a SQL expression to be read in a `WHERE` clause; the
/// setting ends with the statement. It costs the server less than a microsecond a statement.
macro_rules! gives_up_on_locks {
    () => {
        "(SELECT pg_catalog.set_config('lock_timeout', '50ms', true)) IS NOT NULL"
    };
}
pub(crate) use gives_up_on_locks;

/// How long the statement of a single call that was separated from others waits for a lock, before the call counts as
/// stuck and waits for its lock without keeping a worker. Also how long each further try of a stuck call waits, where no
/// connection may wait with it: one such try in each [`STALL`] leaves the others more than three quarters of the time.
pub const TRY_LOCKS_FOR: Duration = Duration::from_millis(10);

/// Of the workers, how many may try single calls at a time: the others serve those that travel together.
pub const MAX_TRYING: usize = MAX_WORKERS - 1;

/// Whether one more worker would help. `serving` has the number of calls in each statement that has not stalled,
/// `may_leave` is the number of calls that wait for nothing but a worker.
pub fn is_worth_a_worker(workers: usize, serving: usize, may_leave: usize) -> bool {
    may_leave > 0 && workers < MAX_WORKERS && (serving <= FEW_CALLS || may_leave >= serving)
}

/// How many connections of a kind's `share` may be held by statements that wait for locks as long as it takes: one is
/// always left for the calls that need not wait. All kinds together leave one, too: see `Pool::patience`.
pub fn max_patient(share: usize) -> usize {
    share.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::{STALL, is_worth_a_worker, max_patient};

    #[test]
    fn a_shared_statement_waits_for_locks_until_it_counts_as_stalled() {
        assert!(gives_up_on_locks!().contains(&format!("'{}ms'", STALL.as_millis())));
    }

    #[test]
    fn a_worker_starts_beside_small_statements_or_for_as_many_calls() {
        assert!(is_worth_a_worker(0, 0, 1));
        assert!(is_worth_a_worker(1, 8, 1));
        assert!(!is_worth_a_worker(1, 9, 8));
        assert!(is_worth_a_worker(1, 9, 9));
        assert!(!is_worth_a_worker(3, 0, 100));
        assert!(!is_worth_a_worker(0, 0, 0));
    }

    #[test]
    fn one_connection_is_left_for_calls_that_need_not_wait() {
        assert_eq!([1, 2, 8].map(max_patient), [0, 1, 7]);
    }
}
