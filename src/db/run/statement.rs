//! What one attempt sends, and how its rows are read.
//!
//! `run.rs` sees every statement through one trait, and the statements here see the queries and the records of the
//! store through two others. If this code were generic instead, the compiler would repeat its retries, limits and
//! logging for each method, which made the addon a megabyte larger.

use futures_core::future::BoxFuture;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Acquire, Connection as _, FromRow, PgConnection, Postgres};
use std::future::{Future, poll_fn};
use tokio::task::yield_now;

/// A query with its parameters. They are encoded when they are bound, so that they may be borrowed until then.
pub type PgQuery = Query<'static, Postgres, PgArguments>;

/// A result, and how many rows the statements touched (for the log).
pub type Counted<T> = (T, u64);

/// Something that can be sent several times. It keeps the result of the last time.
pub trait Statement: Send {
    /// Returns how many rows the statement returned or touched.
    fn send<'a>(&'a mut self, connection: &'a mut PgConnection, way: Way) -> BoxFuture<'a, sqlx::Result<u64>>;

    /// Whether it reads several times and has to see one state of the database.
    fn is_snapshot(&self) -> bool {
        false
    }
}

/// How a statement is sent this time.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// It goes through a transaction pooler, and so without a name.
    pub is_pooled: bool,
    /// A transaction has begun around it, which somebody else ends.
    pub has_begun: bool,
    /// An earlier attempt, whose answer was lost, may have taken effect already.
    pub is_in_doubt: bool,
}

/// Makes the query of an attempt. It is told whether an earlier attempt, whose answer was lost, may have taken effect.
pub type MakeQuery<'q> = dyn Fn(bool) -> PgQuery + Sync + 'q;

/// Where the rows of a statement go.
pub trait Rows: Send {
    /// Forgets the rows of an earlier attempt.
    fn clear(&mut self);

    /// Decodes a row and keeps it.
    fn push(&mut self, row: &PgRow) -> sqlx::Result<()>;
}

impl<R: for<'r> FromRow<'r, PgRow> + Send> Rows for Option<R> {
    fn clear(&mut self) {
        *self = None;
    }

    fn push(&mut self, row: &PgRow) -> sqlx::Result<()> {
        *self = Some(R::from_row(row)?);
        Ok(())
    }
}

impl<R: for<'r> FromRow<'r, PgRow> + Send> Rows for Vec<R> {
    fn clear(&mut self) {
        Vec::clear(self);
    }

    fn push(&mut self, row: &PgRow) -> sqlx::Result<()> {
        Vec::push(self, R::from_row(row)?);
        Ok(())
    }
}

/// A statement that returns at most one row.
pub struct One<'s> {
    pub query: &'s MakeQuery<'s>,
    pub row: &'s mut (dyn Rows + 's),
}

impl Statement for One<'_> {
    fn send<'a>(&'a mut self, connection: &'a mut PgConnection, way: Way) -> BoxFuture<'a, sqlx::Result<u64>> {
        let query = (self.query)(way.is_in_doubt).persistent(!way.is_pooled);
        Box::pin(async move {
            self.row.clear();
            let Some(row) = query.fetch_optional(connection).await? else { return Ok(0) };
            self.row.push(&row)?;
            Ok(1)
        })
    }
}

/// A statement that returns any number of rows.
pub struct All<'s> {
    pub query: &'s MakeQuery<'s>,
    pub rows: &'s mut (dyn Rows + 's),
}

impl Statement for All<'_> {
    fn send<'a>(&'a mut self, connection: &'a mut PgConnection, way: Way) -> BoxFuture<'a, sqlx::Result<u64>> {
        let query = (self.query)(way.is_in_doubt).persistent(!way.is_pooled);
        Box::pin(async move {
            self.rows.clear();
            let mut count = 0;
            #[expect(clippy::disallowed_methods, reason = "`run.rs` awaits this future")]
            let mut stream = query.fetch(connection);
            while let Some(row) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await.transpose()? {
                if count == MAX_ROWS_ON_JS_THREAD {
                    move_to_runtime().await;
                }
                self.rows.push(&row)?;
                count += 1;
            }
            Ok(count)
        })
    }
}

/// The runtime reads the rest of a longer answer.
const MAX_ROWS_ON_JS_THREAD: u64 = 8;

/// A call that begins on JavaScript's thread is polled there first, and its answer may be complete by then. Reading all
/// of a long answer would keep that thread from its own work. Yielding hands the call over to the runtime.
async fn move_to_runtime() {
    let is_on_runtime = tokio::task::try_id().is_some();
    if !is_on_runtime {
        yield_now().await;
    }
}

/// A statement that returns no rows, only how many it touched.
pub struct Execute<'s>(pub &'s MakeQuery<'s>);

impl Statement for Execute<'_> {
    fn send<'a>(&'a mut self, connection: &'a mut PgConnection, way: Way) -> BoxFuture<'a, sqlx::Result<u64>> {
        let query = (self.0)(way.is_in_doubt).persistent(!way.is_pooled);
        Box::pin(async move { Ok(query.execute(connection).await?.rows_affected()) })
    }
}

/// Begins a transaction that sees one state of the database, and changes nothing.
pub const BEGIN_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// Several statements that take effect together or not at all.
pub trait TransactionBody: Sync {
    type Output: Send;

    /// Whether the statements only read, and all of them see one state of the database.
    const IS_SNAPSHOT: bool = false;

    /// Runs the statements, none of which may be persistent. `is_in_doubt` says whether an earlier attempt, whose
    /// answer was lost, may have committed them already.
    fn run(
        &self,
        connection: &mut PgConnection,
        is_in_doubt: bool,
    ) -> impl Future<Output = sqlx::Result<Counted<Self::Output>>> + Send;
}

/// The statements of a body, in a transaction around them.
pub struct Together<'s, B: TransactionBody> {
    pub body: &'s B,
    pub result: Option<B::Output>,
}

impl<B: TransactionBody> Statement for Together<'_, B> {
    fn send<'a>(&'a mut self, connection: &'a mut PgConnection, way: Way) -> BoxFuture<'a, sqlx::Result<u64>> {
        Box::pin(async move {
            let (result, rows) = if way.has_begun {
                self.body.run(connection, way.is_in_doubt).await?
            } else {
                let mut transaction = if B::IS_SNAPSHOT {
                    connection.begin_with(BEGIN_SNAPSHOT).await?
                } else {
                    Acquire::begin(connection).await?
                };
                match self.body.run(&mut transaction, way.is_in_doubt).await {
                    Ok(result) => {
                        transaction.commit().await?;
                        result
                    }
                    Err(error) => {
                        // A transaction that is only dropped is rolled back by the next statement on the connection.
                        // Until then its backend would hold its locks.
                        let _ = transaction.rollback().await;
                        return Err(error);
                    }
                }
            };
            self.result = Some(result);
            Ok(rows)
        })
    }

    fn is_snapshot(&self) -> bool {
        B::IS_SNAPSHOT
    }
}
