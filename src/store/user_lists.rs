//! `listUsers`, with a statement of its own for each kind of filter.

use super::columns;
use super::pages::{Filter, Page, PageRequest, Position, page};
use super::users::{UserRecord, email_key};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::Result;
use crate::input::{MAX_KEY_BYTES, PageLimit, Text, input};
use sqlx::query;

input! {
    /// The options of `listUsers`.
    ListUsersOptions {
        /// The beginning of the e-mail, without regard to ASCII case. An empty one filters nothing.
        email_prefix "emailPrefix": Option<Text>,
        plan "plan": Option<Text>,
        /// Users created at this time or later.
        created_from "createdFrom": Option<Timestamp>,
        /// Users created before this time.
        created_to "createdTo": Option<Timestamp>,
        /// How many users a page has at most: 1 to 1 000. Default: 50.
        limit "limit": Option<PageLimit>,
        /// The `next` of the page before. It belongs to the same filters.
        after "after": Option<Text>,
    }
}

/// All e-mails with the prefix are from the prefix up to this text. An e-mail is too short to be greater.
fn end_of_prefix(prefix: &str) -> String {
    [prefix, &"\u{10FFFF}".repeat(MAX_KEY_BYTES / 4 + 1)].concat()
}

/// A [`page!`] of the users with the plan `$5`. A server that knows of a few plans only would rather walk over all users,
/// whose times are in the order of the table, and that has no end where the plan is rare. Only the index of plans has
/// this order, which is the same one within a plan.
const PAGE_OF_PLAN: &str = concat!(
    "SELECT ",
    columns!(users),
    " FROM users
      WHERE (plan, created_at) >= ($5, COALESCE($1::timestamptz, '-infinity'))
        AND (plan, created_at, id) < ($5, COALESCE($2::timestamptz, 'infinity'), COALESCE($3, ''))
      ORDER BY plan DESC, created_at DESC, id DESC
      LIMIT $4"
);

/// A [`page!`] of the users whose e-mail is from `$5` to `$6`. It reads that range of the e-mails' index and sorts what it
/// finds. The other conditions are wrapped, and `OFFSET 0` keeps the order out, so that no index for them, which may lead to
/// most of the table, can be chosen instead.
macro_rules! page_by_email {
    ($condition:literal) => {
        concat!(
            "SELECT ",
            columns!(users),
            " FROM (
                SELECT ",
            columns!(users),
            "
                  FROM users
                 WHERE pg_catalog.lower(email COLLATE \"C\") >= $5
                   AND pg_catalog.lower(email COLLATE \"C\") <= $6
                   AND (created_at >= COALESCE($1::timestamptz, '-infinity')) IS TRUE
                   AND ((created_at, id) < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3, ''))) IS TRUE",
            $condition,
            " OFFSET 0) AS matching
              ORDER BY created_at DESC, id DESC
              LIMIT $4"
        )
    };
}

pub async fn list(db: &mut Db, options: Option<ListUsersOptions>) -> Result<Page<UserRecord>> {
    let none = ListUsersOptions {
        email_prefix: None,
        plan: None,
        created_from: None,
        created_to: None,
        limit: None,
        after: None,
    };
    let ListUsersOptions { email_prefix, plan, created_from, created_to, limit, after } = options.unwrap_or(none);
    let prefix = email_prefix.map(|Text(prefix)| email_key(&prefix)).filter(|prefix| !prefix.is_empty());
    let plan = plan.map(|Text(plan)| plan);
    let filters = [
        Filter::Text(prefix.as_deref()),
        Filter::Text(plan.as_deref()),
        Filter::Time(created_from),
        Filter::Time(created_to),
    ];
    let request = PageRequest::new(&["listUsers"], &filters, limit, after.as_ref())?;
    let sql = match (&prefix, &plan) {
        (None, None) => page!(users),
        (None, Some(_)) => PAGE_OF_PLAN,
        (Some(_), None) => page_by_email!(""),
        (Some(_), Some(_)) => page_by_email!(" AND (plan = $7) IS TRUE"),
    };
    let rows = db
        .all(Repeat::Read, || {
            let mut query =
                query(sql).bind(created_from).bind(request.time(created_to)).bind(request.id()).bind(request.rows());
            if let Some(prefix) = &prefix {
                query = query.bind(prefix).bind(end_of_prefix(prefix));
            }
            match &plan {
                Some(plan) => query.bind(plan),
                None => query,
            }
        })
        .await?;
    Ok(request.page(rows, |user: &UserRecord| Position { time: user.created_at, id: user.id.clone() }))
}
