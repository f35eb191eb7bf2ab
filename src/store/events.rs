//! The audit log. Events outlive the users that they are about.

use super::items::Items;
use crate::clock::Timestamp;
use crate::db::batch::policy::gives_up_on_locks;
use crate::db::{Batch, Batched, Db, PgQuery, Repeat};
use crate::error::Result;
use crate::input::{JsonObject, Key, Text, input};
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
