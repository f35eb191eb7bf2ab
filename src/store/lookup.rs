//! Look-ups by key: one statement answers many calls.

use crate::db::{Batch, Batched, Db, Repeat, Rows};
use crate::error::Result;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, query};
use std::any::Any;
use std::borrow::Cow;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

/// A record of any type. Calls that asked for the same row share it.
type AnyRecord = Arc<dyn Any + Send + Sync>;

/// How the key of a record is read.
type KeyOf = Box<dyn Fn(&AnyRecord) -> Cow<'_, str> + Send + Sync>;

/// A look-up: its statement for one key, its statement for many, and how a row and its key are read.
///
/// It does not know the type of its records, because the compiler would then repeat all of `db/batch` for each of the 16
/// look-ups, 40 KB of the addon each time.
pub struct ByKey {
    one: &'static str,
    many: &'static str,
    decode: fn(&PgRow) -> sqlx::Result<AnyRecord>,
    key_of: KeyOf,
}

/// All look-ups of one kind.
pub struct Lookup<R> {
    pub batch: Arc<Batch<ByKey>>,
    record: PhantomData<fn() -> R>,
}

impl<R> Lookup<R>
where
    R: for<'r> FromRow<'r, PgRow> + Send + Sync + 'static,
{
    pub fn new(operation: &'static str, one: &'static str, many: &'static str, key_of: fn(&R) -> Cow<'_, str>) -> Self {
        let key_of: KeyOf = Box::new(move |record| record.downcast_ref().map_or(Cow::Borrowed(""), key_of));
        let by_key = ByKey { one, many, decode: |row| Ok(Arc::new(R::from_row(row)?)), key_of };
        Self { batch: Batch::new(operation, by_key), record: PhantomData }
    }

    /// The record that [`Self::batch`] has found.
    pub fn record(found: Option<AnyRecord>) -> Option<Arc<R>> {
        found.and_then(|record| record.downcast().ok())
    }
}

/// The rows of one statement.
struct Found {
    decode: fn(&PgRow) -> sqlx::Result<AnyRecord>,
    records: Vec<AnyRecord>,
    /// Whether a row that cannot be read is passed over.
    passes_over: bool,
    are_all_readable: bool,
}

impl Found {
    fn new(ByKey { decode, .. }: &ByKey, passes_over: bool) -> Self {
        Self { decode: *decode, records: Vec::new(), passes_over, are_all_readable: true }
    }
}

impl Rows for Found {
    fn clear(&mut self) {
        self.records.clear();
        self.are_all_readable = true;
    }

    fn push(&mut self, row: &PgRow) -> sqlx::Result<()> {
        match (self.decode)(row) {
            Ok(record) => self.records.push(record),
            Err(_) if self.passes_over => self.are_all_readable = false,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl Batched for ByKey {
    type Item = String;
    type Output = Option<AnyRecord>;

    const IS_WRITE: bool = false;

    async fn one(&self, db: &mut Db, key: &String) -> Result<Option<AnyRecord>> {
        let mut found = Found::new(self, false);
        db.read_one(Repeat::Read, || query(self.one).bind(key), &mut found).await?;
        Ok(found.records.pop())
    }

    /// If a row cannot be read, its key is not known either. Then each key without a row goes alone.
    async fn many(&self, db: &mut Db, keys: &[String]) -> Result<Vec<Option<Option<AnyRecord>>>> {
        let mut found = Found::new(self, true);
        db.read_all(Repeat::Read, || query(self.many).bind(keys), &mut found).await?;
        let Found { records, are_all_readable, .. } = found;
        let by_key: HashMap<Cow<str>, &AnyRecord> =
            records.iter().map(|record| ((self.key_of)(record), record)).collect();
        let record_of = |key: &String| match by_key.get(key.as_str()) {
            None if !are_all_readable => None,
            record => Some(record.copied().cloned()),
        };
        Ok(keys.iter().map(record_of).collect())
    }
}

/// Declares a look-up: the record, the operation, the table, the key in SQL, the key of a row, and optionally a further
/// condition.
macro_rules! by_key {
    ($record:ty, $operation:literal, $table:ident, $key:literal, $key_of:expr $(; $condition:literal)?) => {
        $crate::store::lookup::Lookup::<$record>::new(
            $operation,
            concat!(
                "SELECT ", $crate::store::columns!($table), " FROM ", stringify!($table), " WHERE ", $key, " = $1"
                $(, " AND ", $condition)?
            ),
            concat!(
                "SELECT ", $crate::store::columns!($table), " FROM ", stringify!($table), " WHERE ", $key, " = ANY($1)"
                $(, " AND ", $condition)?
            ),
            $key_of,
        )
    };
}
pub(crate) use by_key;
