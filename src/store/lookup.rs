//! Rows by key, many calls in one statement.

use crate::db::{Batch, Batched, Db, Repeat};
use crate::error::Result;
use crate::store::Readable;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, query_as};
use std::collections::HashMap;
use std::sync::Arc;

/// The two forms of a look-up, `= $1` and `= ANY($1)`, and the key of a row.
pub struct ByKey<R> {
    pub one: &'static str,
    pub many: &'static str,
    pub key_of: fn(&R) -> String,
}

/// The look-ups of one kind; a found row is shared by all that asked for it.
pub type Lookup<R> = Arc<Batch<ByKey<R>>>;

impl<R> Batched for ByKey<R>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Sync + Unpin + 'static,
{
    type Item = String;
    type Output = Option<Arc<R>>;

    const IS_WRITE: bool = false;

    async fn one(&self, db: &mut Db, key: &String) -> Result<Option<Arc<R>>> {
        let row = db.optional(Repeat::Read, || query_as(self.one).bind(key.clone())).await?;
        Ok(row.map(Arc::new))
    }

    /// What has no row, while there is one that cannot be read, goes alone: it may be its own.
    async fn many(&self, db: &mut Db, keys: &[String]) -> Result<Vec<Option<Option<Arc<R>>>>> {
        let rows: Vec<Readable<R>> = db.all(Repeat::Read, || query_as(self.many).bind(keys.to_vec())).await?;
        let are_all_readable = rows.iter().all(|Readable(row)| row.is_ok());
        let found: HashMap<String, Arc<R>> = rows
            .into_iter()
            .filter_map(|Readable(row)| row.ok())
            .map(|row| ((self.key_of)(&row), Arc::new(row)))
            .collect();
        let row_of = |key| match found.get(key) {
            None if !are_all_readable => None,
            row => Some(row.cloned()),
        };
        Ok(keys.iter().map(row_of).collect())
    }
}

/// Both forms of one look-up: `select` up to its `WHERE`, the key's expression, and what else must hold.
macro_rules! by_key {
    ($record:ty, $operation:literal, $columns:expr, $table:literal, $key:literal, $key_of:expr $(; $condition:literal)?) => {
        $crate::db::Batch::new(
            $operation,
            $crate::store::lookup::ByKey::<$record> {
                one: concat!("SELECT ", $columns, " FROM ", $table, " WHERE ", $key, " = $1" $(, " AND ", $condition)?),
                many: concat!("SELECT ", $columns, " FROM ", $table, " WHERE ", $key, " = ANY($1)" $(, " AND ", $condition)?),
                key_of: $key_of,
            },
        )
    };
}
pub(crate) use by_key;
