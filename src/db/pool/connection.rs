//! One connection of the pool, and its end.

use crate::db::background::in_background;
use crate::db::connect::Backend;
use crate::db::deadline::{until, within};
use crate::db::driver_panic::catch_driver_panic;
use sqlx::{Connection as _, PgConnection};
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    pub idle_since: Instant,
    pub uses: u64,
    #[expect(dead_code, reason = "counts it among the open ones of its pool")]
    pub counted: Arc<()>,
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
