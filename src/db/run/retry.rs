//! Whether a statement may run again, and when.

use crate::db::error::{Failure, Remedy};
use crate::error::{Code, Error};
use std::time::Duration;

/// What running a statement twice does. This decides what happens if the connection is lost while it runs, so that nobody
/// knows whether it took effect.
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

/// Whether to try again after no connection could be made. If none became free, the call has waited long enough.
pub fn may_reconnect(error: &Error) -> bool {
    error.retryable && error.code != Code::PoolTimeout
}

/// Completes the error, and returns whether another attempt is allowed. `once` is true until the one attempt has been
/// made that some failures allow.
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

/// A pause of 25 ms, 50 ms, 100 ms and so on, up to 1 s, shortened at random by up to a half.
pub fn back_off(attempt: u32) -> Duration {
    let full =
        Duration::from_millis(25).saturating_mul(1 << attempt.saturating_sub(1).min(6)).min(Duration::from_secs(1));
    full.mul_f64(0.5 + crate::id::random_share() / 2.0)
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
