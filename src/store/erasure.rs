//! `eraseUser`: deletes a user with everything that is stored about the person.
//!
//! The user and all that belongs to it, the tokens of its e-mail, and what is asked for its events are one transaction. Of a
//! user with very many rows that transaction would not end before the statement timeout, so that most of them are deleted
//! before it, in statements of their own.

use super::dependents::{delete_batches, of_owner};
use super::rounds::Rounds;
use super::sweep::BATCH;
use super::user_deletes::OWNER;
use super::users::email_key;
use crate::db::{Counted, Db, Repeat, TransactionBody};
use crate::error::Result;
use crate::input::{closed_set, input};
use sqlx::{PgConnection, Row as _, query};

closed_set! {
    /// What happens to the events about a user that is erased.
    EventErasure { Keep = "keep", Pseudonymise = "pseudonymise", Delete = "delete" }
}

input! {
    /// The options of `eraseUser`.
    EraseUserOptions {
        /// What happens to the events about the user. `'keep'` leaves them as they are. `'pseudonymise'` replaces the
        /// `principalId` by a random one, the same in all of them, and empties their `data`. `'delete'` deletes them.
        events "events": EventErasure,
    }
}

/// How many events the last transaction changes at most.
const EVENTS_TOGETHER: i64 = 10_000;

pub struct Erasure {
    user_id: String,
    events: EventErasure,
    /// Takes the place of the user's id in events. It is not kept anywhere else.
    pseudonym: String,
    limits: ErasureLimits,
}

/// A user who has more is not erased in one transaction.
#[derive(Clone, Copy)]
struct ErasureLimits {
    rows: i64,
    events: i64,
}

impl Erasure {
    pub fn new(user_id: String, EraseUserOptions { events }: EraseUserOptions) -> Self {
        let pseudonym = format!("erased-{}", crate::id::secret_handle());
        let limits = ErasureLimits { rows: i64::from(BATCH), events: EVENTS_TOGETHER };
        Self { user_id, events, pseudonym, limits }
    }

    pub async fn run(mut self, db: &mut Db) -> Result<()> {
        let mut kept = Rounds::default();
        loop {
            db.begin_batch();
            if db.transaction(Repeat::Harmless, &self).await? {
                return Ok(());
            }
            let done = delete_batches(db, &OWNER, &self.user_id).await?
                + self.delete_tokens(db).await?
                + self.change_events(db).await?;
            if done == 0 {
                // Something keeps the rows, such as a trigger of the application's. Let the foreign keys decide.
                kept.count()?;
                self.limits = ErasureLimits { rows: i64::MAX - 1, events: i64::MAX - 1 };
            }
        }
    }

