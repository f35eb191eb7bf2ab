//! How many events there were of each type, by hour or by day.

use super::record;
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Error, Result};
use crate::input::{Text, closed_set, input};
use sqlx::query;

closed_set! {
    /// How much time one count covers. Hours and days begin as they do in UTC.
    EventCountStep {
        Hour = "hour",
        Day = "day",
    }
}

input! {
    /// The options of `countEvents`.
    CountEventsOptions {
        /// Events of this time or later. Default: 24 hours before `to`.
        from "from": Option<Timestamp>,
        /// Events before this time. Default: now, by the clock of the server.
        to "to": Option<Timestamp>,
        /// Whether there is a count for each hour or for each day, in UTC. There may be up to 1 000 of them between `from` and
        /// `to`. Default: `'hour'`.
        step "step": Option<EventCountStep>,
        /// Only events of these types, up to 1 000. Default: all.
        types "types": Option<Vec<Text>>,
        org_id "orgId": Option<Text>,
        principal_id "principalId": Option<Text>,
    }
}

record! {
    /// How many events of a type there were in an hour or a day.
    EventCount {
        /// When the hour or the day begins.
        start "start": Timestamp,
        r#type "type": String,
        count "count": i64,
    }
}

const MS_PER_HOUR: i64 = 3_600_000;
const HOURS_PER_DAY: i32 = 24;
/// How many hours or days a call may ask for.
const MAX_STEPS: i32 = 1_000;
const MAX_TYPES: usize = 1_000;
/// How many counts a call returns at most: what JavaScript's thread reads in about 50 ms. The statement finds one more.
const MAX_COUNTS: usize = 50_000;

impl EventCountStep {
    fn hours(self) -> i32 {
        match self {
            Self::Hour => 1,
            Self::Day => HOURS_PER_DAY,
        }
    }

    /// Refuses what would be too many hours or days, or none.
    fn check_span(self, from: Timestamp, to: Timestamp) -> Result<()> {
        let ms = i64::from(self.hours()) * MS_PER_HOUR;
        if from > to {
            return Err(Error::invalid_input("from", "must not be after `to`"));
        }
        let steps = (to.millis() - 1).div_euclid(ms) - from.millis().div_euclid(ms) + 1;
        if steps > i64::from(MAX_STEPS) {
            let reason = format!("must not be more than {MAX_STEPS} {}s before `to`", self.as_str());
            return Err(Error::invalid_input("from", &reason));
        }
        Ok(())
    }
}

/// What the statement returns: the time of the server, and beside it each count or, if there is none, nothing.
type Row = (Timestamp, Option<Timestamp>, Option<String>, Option<i64>);

/// Counts events, with the filters that are given. Without `to` only the server knows how long a time is asked for. So
/// the statement counts nothing if that is far too long, and says what time it is.
macro_rules! counts_of_events {
    ($($condition:literal),*) => {
        concat!(
            "SELECT present.time, counted.start, counted.type, counted.count
               FROM (SELECT statement_timestamp() AS time) AS present
               LEFT JOIN (
                   SELECT pg_catalog.date_trunc($3, timestamp, 'UTC') AS start, type, count(*) AS count
                     FROM auth_events
                    WHERE timestamp >= COALESCE($1::timestamptz, COALESCE($2::timestamptz, statement_timestamp()) - pg_catalog.make_interval(hours => 24))
                      AND timestamp < COALESCE($2::timestamptz, statement_timestamp())
                      AND COALESCE($2::timestamptz, statement_timestamp()) - pg_catalog.make_interval(hours => $4)
                          <= COALESCE($1::timestamptz, 'infinity')",
            $(" AND ", $condition,)*
            "       GROUP BY 1, 2
                    LIMIT 50001
               ) AS counted ON true
              ORDER BY counted.start, counted.type"
        )
    };
}

pub async fn count(db: &mut Db, options: CountEventsOptions) -> Result<Vec<EventCount>> {
    let CountEventsOptions { from, to, step, types, org_id, principal_id } = options;
    let step = step.unwrap_or(EventCountStep::Hour);
    if let (Some(from), Some(to)) = (from, to) {
        step.check_span(from, to)?;
    }
    if types.as_ref().is_some_and(|types| types.len() > MAX_TYPES) {
        return Err(Error::invalid_input("types", "must be at most 1000"));
    }
    let sql = match (&principal_id, &org_id, &types) {
        (None, None, None) => counts_of_events!(),
        (Some(_), None, None) => counts_of_events!("principal_id = $5"),
        (None, Some(_), None) => counts_of_events!("org_id = $5"),
        (None, None, Some(_)) => counts_of_events!("type = ANY($5)"),
        (Some(_), Some(_), None) => counts_of_events!("principal_id = $5", "org_id = $6"),
        (Some(_), None, Some(_)) => counts_of_events!("principal_id = $5", "type = ANY($6)"),
        (None, Some(_), Some(_)) => counts_of_events!("org_id = $5", "type = ANY($6)"),
        (Some(_), Some(_), Some(_)) => counts_of_events!("principal_id = $5", "org_id = $6", "type = ANY($7)"),
    };
    let rows: Vec<Row> = db
        .all(Repeat::Read, || {
            let mut query = query(sql).bind(from).bind(to).bind(step.as_str()).bind((MAX_STEPS + 1) * step.hours());
            for text in [&principal_id, &org_id].into_iter().flatten() {
                query = query.bind(text);
            }
            if let Some(types) = &types {
                query = query.bind(types);
            }
            query
        })
        .await?;
    if let (Some(from), None, Some((now, ..))) = (from, to, rows.first()) {
        step.check_span(from, *now)?;
    }
    if rows.len() > MAX_COUNTS {
        let reason =
            format!("are so many that there are more than {MAX_COUNTS} counts: name some, or ask for a shorter time");
        return Err(Error::invalid_input("types", &reason));
    }
    Ok(rows
        .into_iter()
        .filter_map(|(_, start, r#type, count)| Some(EventCount { start: start?, r#type: r#type?, count: count? }))
        .collect())
}
