//! What all updates have in common: their options, the check that nobody else has changed the record since it was read,
//! and merging into its metadata.

use crate::clock::Timestamp;
use crate::error::{Code, Error, Result};
use crate::input::input;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

input! {
    /// The options of an update.
    UpdateOptions {
        /// The `updatedAt` that the record must still have. If somebody has changed it since, the call rejects with
        /// `conflict`, and `context.field` is `'updatedAt'`. Default: the record is changed whatever its `updatedAt` is.
        if_updated_at "ifUpdatedAt": Option<Timestamp>,
        /// Whether the keys given in `metadata` are set, and those given as `null` removed, while all other keys stay as
        /// they are. Only the first level is merged. Default: `false`, which replaces the whole metadata.
        merge_metadata "mergeMetadata": Option<bool>,
    }
}

input! {
    /// The options of `updateTenantSAMLConfig`.
    UpdateTenantSAMLConfigOptions "UpdateTenantSAMLConfigOptions" {
        /// The `updatedAt` that the configuration must still have, as `getTenantSAMLConfigRecord` returns it. If somebody
        /// has changed it since, the call rejects with `conflict`, and `context.field` is `'updatedAt'`. Default: it is
        /// changed whatever its `updatedAt` is.
        if_updated_at "ifUpdatedAt": Option<Timestamp>,
    }
}

impl UpdateOptions {
    pub const NONE: Self = Self { if_updated_at: None, merge_metadata: None };

    pub fn merges_metadata(&self) -> bool {
        self.merge_metadata.unwrap_or(false)
    }
}

/// What an update writes to the metadata: the parameters are whether it is written, whether it is merged, and the new
/// metadata. NULL clears it in both cases. As in RFC 7396, stored metadata that is not an object counts as an empty one.
macro_rules! new_metadata {
    ($is_written:literal, $merges:literal, $new:literal) => {
        new_metadata!($is_written, $merges, $new, "metadata")
    };
    ($is_written:literal, $merges:literal, $new:literal, $stored:literal) => {
        concat!(
            "CASE
                 WHEN NOT ",
            $is_written,
            " THEN ",
            $stored,
            " WHEN ",
            $merges,
            " AND ",
            $new,
            " IS NOT NULL THEN
                 (CASE pg_catalog.jsonb_typeof(",
            $stored,
            ") WHEN 'object' THEN ",
            $stored,
            " ELSE '{}' END || ",
            $new,
            ") - ARRAY(SELECT member.key FROM pg_catalog.jsonb_each(",
            $new,
            ") AS member WHERE member.value = 'null')
                 ELSE COALESCE(",
            $new,
            ", '{}')
             END"
        )
    };
}
pub(super) use new_metadata;

/// The end of an update whose `WITH` clause is named `written`: what it has written, or why it has not. `$if_updated_at`
/// is the parameter that it has compared with `updated_at`.
///
/// If the row was another one before the statement began, that is all. Otherwise the update has waited for somebody who
/// has changed or deleted the row, and only a lock shows what is there now. `FOR KEY SHARE` is enough to tell whether it
/// is there, and does not wait for the next change; it may lock the version from before the last one. Where the update has
/// a condition beside `ifUpdatedAt`, `FOR SHARE` tells which of the two the last version does not meet.
macro_rules! written_or_stored {
    ($table:ident, $if_updated_at:literal) => {
        written_or_stored!($table by "id", $if_updated_at)
    };
    ($table:ident by $key:literal, $if_updated_at:literal) => {
        written_or_stored!(@ $table, $key, $if_updated_at, "", concat!($if_updated_at, " IS NOT NULL"), "KEY SHARE")
    };
    ($table:ident, $if_updated_at:literal, and $condition:literal) => {
        written_or_stored!(
            @ $table, "id", $if_updated_at, concat!(" AND ", $condition), concat!($if_updated_at, " IS NOT NULL"), "SHARE"
        )
    };
    ($table:ident, $if_updated_at:literal, or_refused) => {
        written_or_stored!(
            @ $table, "id", $if_updated_at, "", concat!("(updated_at <> ", $if_updated_at, ") IS TRUE"), "SHARE"
        )
    };
    (@ $table:ident, $key:literal, $if_updated_at:literal, $and:expr, $is_changed:expr, $lock:literal) => {
        concat!(
            " SELECT true AS is_written, false AS is_changed, ",
            columns!($table),
            " FROM written
               UNION ALL
              SELECT false, is_changed, ",
            columns!($table),
            " FROM (
                 SELECT CASE
                            WHEN updated_at <> ",
            $if_updated_at,
            " THEN true
                            ELSE (SELECT ",
            $is_changed,
            " FROM ",
            stringify!($table),
            " WHERE ",
            $key,
            " = $1",
            $and,
            " FOR ",
            $lock,
            ")
                        END AS is_changed, ",
            columns!($table),
            " FROM ",
            stringify!($table),
            " WHERE ",
            $key,
            " = $1",
            $and,
            " AND NOT EXISTS (SELECT FROM written)
              ) AS stored
              WHERE is_changed IS NOT NULL"
        )
    };
}
pub(super) use written_or_stored;

/// An update that ends in `RETURNING true AS is_written` and the columns. Only with `ifUpdatedAt` does it have to say why
/// it has not written a row, which costs the server half as much again.
macro_rules! checked_update {
    ($options:expr, $table:ident, $update:expr, $if_updated_at:literal $(, $condition:literal)?) => {
        if $options.if_updated_at.is_some() {
            concat!("WITH written AS (", $update, ")", written_or_stored!($table, $if_updated_at $(, and $condition)?))
        } else {
            $update
        }
    };
}
pub(super) use checked_update;

/// The statement of an update that changes nothing. It compares `updated_at` with `$2`.
macro_rules! read_unchanged {
    ($table:ident $(, $and:literal)?) => {
        concat!(
            "SELECT (updated_at <> $2) IS NOT TRUE AS is_written, (updated_at <> $2) IS TRUE AS is_changed, ",
            columns!($table),
            " FROM ",
            stringify!($table),
            " WHERE id = $1",
            $(" AND ", $and,)?
        )
    };
}
pub(super) use read_unchanged;

/// The result of an update that has found its row.
pub enum Edit<R> {
    Written(R),
    /// Its `updated_at` is not the one that was asked for.
    Changed,
    /// It does not meet another condition of the statement.
    Refused,
}

impl<'r, R: FromRow<'r, PgRow>> FromRow<'r, PgRow> for Edit<R> {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        Ok(if row.try_get("is_written")? {
            Self::Written(R::from_row(row)?)
        } else if row.try_get("is_changed")? {
            Self::Changed
        } else {
            Self::Refused
        })
    }
}

/// The result of an update that has no other condition than `ifUpdatedAt`.
pub fn updated<R>(edit: Option<Edit<R>>, what: &'static str) -> Result<R> {
    match edit {
        Some(Edit::Written(row)) => Ok(row),
        Some(Edit::Changed) => Err(changed(what)),
        Some(Edit::Refused) | None => Err(Error::not_found(what)),
    }
}

/// The record is no longer the one that the caller has read.
pub fn changed(what: &'static str) -> Error {
    Error::new(Code::Conflict, format!("the {what} has been changed since `ifUpdatedAt`")).with_field("updatedAt")
}