    /// Deletes tokens of the user's e-mail that name no user, in statements of their own.
    async fn delete_tokens(&self, db: &mut Db) -> Result<u64> {
        let mut total = 0;
        loop {
            db.begin_batch();
            let rows = db
                .execute(Repeat::Harmless, || {
                    query(
                        "DELETE FROM email_verification_tokens
                          WHERE id = ANY(ARRAY(
                                SELECT token.id
                                  FROM users AS owner
                                 CROSS JOIN LATERAL (
                                           SELECT id
                                             FROM email_verification_tokens
                                            WHERE pg_catalog.lower(email COLLATE \"C\")
                                                  BETWEEN pg_catalog.lower(owner.email COLLATE \"C\")
                                                      AND pg_catalog.lower(owner.email COLLATE \"C\")
                                              AND user_id IS NULL
                                            ORDER BY pg_catalog.lower(email COLLATE \"C\")
                                            LIMIT $2
                                              FOR UPDATE
                                       ) AS token
                                 WHERE owner.id = $1
                                ))",
                    )
                    .bind(&self.user_id)
                    .bind(i64::from(BATCH))
                })
                .await?;
            total += rows;
            if rows == 0 {
                return Ok(total);
            }
        }
    }

    /// Changes or deletes the oldest events, so many at a time, in statements of their own.
    async fn change_events(&self, db: &mut Db) -> Result<u64> {
        let mut total = 0;
        loop {
            db.begin_batch();
            let rows = match self.events {
                EventErasure::Keep => 0,
                EventErasure::Pseudonymise => {
                    db.execute(Repeat::Harmless, || {
                        query(concat!(
                            "UPDATE auth_events SET principal_id = $3, data = '{}' WHERE principal_id = $1 AND ",
                            oldest_events!()
                        ))
                        .bind(&self.user_id)
                        .bind(i64::from(BATCH))
                        .bind(&self.pseudonym)
                    })
                    .await?
                }
                EventErasure::Delete => {
                    db.execute(Repeat::Harmless, || {
                        query(concat!("DELETE FROM auth_events WHERE principal_id = $1 AND ", oldest_events!()))
                            .bind(&self.user_id)
                            .bind(i64::from(BATCH))
                    })
                    .await?
                }
            };
            total += rows;
            if rows == 0 {
                return Ok(total);
            }
        }
    }
}

/// About `$2` events of the user `$1`: a few more, if several are of the same time.
macro_rules! oldest_events {
    () => {
        "timestamp <= COALESCE(
            (SELECT timestamp FROM auth_events WHERE principal_id = $1 ORDER BY timestamp, id OFFSET $2 LIMIT 1)
          , 'infinity'::timestamptz
         )"
    };
}
use oldest_events;

impl TransactionBody for Erasure {
    /// Whether the user is erased. Otherwise there is more than one transaction can do, and nothing was changed.
    type Output = bool;

    async fn run(&self, connection: &mut PgConnection, _: bool) -> sqlx::Result<Counted<bool>> {
        let id = self.user_id.as_str();
        // Organizations come before the user, as in a statement that adds a member. In the other order the two could
        // deadlock.
        query(
            "SELECT id
               FROM organizations
              WHERE id IN (SELECT org_id FROM organization_members WHERE user_id = $1)
              ORDER BY id
                FOR NO KEY UPDATE",
        )
        .bind(id)
        .persistent(false)
        .execute(&mut *connection)
        .await?;
        let user = query("SELECT email FROM users WHERE id = $1 FOR UPDATE")
            .bind(id)
            .persistent(false)
            .fetch_optional(&mut *connection)
            .await?;
        let email: Option<String> = user.map(|row| row.try_get(0)).transpose()?.flatten();
        let email = email.as_deref().map(email_key);
        if self.has_more(connection, email.as_deref()).await? {
            return Ok((false, 0));
        }
        let owner = query(OWNER.delete)
            .bind(id)
            .bind(self.limits.rows)
            .persistent(false)
            .fetch_optional(&mut *connection)
            .await?;
        if owner.map(|row| row.try_get(0)).transpose()?.unwrap_or(false) {
            return Ok((false, 0));
        }
        let tokens = query(
            "DELETE FROM email_verification_tokens
              WHERE pg_catalog.lower(email COLLATE \"C\") = $1
                AND user_id IS NULL",
        )
        .bind(email)
        .persistent(false)
        .execute(&mut *connection)
        .await?;
        let events = match self.events {
            EventErasure::Keep => return Ok((true, tokens.rows_affected())),
            EventErasure::Pseudonymise => {
                query("UPDATE auth_events SET principal_id = $2, data = '{}' WHERE principal_id = $1")
                    .bind(id)
                    .bind(&self.pseudonym)
            }
            EventErasure::Delete => query("DELETE FROM auth_events WHERE principal_id = $1").bind(id),
        };
        let events = events.persistent(false).execute(connection).await?;
        Ok((true, tokens.rows_affected() + events.rows_affected()))
    }
}

impl Erasure {
    /// Whether there are more tokens or events than one transaction should change.
    async fn has_more(&self, connection: &mut PgConnection, email: Option<&str>) -> sqlx::Result<bool> {
        query(concat!(
            "SELECT EXISTS (
                        SELECT
                          FROM email_verification_tokens
                         WHERE pg_catalog.lower(email COLLATE \"C\") BETWEEN $2 AND $2
                           AND user_id IS NULL
                         ORDER BY pg_catalog.lower(email COLLATE \"C\")
                        OFFSET $3
                    )
                 OR $4 AND EXISTS (SELECT FROM auth_events",
            of_owner!("principal_id"),
            " OFFSET $5)"
        ))
        .bind(&self.user_id)
        .bind(email)
        .bind(self.limits.rows)
        .bind(self.events != EventErasure::Keep)
        .bind(self.limits.events)
        .persistent(false)
        .fetch_one(connection)
        .await?
        .try_get(0)
    }
}
