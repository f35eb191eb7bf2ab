//! The connections from which the statements of other connections are ended on the server.
//!
//! Many calls may be given up at once. There is one connection to a host for all of them, and what has come together while it
//! was busy travels in one statement, so that no call waits for more than the one before it.

use crate::db::background::in_background;
use crate::db::connect::{Backend, Target, is_full};
use crate::db::deadline::within;
use crate::db::driver_panic::catch_driver_panic;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the server may take to let us in, and again to be told.
pub const GRACE: Duration = Duration::from_secs(2);

/// The connections, each of which is there while signals have to be sent. A host that does not answer keeps no signal from the
/// others, so each has its own.
#[derive(Default, Clone)]
pub struct CancelConnections(Arc<Mutex<HashMap<usize, Outbox>>>);

/// The signals that wait to be sent to one host. There is one as long as a task sends them.
type Outbox = Vec<Request>;

struct Request {
    signal: Signal,
    backend: Backend,
    /// Dropped if the server could not be told.
    told: oneshot::Sender<Delivery>,
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Done,
    Failed,
    /// The server lets in no further connection.
    Full,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ends the statement.
    Cancel,
    /// Ends the backend.
    Terminate,
}

impl Signal {
    /// Behind a pooler a backend may by now be running a transaction of somebody else: that is left alone.
    fn sql(self, backends: &[Backend]) -> String {
        let function = match self {
            Self::Cancel => "pg_catalog.pg_cancel_backend",
            Self::Terminate => "pg_catalog.pg_terminate_backend",
        };
        let from = if backends.iter().all(|backend| backend.since.is_none()) {
            let pids = joined(backends.iter().map(|backend| backend.pid.to_string()), ",");
            format!("pg_catalog.unnest('{{{pids}}}'::pg_catalog.int4[]) AS backend (pid)")
        } else {
            let conditions = backends.iter().map(|Backend { pid, since, .. }| match since {
                None => format!("pid OPERATOR(pg_catalog.=) {pid}"),
                Some(since) => format!(
                    "(pid OPERATOR(pg_catalog.=) {pid}
                      AND (extract(epoch FROM xact_start) OPERATOR(pg_catalog.*) 1000000)::int8 OPERATOR(pg_catalog.=) {since})"
                ),
            });
            format!("pg_catalog.pg_stat_activity WHERE {}", joined(conditions, " OR "))
        };
        format!("SELECT {function}(pid) FROM {from}")
    }
}

fn joined(items: impl Iterator<Item = String>, separator: &str) -> String {
    items.collect::<Vec<_>>().join(separator)
}

/// Sends one signal to several backends. One that may not be signalled does not keep it from the others. `false` when the
/// connection is of no use any more.
async fn send(connection: &mut PgConnection, signal: Signal, requests: Vec<Request>) -> bool {
    let mut parts = vec![requests];
    while let Some(part) = parts.pop() {
        let backends: Vec<_> = part.iter().map(|request| request.backend).collect();
        match signal_over(connection, signal, &backends).await {
            // Who does not wait any more has closed the connection.
            Some(true) => part.into_iter().for_each(|request| _ = request.told.send(Delivery::Done)),
            Some(false) if part.len() > 1 => parts.extend(part.into_iter().map(|request| vec![request])),
            Some(false) => {}
            None => return false,
        }
    }
    true
}

/// Signals backends over a connection that is there. Returns whether the server did so, or `None` if it did not answer.
pub async fn signal_over(connection: &mut PgConnection, signal: Signal, backends: &[Backend]) -> Option<bool> {
    let sql = AssertSqlSafe(signal.sql(backends));
    match within(Some(GRACE), catch_driver_panic(sqlx::raw_sql(sql).execute(connection))).await {
        Some(Ok(_)) => Some(true),
        Some(Err(sqlx::Error::Database(_))) => Some(false),
        _ => None,
    }
}

impl CancelConnections {
    /// Signals one backend, from a connection beside it.
    pub async fn signal(&self, target: &Arc<Target>, signal: Signal, backend: Backend) -> Delivery {
        let (told, answer) = oneshot::channel();
        let request = Request { signal, backend, told };
        let is_served = match self.outboxes().entry(backend.host) {
            Entry::Occupied(mut outbox) => {
                outbox.get_mut().push(request);
                true
            }
            Entry::Vacant(entry) => {
                entry.insert(vec![request]);
                false
            }
        };
        if !is_served {
            in_background(|| self.clone().serve(Arc::clone(target), backend.host));
        }
        answer.await.unwrap_or(Delivery::Failed)
    }

    /// Sends signals to a host until none is left.
    async fn serve(self, target: Arc<Target>, host: usize) {
        while self.has_signals(host) {
            let mut connection = match target.open_beside(host, Some(GRACE)).await {
                Ok(connection) => connection,
                Err(error) => {
                    self.give_up(host, if is_full(&error) { Delivery::Full } else { Delivery::Failed });
                    continue;
                }
            };
            let mut is_fit = true;
            while is_fit && let Some((signal, requests)) = self.take(host) {
                is_fit = send(&mut connection, signal, requests).await;
            }
            if is_fit {
                let _ = within(Some(GRACE), connection.close()).await;
            }
        }
    }

    /// If there are none, the task that asks has to end.
    fn has_signals(&self, host: usize) -> bool {
        let mut outboxes = self.outboxes();
        let has_signals = outboxes.get(&host).is_some_and(|outbox| !outbox.is_empty());
        if !has_signals {
            outboxes.remove(&host);
        }
        has_signals
    }

    /// The signals of the oldest one's kind. Those that nobody waits for are left out: what runs on their backends by now may
    /// be somebody else's.
    fn take(&self, host: usize) -> Option<(Signal, Vec<Request>)> {
        let mut outboxes = self.outboxes();
        let outbox = outboxes.get_mut(&host)?;
        outbox.retain(|request| !request.told.is_closed());
        let signal = outbox.first()?.signal;
        Some((signal, outbox.extract_if(.., |request| request.signal == signal).collect()))
    }

    /// Nobody at that host can be told from here.
    fn give_up(&self, host: usize, why: Delivery) {
        if let Some(outbox) = self.outboxes().get_mut(&host) {
            outbox.drain(..).for_each(|request| _ = request.told.send(why));
        }
    }

    fn outboxes(&self) -> MutexGuard<'_, HashMap<usize, Outbox>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
