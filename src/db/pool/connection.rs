//! One connection of the pool, and its end.

use crate::db::background::in_background;
use crate::db::connect::Backend;
use crate::db::deadline::{until, within};
use crate::db::driver_panic::catch_driver_panic;
use sqlx::{Connection as _, PgConnection};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How long the server may take to answer a ping.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// How long saying good-bye to the server may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// A connection of the pool.
pub struct Connection {
    pub inner: PgConnection,
    /// Which of the target's hosts it leads to.
    pub host: usize,
    /// Known once the connection has been identified.
    pub backend: Option<Backend>,
    pub opened_at: Instant,
    pub rest: Rest,
    pub uses: u64,
    #[expect(dead_code, reason = "counts it among the open ones of its pool")]
    pub counted: Arc<()>,
}

/// How long a connection has been idle.
#[derive(Clone, Copy)]
pub struct Rest {
    pub since: Instant,
    /// In a machine that sleeps, or a function that is frozen, the other clock may stand still.
    by_wall_clock: SystemTime,
}

impl Rest {
    #[expect(clippy::disallowed_methods, reason = "nothing but how long it is ago is asked of it")]
    pub fn begin() -> Self {
        Self { since: Instant::now(), by_wall_clock: SystemTime::now() }
    }

    /// By the clock that has gone farther: a connection that is asked without need costs little.
    pub fn elapsed(&self) -> Duration {
        self.since.elapsed().max(self.by_wall_clock.elapsed().unwrap_or_default())
    }
}

/// Whether the server answers on it, before `end`.
pub async fn is_alive(connection: &mut Connection, end: Option<Instant>) -> bool {
    let answer = until(end, within(Some(PING_LIMIT), catch_driver_panic(connection.inner.ping()))).await;
    matches!(answer, Some(Some(Ok(()))))
}

pub async fn close(connection: Connection) {
    let _ = within(Some(CLOSE_LIMIT), connection.inner.close()).await;
}

pub fn close_in_background(connection: Connection) {
    in_background(|| close(connection));
}

#[cfg(test)]
mod tests {
    use super::Rest;
    use std::time::{Duration, Instant, SystemTime};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "as above")]
    fn rests_as_long_as_either_clock_says() {
        let now = (Instant::now(), SystemTime::now());
        let hour = Duration::from_hours(1);
        let asleep = Rest { since: now.0, by_wall_clock: now.1 - hour };
        assert!(asleep.elapsed() >= hour);
        let set_back = Rest { since: now.0, by_wall_clock: now.1 + hour };
        assert!(set_back.elapsed() < hour);
        assert!(Rest::begin().elapsed() < hour);
    }
}
