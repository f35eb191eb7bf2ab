//! Whether a statement may run again, and when.

use crate::db::error::{Failure, Remedy};
use crate::error::{Code, Error};
use std::time::Duration;

/// What running a statement twice does; it decides what follows when the connection was lost under it and nobody
/// knows how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// It changes nothing.
    Read,
    /// Twice is the same as once: deletes.
    Harmless,
    /// Twice with the same id is once, but the same call made again has another id.
    Create,
    /// It is reported with `outcome: 'unknown'`.
    Never,
}

impl Repeat {
    pub fn is_write(self) -> bool {
        self != Self::Read
    }
}

/// No connection could be made. One that did not become free has been waited for long enough.
pub fn may_reconnect(error: &Error) -> bool {
    error.retryable && error.code != Code::PoolTimeout
}

/// Completes the error, and says whether another attempt is allowed. `once` holds what may be tried only once.
pub fn judge(failure: Failure, repeat: Repeat, once: &mut bool) -> (Error, bool) {
    let Failure { mut error, remedy, connection_survives: _, is_undone: _ } = failure;
    match remedy {
        Remedy::None => (error, false),
        Remedy::Repeat => (error, true),
        Remedy::RepeatOnceReconnected | Remedy::RepeatOnceCleared => (error, std::mem::take(once)),
        Remedy::RepeatIfHarmless => {
            error.retryable = matches!(repeat, Repeat::Read | Repeat::Harmless);
            (error, repeat != Repeat::Never)
        }
    }
}

/// 25 ms, 50 ms, 100 ms … at most 1 s, of which a random half is waited at least.
pub fn back_off(attempt: u32) -> Duration {
    let full =
        Duration::from_millis(25).saturating_mul(1 << attempt.saturating_sub(1).min(6)).min(Duration::from_secs(1));
    let share = f64::from(crate::id::random_byte()) / 255.0;
    full.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::back_off;
    use std::time::Duration;

    #[test]
    fn backs_off_further_each_time_up_to_a_second() {
        for (attempt, full) in [(1, 25), (2, 50), (3, 100), (7, 1000), (40, 1000)] {
            let pause = back_off(attempt);
            let full = Duration::from_millis(full);
            assert!(pause >= full / 2 && pause <= full, "{attempt}: {pause:?}");
        }
    }
}
