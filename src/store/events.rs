//! The audit log. Events outlive the users that they are about.

use super::items::Items;
use super::pages::{self, Filter, Page, PageRequest, Position};
use super::record;
use crate::clock::Timestamp;
use crate::db::batch::policy::gives_up_on_locks;
use crate::db::{Batch, Batched, Db, PgQuery, Repeat};
use crate::error::Result;
use crate::input::{JsonObject, Key, PageLimit, Text, input};
use sqlx::query;
use std::sync::Arc;

input! {
    /// What `emitEvent` takes.
    EventInput {
        /// For example `'user.login'`.
        r#type "type": Text,
        principal_id "principalId": Key,
        org_id "orgId": Option<Key>,
        data "data": JsonObject,
        timestamp "timestamp": Timestamp,
    }
}

record! {
    /// An event of the audit log.
    EventRecord {
        /// A whole number of up to 19 digits. Later events have greater ones.
        id "id": String,
        r#type "type": String,
        principal_id "principalId": String,
        data "data": JsonObject,
        timestamp "timestamp": Timestamp,
    } optional {
        org_id "orgId": String,
    }
}

input! {
    /// The options of `listEvents`.
    ListEventsOptions {
        principal_id "principalId": Option<Text>,
        org_id "orgId": Option<Text>,
        r#type "type": Option<Text>,
        /// Events of this time or later.
        from "from": Option<Timestamp>,
        /// Events before this time.
        to "to": Option<Timestamp>,
        /// How many events a page has at most: 1 to 1 000. Default: 50.
        limit "limit": Option<PageLimit>,
        /// The `next` of the page before. It belongs to the same filters.
        after "after": Option<Text>,
    }
}

/// A page of events, with the filters that are given. `$1` and `$2` are times, `$2` and `$3` the position. The times are
/// compared by themselves as well, because only that rules out months. The id in the order is that of the table, a number:
/// the one that is returned is a text, and would come as `9`, `89`, `88`.
macro_rules! page_of_events {
    ($($condition:literal),*) => {
        concat!(
            "SELECT id::text, type, principal_id, org_id, data, timestamp
               FROM auth_events
              WHERE timestamp >= COALESCE($1::timestamptz, '-infinity')
                AND timestamp <= COALESCE($2::timestamptz, 'infinity')
                AND (timestamp, id) < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3::int8, -9223372036854775808))",
            $(" AND ", $condition,)*
            " ORDER BY timestamp DESC, auth_events.id DESC LIMIT $4"
        )
    };
}

pub async fn list(db: &mut Db, options: Option<ListEventsOptions>) -> Result<Page<EventRecord>> {
    let none = ListEventsOptions {
        principal_id: None,
        org_id: None,
        r#type: None,
        from: None,
        to: None,
        limit: None,
        after: None,
    };
    let ListEventsOptions { principal_id, org_id, r#type, from, to, limit, after } = options.unwrap_or(none);
    let equal = [principal_id, org_id, r#type].map(|text| text.map(|Text(text)| text));
    let [principal_id, org_id, r#type] = equal.each_ref().map(Option::as_deref);
    let filters =
        [Filter::Text(principal_id), Filter::Text(org_id), Filter::Text(r#type), Filter::Time(from), Filter::Time(to)];
    let request = PageRequest::new(&["listEvents"], &filters, limit, after.as_ref())?;
    let id = request.id().map(str::parse::<i64>).transpose().map_err(|_| pages::refused())?;
    let sql = match (principal_id, org_id, r#type) {
        (None, None, None) => page_of_events!(),
        (Some(_), None, None) => page_of_events!("principal_id = $5"),
        (None, Some(_), None) => page_of_events!("org_id = $5"),
        (None, None, Some(_)) => page_of_events!("type = $5"),
        (Some(_), Some(_), None) => page_of_events!("principal_id = $5", "org_id = $6"),
        (Some(_), None, Some(_)) => page_of_events!("principal_id = $5", "type = $6"),
        (None, Some(_), Some(_)) => page_of_events!("org_id = $5", "type = $6"),
        (Some(_), Some(_), Some(_)) => page_of_events!("principal_id = $5", "org_id = $6", "type = $7"),
    };
    let rows = db
        .all(Repeat::Read, || {
            let mut query = query(sql).bind(from).bind(request.time(to)).bind(id).bind(request.rows());
            for text in equal.iter().flatten() {
                query = query.bind(text);
            }
            query
        })
        .await?;
    Ok(request.page(rows, |event: &EventRecord| Position { time: event.timestamp, id: event.id.clone() }))
}

/// `emitEvent`.
pub struct EmitEvents;

pub fn emit() -> Arc<Batch<EmitEvents>> {
    Batch::new("emitEvent", EmitEvents)
}

impl Batched for EmitEvents {
    type Item = EventInput;
    type Output = ();

    const IS_WRITE: bool = true;

    async fn one(&self, db: &mut Db, event: &EventInput) -> Result<()> {
        emit_one(db, event).await.map(drop)
    }

    async fn many(&self, db: &mut Db, events: &[EventInput]) -> Result<Vec<Option<()>>> {
        emit_many(db, events).await?;
        Ok(vec![Some(()); events.len()])
    }

    fn bytes(event: &EventInput) -> usize {
        event.r#type.0.len() + event.data.0.get().len()
    }
}

/// Binds the parameters of both statements, in the order of their columns.
fn bind_columns(query: PgQuery, events: Items<EventInput>) -> PgQuery {
    events
        .parameters_of(query)
        .bind(|event| &event.r#type)
        .bind(|event| &event.principal_id)
        .bind(|event| &event.org_id)
        .bind(|event| &event.data)
        .bind(|event| event.timestamp)
        .into_query()
}

/// One event has a statement of its own, because a plain row costs the server less than arrays with one element.
async fn emit_one(db: &mut Db, event: &EventInput) -> Result<u64> {
    db.execute(Repeat::Never, || {
        let query = query(
            "INSERT INTO auth_events (
                type
              , principal_id
              , org_id
              , data
              , timestamp
             )
             VALUES ($1, $2, $3, $4, $5)",
        );
        bind_columns(query, Items::One(event))
    })
    .await
}

async fn emit_many(db: &mut Db, events: &[EventInput]) -> Result<u64> {
    let events: Vec<&EventInput> = events.iter().collect();
    db.execute(Repeat::Never, || {
        let query = query(concat!(
            "INSERT INTO auth_events (
                type
              , principal_id
              , org_id
              , data
              , timestamp
             )
             SELECT type, principal_id, org_id, data, timestamp
               FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::timestamptz[])
                 AS event (type, principal_id, org_id, data, timestamp)
              WHERE ",
            gives_up_on_locks!()
        ));
        bind_columns(query, Items::Many(&events))
    })
    .await
}
