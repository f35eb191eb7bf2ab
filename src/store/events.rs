//! The audit log: events outlive the users they speak of.

use super::column;
use crate::clock::Timestamp;
use crate::db::batch::policy::gives_up_on_locks;
use crate::db::{Batch, Batched, Db, Repeat};
use crate::error::Result;
use crate::input::{JsonObject, Key, Text, input};
use sqlx::query;
use std::sync::Arc;

input! {
    /// What `emitEvent` takes.
    EventInput {
        /// Such as `'user.login'`.
        r#type "type": Text,
        principal_id "principalId": Key,
        org_id "orgId": Option<Key>,
        data "data": JsonObject,
        timestamp "timestamp": Timestamp,
    }
}

/// One insert for all events that wait.
pub struct Emit;

pub fn emit() -> Arc<Batch<Emit>> {
    Batch::new("emitEvent", Emit)
}

impl Batched for Emit {
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

/// A plain row costs the server less than arrays of one.
async fn emit_one(db: &mut Db, event: &EventInput) -> Result<u64> {
    let EventInput { r#type, principal_id, org_id, data, timestamp } = event;
    db.execute(Repeat::Never, || {
        query(
            "INSERT INTO auth_events (
                type
              , principal_id
              , org_id
              , data
              , timestamp
             )
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(r#type.clone())
        .bind(principal_id.clone())
        .bind(org_id.clone())
        .bind(data.clone())
        .bind(*timestamp)
    })
    .await
}

async fn emit_many(db: &mut Db, events: &[EventInput]) -> Result<u64> {
    db.execute(Repeat::Never, || {
        query(concat!(
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
        ))
        .bind(column(events, |event| event.r#type.clone()))
        .bind(column(events, |event| event.principal_id.clone()))
        .bind(column(events, |event| event.org_id.clone()))
        .bind(column(events, |event| event.data.clone()))
        .bind(column(events, |event| event.timestamp))
    })
    .await
}
