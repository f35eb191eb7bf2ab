//! Look-ups by key: one statement answers many calls.

use crate::db::{Batch, Batched, Db, Repeat};
use crate::error::Result;
use crate::store::Readable;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, query};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// A look-up: its statement for one key, its statement for many, and how the key of a row is read.
pub struct ByKey<R> {
    pub one: &'static str,
    pub many: &'static str,
    pub key_of: fn(&R) -> Cow<'_, str>,
}

/// All look-ups of one kind. Calls that asked for the same row share it.
pub type Lookup<R> = Arc<Batch<ByKey<R>>>;

impl<R> Batched for ByKey<R>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Sync + Unpin + 'static,
{
    type Item = String;
    type Output = Option<Arc<R>>;

    const IS_WRITE: bool = false;

    async fn one(&self, db: &mut Db, key: &String) -> Result<Option<Arc<R>>> {
        let row = db.optional(Repeat::Read, || query(self.one).bind(key)).await?;
        Ok(row.map(Arc::new))
    }

    /// If a row cannot be read, its key is not known either. Then each key without a row goes alone.
    async fn many(&self, db: &mut Db, keys: &[String]) -> Result<Vec<Option<Option<Arc<R>>>>> {
        let rows: Vec<Readable<R>> = db.all(Repeat::Read, || query(self.many).bind(keys)).await?;
        let count = rows.len();
        let rows: Vec<Arc<R>> = rows.into_iter().filter_map(|Readable(row)| row.ok()).map(Arc::new).collect();
        let are_all_readable = rows.len() == count;
        let found: HashMap<Cow<str>, &Arc<R>> = rows.iter().map(|row| ((self.key_of)(row), row)).collect();
        let row_of = |key: &String| match found.get(key.as_str()) {
            None if !are_all_readable => None,
            row => Some(row.copied().cloned()),
        };
        Ok(keys.iter().map(row_of).collect())
    }
}

/// Declares a look-up: the record, the operation, the table, the key in SQL, the key of a row, and optionally a further
/// condition.
macro_rules! by_key {
    ($record:ty, $operation:literal, $table:ident, $key:literal, $key_of:expr $(; $condition:literal)?) => {
        $crate::db::Batch::new(
            $operation,
            $crate::store::lookup::ByKey::<$record> {
                one: concat!(
                    "SELECT ", $crate::store::columns!($table), " FROM ", stringify!($table), " WHERE ", $key, " = $1"
                    $(, " AND ", $condition)?
                ),
                many: concat!(
                    "SELECT ", $crate::store::columns!($table), " FROM ", stringify!($table), " WHERE ", $key, " = ANY($1)"
                    $(, " AND ", $condition)?
                ),
                key_of: $key_of,
            },
        )
    };
}
pub(crate) use by_key;
