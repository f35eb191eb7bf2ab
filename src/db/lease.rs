//! A connection in use.

use super::cancel::{end_backend, recover};
use super::connect::{Backend, Target};
use super::pool::{Connection, Pool, Work, close_in_background, in_background};
use crate::error::{Code, Error, Result};
use sqlx::PgConnection;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// The right to one connection, and to a part of the pool that calls of one kind share.
pub type Permit = (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>);

/// A connection lent to one call. It goes back on drop; with an unfinished statement on it, not before the server
/// has ended that.
pub struct Lease {
    pool: Arc<Pool>,
    /// Taken by `drop`, together.
    held: Option<(Connection, Permit)>,
    condition: Condition,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Ready,
    Unfinished,
    Broken,
}

impl Lease {
    pub fn new(pool: Arc<Pool>, mut connection: Connection, permit: Permit) -> Self {
        connection.uses += 1;
        Self { pool, held: Some((connection, permit)), condition: Condition::Ready }
    }

    pub fn is_identified(&self) -> bool {
        self.held.as_ref().is_some_and(|(connection, _)| connection.backend.is_some())
    }

    pub fn has_tables(&self) -> bool {
        self.held.as_ref().and_then(|(connection, _)| connection.backend).is_some_and(|backend| backend.has_tables)
    }

    pub fn is_guarded(&self) -> bool {
        self.held.as_ref().and_then(|(connection, _)| connection.backend).is_some_and(|backend| backend.is_guarded)
    }

    /// Nothing of a call runs where our tables are not: others may have tables of the same names.
    pub fn check_tables(&self) -> Result<()> {
        if self.has_tables() {
            return Ok(());
        }
        let mut error = Error::new(
            Code::SchemaMismatch,
            "the database lacks our tables, or they are not in the first schema of the search_path: call connect()",
        );
        // As the server would say it of a statement.
        error.context.sql_state = Some("42P01".to_owned());
        Err(error)
    }

    /// For one statement or transaction; [`Self::settle`] must follow, or it counts as unfinished.
    pub fn connection(&mut self) -> Result<&mut PgConnection> {
        let (connection, _) =
            self.held.as_mut().ok_or_else(|| Error::new(Code::Internal, "a lease without a connection"))?;
        self.condition = Condition::Unfinished;
        Ok(&mut connection.inner)
    }

    /// Says whether the connection survived its statement.
    pub fn settle(&mut self, survives: bool) {
        self.condition = if survives { Condition::Ready } else { Condition::Broken };
        if self.pool.options.target.is_pooled()
            && let Some((connection, _)) = &mut self.held
        {
            // From here on the backend is others'.
            connection.backend = None;
        }
    }

    pub fn is_usable(&self) -> bool {
        self.condition == Condition::Ready
    }

    /// The server says nothing any more: the connection is closed, and others may open one in its place.
    pub fn abandon(mut self) {
        if let Some((connection, _)) = self.held.take() {
            let work = Work::new(&self.pool);
            in_background(|| end_backend(work, connection));
        }
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
        match self.condition {
            Condition::Ready => self.pool.put_back(connection),
            Condition::Unfinished => {
                let work = Work::new(&self.pool);
                in_background(|| recover(work, connection, permit));
            }
            Condition::Broken => close_in_background(connection),
        }
    }
}
