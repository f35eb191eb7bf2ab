//! How many records there are.

use super::record;
use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use sqlx::query;

record! {
    /// How many records there are, at one moment.
    RecordCounts {
        users "users": i64,
        organizations "organizations": i64,
        live_sessions "liveSessions": i64,
        /// Sessions that have expired and have not been deleted yet.
        expired_sessions "expiredSessions": i64,
        /// Also those that have expired.
        api_keys "apiKeys": i64,
        /// About how many events there are. Up to 10 000 are counted. If there are more, this is what the server has learnt
        /// about the table when it was last vacuumed or analysed, in proportion to the present size of the table.
        estimated_events "estimatedEvents": i64,
    }
}

/// A month that has never been analysed has as many events in a page as the others have, or 50 if nothing is known.
const COUNT: &str = "
    WITH month AS (
        SELECT c.reltuples::float8 AS known_rows
             , c.relpages::float8 AS known_pages
             , pg_catalog.pg_relation_size(c.oid)::float8 / pg_catalog.current_setting('block_size')::float8 AS pages
          FROM pg_catalog.pg_inherits AS i
          JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'auth_events'::regclass::oid
    ), usual AS (
        SELECT COALESCE(pg_catalog.sum(known_rows) / pg_catalog.sum(known_pages), 50) AS rows_per_page
          FROM month
         WHERE known_rows > 0::float8
           AND known_pages > 0::float8
    ), estimate AS (
        SELECT pg_catalog.sum(
                   month.pages * CASE WHEN known_rows >= 0::float8 AND known_pages > 0::float8
                                      THEN known_rows / known_pages
                                      ELSE usual.rows_per_page
                                 END
               )::int8 AS events
          FROM month
         CROSS JOIN usual
    ), first_events AS (
        SELECT count(*) AS number FROM (SELECT FROM auth_events LIMIT 10001) AS event
    ), session AS (
        SELECT count(*) FILTER (WHERE expires_at > now()) AS live
             , count(*) FILTER (WHERE expires_at <= now()) AS expired
          FROM sessions
    )
    SELECT (SELECT count(*) FROM users) AS users
         , (SELECT count(*) FROM organizations) AS organizations
         , session.live AS live_sessions
         , session.expired AS expired_sessions
         , (SELECT count(*) FROM api_keys) AS api_keys
         , CASE WHEN first_events.number <= 10000
                THEN first_events.number
                ELSE GREATEST(first_events.number, estimate.events)
           END AS estimated_events
      FROM session
     CROSS JOIN first_events
     CROSS JOIN estimate";

pub async fn count(db: &mut Db) -> Result<RecordCounts> {
    let counts = db.optional(Repeat::Read, || query(COUNT)).await?;
    counts.ok_or_else(|| Error::new(Code::Internal, "the server returned no counts"))
}
