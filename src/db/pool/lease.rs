//! A connection in use.

use super::connection::{Connection, close_in_background};
use super::dial::dial;
use super::guard::CallGuard;
use super::recover::{end_backend, recover, roll_back};
use super::transactions::CountedTransaction;
use super::{Permit, Pool};
use crate::db::background::in_background;
use crate::db::connect::{Backend, Target, is_full};
use crate::db::silence::{Unwatched, is_silent};
use crate::error::{Code, Error, Result};
use crate::metrics::ConnectionTime;
use sqlx::PgConnection;
use std::sync::Arc;
use std::time::Instant;

/// A connection that one call uses. It returns to the pool on drop; if a statement on it has not ended, it returns only
/// after the server has ended that statement.
pub struct Lease {
    pool: Arc<Pool>,
    /// Taken by `drop`, together.
    held: Option<(Connection, Permit)>,
    state: LeaseState,
    /// When it began, if that is observed.
    since: Option<Instant>,
    /// While a transaction of several calls is open on it.
    transaction: Option<CountedTransaction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeaseState {
    Ready,
    Unfinished,
    Broken,
}

impl Lease {
    /// A connection for a caller whose first statement identifies it. `kind` is the call's, and `end` the time by which
    /// there must be one.
    pub async fn acquire(pool: &Arc<Pool>, kind: Option<&'static str>, end: Option<Instant>) -> Result<Self> {
        let started = pool.metrics.observed.is_on().then(Instant::now);
        let _until_end = Unwatched::begin();
        let (connection, permit) = loop {
            let permit = pool.permit(kind, end).await?;
            if let Some(connection) = pool.idle_connection(end).await {
                break (connection, permit);
            }
            if !pool.room.may_ask(pool.open()) {
                drop(permit);
                pool.returned(end).await?;
                continue;
            }
            match dial(pool, permit, end).await {
                Ok(opened) => break opened,
                // One of those that are open is free sooner or later.
                Err(error) if is_full(&error) && pool.has_others(end).await => pool.returned(end).await?,
                Err(error) => return Err(error),
            }
        };
        let mut lease = Self::new(Arc::clone(pool), connection, permit);
        if let Some(started) = started {
            pool.metrics.observed.connection(ConnectionTime::Wait, started.elapsed());
            lease.since = Some(Instant::now());
        }
        Ok(lease)
    }

    fn new(pool: Arc<Pool>, mut connection: Connection, permit: Permit) -> Self {
        connection.uses += 1;
        Self { pool, held: Some((connection, permit)), state: LeaseState::Ready, since: None, transaction: None }
    }

    /// A transaction is about to begin that several calls use. Until [`Self::leave_transaction`], the connection is
    /// rolled back before anybody else gets it.
    pub fn enter_transaction(&mut self) {
        self.transaction = Some(CountedTransaction::new(&self.pool.transactions));
    }

    /// The transaction has been committed or rolled back.
    pub fn leave_transaction(&mut self) {
        self.transaction = None;
    }

    pub fn is_identified(&self) -> bool {
        self.held.as_ref().is_some_and(|(connection, _)| connection.backend.is_some())
    }

    pub fn has_tables(&self) -> bool {
        self.held.as_ref().and_then(|(connection, _)| connection.backend).is_some_and(|backend| backend.has_tables)
    }

    /// Whether row security applies to the role.
    pub fn is_guarded(&self) -> bool {
        self.held.as_ref().and_then(|(connection, _)| connection.backend).is_some_and(|backend| backend.is_guarded)
    }

    /// Refuses a connection that does not lead to our tables, because another application may have tables of the same
    /// names there.
    pub fn check_tables(&self) -> Result<()> {
        if self.has_tables() {
            return Ok(());
        }
        let mut error = Error::new(
            Code::SchemaMismatch,
            "the database lacks our tables, or they are not in the first schema of the search_path: call connect(), run `auth-postgres migrate`, or name their schema",
        );
        // The server would report this for a statement.
        error.context.sql_state = Some("42P01".to_owned());
        Err(error)
    }

    /// The connection, for one statement or transaction. [`Self::settle`] must follow, or the statement counts as
    /// unfinished.
    pub fn connection(&mut self) -> Result<&mut PgConnection> {
        let (connection, _) =
            self.held.as_mut().ok_or_else(|| Error::new(Code::Internal, "a lease without a connection"))?;
        self.state = LeaseState::Unfinished;
        Ok(&mut connection.inner)
    }

    /// Says whether the connection survived its statement.
    pub fn settle(&mut self, survives: bool) {
        self.state = if survives { LeaseState::Ready } else { LeaseState::Broken };
        if self.pool.options.target.is_pooled()
            && self.transaction.is_none()
            && let Some((connection, _)) = &mut self.held
        {
            // From here on the pooler gives the backend to other clients.
            connection.backend = None;
        }
    }

    pub fn is_usable(&self) -> bool {
        self.state == LeaseState::Ready
    }

    /// For a server that does not answer any more: closes the connection, so that another call may open one.
    pub fn abandon(mut self) {
        if let Some((connection, _)) = self.held.take() {
            self.end(connection);
        }
    }

    /// The other connections that are open may lead to the same silence.
    fn end(&self, connection: Connection) {
        self.pool.suspect_idle();
        let guard = CallGuard::new(&self.pool);
        in_background(|| end_backend(guard, connection));
    }

    pub fn target(&self) -> &Arc<Target> {
        &self.pool.options.target
    }

    pub fn host(&self) -> usize {
        self.held.as_ref().map_or(0, |(connection, _)| connection.host)
    }

    /// Identifies the connection by the first two columns of a row.
    pub fn identify(&mut self, row: &sqlx::postgres::PgRow) -> Result<()> {
        let backend = self.pool.options.target.identify(row, self.host())?;
        self.identified_as(backend);
        Ok(())
    }

    pub fn identified_as(&mut self, backend: Backend) {
        if let Some((connection, _)) = &mut self.held {
            connection.backend = Some(backend);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some((connection, permit)) = self.held.take() else { return };
        if let Some(since) = self.since {
            self.pool.metrics.observed.connection(ConnectionTime::Use, since.elapsed());
        }
        let transaction = self.transaction.take();
        match self.state {
            LeaseState::Ready if transaction.is_some() => {
                let guard = CallGuard::new(&self.pool);
                in_background(|| roll_back(guard, connection, permit));
            }
            LeaseState::Ready => self.pool.put_back(connection),
            LeaseState::Unfinished if is_silent() => self.end(connection),
            LeaseState::Unfinished => {
                let guard = CallGuard::new(&self.pool);
                in_background(|| recover(guard, connection, permit, transaction.is_some()));
            }
            LeaseState::Broken => close_in_background(connection),
        }
    }
}
