//! Deletes a user, an organization, a role or a provider together with everything that belongs to it.
//!
//! The foreign keys delete everything that refers to the row, in the same statement. If the owner had a million rows, that
//! statement would run into the statement timeout. So it deletes nothing if the owner has more than [`BATCH`] rows in one of
//! the tables. Then further statements delete these rows, at most [`BATCH`] each, and the last one deletes the owner with
//! the rows that are left.
//!
//! If a delete is interrupted, the rows that it has deleted stay deleted, and the next one continues. What gives access is
//! deleted first: keys, sessions, tokens and assignments. What restricts access is deleted last, together with the owner:
//! the newest second factors.

use super::sweep::BATCH;
use crate::db::{Db, Repeat};
use crate::error::Result;
use sqlx::query;

/// The statements for one kind of owner. `$1` is the owner's id, and `$2` a number of rows.
pub struct Owner {
    /// Deletes the owner that has at most so many rows in each table. The row that it returns is true if there is an
    /// owner who has more.
    pub delete: &'static str,
    /// Each deletes, or takes from the owner, up to so many rows. They run in this order, each until it finds no more.
    pub batches: &'static [&'static str],
}

/// Finds the rows of the owner in the order of an index on the column, so that only as many are read as are needed. With
/// `column = $1` the planner may choose a bitmap scan, which reads all of them first. It does so if its statistics are from
/// before the owner had many rows. A range with an order rules that out.
macro_rules! of_owner {
    ($column:literal) => {
        crate::store::dependents::of_owner!($column, "$1")
    };
    ($column:literal, $owner:literal) => {
        concat!(" WHERE ", $column, " BETWEEN ", $owner, " AND ", $owner, " ORDER BY ", $column)
    };
}
pub(super) use of_owner;

/// Whether the owner has more than `$2` rows in the table.
macro_rules! has_more {
    ($table:literal, $column:literal) => {
        concat!("EXISTS (SELECT FROM ", $table, crate::store::dependents::of_owner!($column), " OFFSET $2)")
    };
    ($table:literal, $column:literal, of $parent:literal, $parent_column:literal) => {
        concat!(
            "EXISTS (SELECT FROM ",
            $parent,
            " AS parent CROSS JOIN LATERAL (SELECT FROM ",
            $table,
            crate::store::dependents::of_owner!($column, "parent.id"),
            " LIMIT $2 + 1) AS child WHERE parent.",
            $parent_column,
            " = $1 OFFSET $2)"
        )
    };
}
pub(super) use has_more;

/// The end of the statement that deletes the owner, whose deleted row is in `gone`: see [`Owner::delete`].
macro_rules! owner_has_more {
    ($table:literal) => {
        concat!(
            " SELECT false AS has_more FROM gone
               UNION ALL
              SELECT true FROM ",
            $table,
            " WHERE id = $1 AND NOT EXISTS (SELECT FROM gone)"
        )
    };
}
pub(super) use owner_has_more;

/// Deletes up to `$2` rows of the owner.
macro_rules! delete_some {
    ($table:literal, $column:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE id = ANY(ARRAY(SELECT id FROM ",
            $table,
            crate::store::dependents::of_owner!($column),
            " LIMIT $2 FOR UPDATE))"
        )
    };
    ($table:literal, $column:literal, of $parent:literal, $parent_column:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE id = ANY(ARRAY(SELECT child.id FROM ",
            $parent,
            " AS parent CROSS JOIN LATERAL (SELECT id FROM ",
            $table,
            crate::store::dependents::of_owner!($column, "parent.id"),
            " LIMIT $2 FOR UPDATE) AS child WHERE parent.",
            $parent_column,
            " = $1 LIMIT $2))"
        )
    };
}
pub(super) use delete_some;

pub async fn delete(db: &mut Db, owner: &'static Owner, id: &str) -> Result<()> {
    let mut limit = i64::from(BATCH);
    loop {
        db.begin_batch();
        let decision: Option<(bool,)> =
            db.optional(Repeat::Harmless, || query(owner.delete).bind(id).bind(limit)).await?;
        if !decision.is_some_and(|(has_more,)| has_more) {
            return Ok(());
        }
        if delete_batches(db, owner, id).await? == 0 {
            // Something keeps the rows, such as a trigger of the application's. Let the foreign keys decide.
            limit = i64::MAX - 1;
        }
    }
}

/// Deletes what the owner has, in statements of their own. Returns how many rows they deleted.
pub async fn delete_batches(db: &mut Db, owner: &'static Owner, id: &str) -> Result<u64> {
    let mut total = 0;
    for &batch in owner.batches {
        loop {
            db.begin_batch();
            let rows = db.execute(Repeat::Harmless, || query(batch).bind(id).bind(i64::from(BATCH))).await?;
            total += rows;
            if rows == 0 {
                break;
            }
        }
    }
    Ok(total)
}
