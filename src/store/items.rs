//! Parameters of a statement that exists in two forms: for one item and for many.

use super::text_list::TextList;
use crate::db::PgQuery;
use crate::input::Text;
use sqlx::postgres::PgHasArrayType;
use sqlx::{Encode, Postgres, Type};

/// The items of a statement.
pub enum Items<'i, I> {
    /// Each parameter is a value of the item.
    One(&'i I),
    /// Each parameter is an array with a value of each item.
    Many(&'i [&'i I]),
}

impl<'i, I> Items<'i, I> {
    pub fn parameters_of(self, query: PgQuery) -> Parameters<'i, I> {
        Parameters { query, items: self }
    }
}

/// A query while the values of its items are being bound.
pub struct Parameters<'i, I> {
    query: PgQuery,
    items: Items<'i, I>,
}

impl<'i, I> Parameters<'i, I> {
    pub fn bind<'q, T>(self, value: impl Fn(&'i I) -> T) -> Self
    where
        T: Encode<'q, Postgres> + Type<Postgres> + PgHasArrayType,
    {
        let query = match self.items {
            Items::One(item) => self.query.bind(value(item)),
            Items::Many(items) => self.query.bind(column(items, |item| value(item))),
        };
        Self { query, ..self }
    }

    /// Binds a list of strings, which is the text of an array if there are many items.
    pub fn bind_list(self, value: impl Fn(&'i I) -> Option<&'i [Text]>) -> Self {
        let query = match self.items {
            Items::One(item) => self.query.bind(value(item)),
            Items::Many(items) => self.query.bind(column(items, |item| value(item).map(TextList::of))),
        };
        Self { query, ..self }
    }

    pub fn into_query(self) -> PgQuery {
        self.query
    }
}

/// What each of many items has in one column.
pub fn column<'i, I, T>(items: &'i [I], value: impl Fn(&'i I) -> T) -> Vec<T> {
    items.iter().map(value).collect()
}
