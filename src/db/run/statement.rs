//! What one attempt sends. The way to the database (`run.rs`) sees every statement through one trait: were it
//! generic instead, its retries, limits and logging would be compiled once for each method, a megabyte of the addon.

use futures_core::future::BoxFuture;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{Acquire, FromRow, PgConnection, Postgres};
use std::future::poll_fn;
use tokio::task::yield_now;

/// What a statement came to, and how many rows that were (for the log).
pub type Counted<T> = (T, u64);

/// Something that can be sent several times; it keeps the result of the last time.
pub trait Statement: Send {
    /// How many rows it came to.
    fn send<'a>(&'a mut self, connection: &'a mut PgConnection, way: Way) -> BoxFuture<'a, sqlx::Result<u64>>;
}

/// How a statement is sent this time.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// Through a transaction pooler: without a name, inside a transaction that has begun.
    pub is_pooled: bool,
    /// It may have taken effect already by an attempt before, whose answer was lost.
    pub is_in_doubt: bool,
}

/// A row, or none.
pub struct One<Q, R> {
    pub query: Q,
    pub row: Option<R>,
}

impl<Q, R> Statement for One<Q, R>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static,
    Q: Fn(bool) -> QueryAs<'static, Postgres, R, PgArguments> + Send,
{
    fn send<'a>(&'a mut self, connection: &'a mut PgConnection, way: Way) -> BoxFuture<'a, sqlx::Result<u64>> {
        let query = (self.query)(way.is_in_doubt).persistent(!way.is_pooled);
        Box::pin(async move {
            self.row = query.fetch_optional(connection).await?;
            Ok(u64::from(self.row.is_some()))
        })
    }
}

/// All rows.
pub struct All<Q, R> {
    pub query: Q,
    pub rows: Vec<R>,
}

impl<Q, R> Statement for All<Q, R>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Unpin + 'static,
    Q: Fn(bool) -> QueryAs<'static, Postgres, R, PgArguments> + Send,
{
    fn send<'a>(&'a mut self, connection: &'a mut PgConnection, way: Way) -> BoxFuture<'a, sqlx::Result<u64>> {
        let query = (self.query)(way.is_in_doubt).persistent(!way.is_pooled);
        Box::pin(async move {
            self.rows.clear();
            let mut rows = query.fetch(connection);
            while let Some(row) = poll_fn(|cx| rows.as_mut().poll_next(cx)).await.transpose()? {
                if self.rows.len() == A_FEW {
                    move_to_runtime().await;
                }
                self.rows.push(row);
            }
            Ok(self.rows.len() as u64)
        })
    }
}

/// More rows than these are read by the runtime.
const A_FEW: usize = 8;

/// JavaScript's thread, which sends what begins on it, has better things to do than to read a long answer that
/// came before it had left. Yielding hands the call over.
async fn move_to_runtime() {
    let is_on_runtime = tokio::task::try_id().is_some();
    if !is_on_runtime {
        yield_now().await;
    }
}

/// No rows, but how many were touched.
pub struct Execute<Q>(pub Q);

impl<Q> Statement for Execute<Q>
where
    Q: Fn() -> Query<'static, Postgres, PgArguments> + Send,
{
    fn send<'a>(&'a mut self, connection: &'a mut PgConnection, way: Way) -> BoxFuture<'a, sqlx::Result<u64>> {
        let query = (self.0)().persistent(!way.is_pooled);
        Box::pin(async move { Ok(query.execute(connection).await?.rows_affected()) })
    }
}

/// Several statements that take effect together or not at all.
pub struct Together<W, T> {
    pub work: W,
    pub result: Option<T>,
}

impl<W, T> Statement for Together<W, T>
where
    T: Send,
    W: for<'t> Fn(&'t mut PgConnection, bool) -> BoxFuture<'t, sqlx::Result<Counted<T>>> + Send + Sync,
{
    fn send<'a>(&'a mut self, connection: &'a mut PgConnection, way: Way) -> BoxFuture<'a, sqlx::Result<u64>> {
        Box::pin(async move {
            let (result, rows) = if way.is_pooled {
                (self.work)(connection, way.is_in_doubt).await?
            } else {
                let mut transaction = Acquire::begin(connection).await?;
                match (self.work)(&mut transaction, way.is_in_doubt).await {
                    Ok(result) => {
                        transaction.commit().await?;
                        result
                    }
                    Err(error) => {
                        // Dropped, it would be rolled back by the next statement on the connection, and until then the
                        // backend would keep what it has locked.
                        let _ = transaction.rollback().await;
                        return Err(error);
                    }
                }
            };
            self.result = Some(result);
            Ok(rows)
        })
    }
}
