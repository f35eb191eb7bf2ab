//! The connection from which the statements of other connections are ended on the server.

use crate::db::connect::{Backend, Target};
use crate::db::deadline::within;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::time::Duration;
use tokio::sync::Mutex;

/// How long the server may take to be told.
pub const GRACE: Duration = Duration::from_secs(2);

/// The connection from which other backends are signalled, and the host that it leads to, while it is needed.
#[derive(Default)]
pub struct CancelConnection(Mutex<Option<(usize, PgConnection)>>);

#[derive(Debug, Clone, Copy)]
pub enum Signal {
    /// Ends the statement.
    Cancel,
    /// Ends the backend.
    Terminate,
}

impl Signal {
    /// Behind a pooler the backend may by now be running a transaction of somebody else: that is left alone.
    fn sql(self, Backend { host: _, pid, since, has_tables: _, is_guarded: _ }: Backend) -> String {
        let function = match self {
            Self::Cancel => "pg_catalog.pg_cancel_backend",
            Self::Terminate => "pg_catalog.pg_terminate_backend",
        };
        match since {
            None => format!("SELECT {function}({pid})"),
            Some(since) => format!(
                "SELECT {function}(pid)
                   FROM pg_catalog.pg_stat_activity
                  WHERE pid OPERATOR(pg_catalog.=) {pid}
                    AND (extract(epoch FROM xact_start) OPERATOR(pg_catalog.*) 1000000)::int8 OPERATOR(pg_catalog.=) {since}"
            ),
        }
    }
}

impl CancelConnection {
    /// Signals one backend, from a connection beside it. `false` when the server could not be told within the grace.
    pub async fn signal(&self, target: &Target, signal: Signal, backend: Backend) -> bool {
        let told = within(Some(GRACE), async {
            // One after the other: many calls that are given up at once take one connection more, not many.
            let mut held = self.0.lock().await;
            let mut connection = match held.take() {
                Some((host, connection)) if host == backend.host => connection,
                _ => target.open_beside(backend.host, None).await.ok()?,
            };
            let sql = AssertSqlSafe(signal.sql(backend));
            sqlx::raw_sql(sql).execute(&mut connection).await.ok()?;
            *held = Some((backend.host, connection));
            Some(())
        })
        .await;
        self.close().await;
        told.flatten().is_some()
    }

    /// Closes the connection, unless another call is using it.
    async fn close(&self) {
        let connection = self.0.try_lock().ok().and_then(|mut held| held.take());
        if let Some((_, connection)) = connection {
            let _ = within(Some(GRACE), connection.close()).await;
        }
    }
}
