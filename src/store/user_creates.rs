//! Creating users, many in one statement.

use super::text_list::TextList;
use super::users::{UserInput, UserRecord, columns, email_key};
use super::{NewId, bytes_of, column, created, in_order};
use crate::db::batch::policy::gives_up_on_locks;
use crate::db::{Batch, Batched, Db, LockKey};
use crate::error::Result;
use crate::input::Key;
use sqlx::query_as;
use std::sync::Arc;

/// A user to be created; its id is fixed before the first attempt.
pub struct NewUser {
    id: NewId,
    input: UserInput,
}

impl From<UserInput> for NewUser {
    fn from(mut input: UserInput) -> Self {
        Self { id: NewId::sortable(input.id.take()), input }
    }
}

impl NewUser {
    fn email_key(&self) -> Option<String> {
        self.input.email.as_ref().map(|Key(email)| email_key(email))
    }
}

pub struct CreateUsers;

pub fn create() -> Arc<Batch<CreateUsers>> {
    Batch::new("createUser", CreateUsers)
}

impl Batched for CreateUsers {
    type Item = NewUser;
    type Output = UserRecord;

    const IS_WRITE: bool = true;

    async fn one(&self, db: &mut Db, user: &NewUser) -> Result<UserRecord> {
        let row = match &user.input.password_hash {
            Some(hash) => create_with_password(db, user, hash).await?,
            None => create_one(db, user).await?,
        };
        created(db, row, "users")
    }

    async fn many(&self, db: &mut Db, users: &[NewUser]) -> Result<Vec<Option<UserRecord>>> {
        create_many(db, users).await
    }

    /// A password's hash is written by a statement of its own.
    fn goes_alone(user: &NewUser) -> bool {
        user.input.password_hash.is_some()
    }

    fn serial_key(user: &NewUser) -> Option<&str> {
        user.id.serial_key()
    }

    fn bytes(NewUser { id: _, input }: &NewUser) -> usize {
        bytes_of([&input.name, &input.picture, &input.plan], input.entitlements.as_deref(), input.metadata.as_ref())
    }

    fn lock_keys(user: &NewUser) -> Vec<LockKey> {
        user.email_key().map(|email| ("email", email)).into_iter().collect()
    }

    /// A row that another transaction is inserting cannot be seen, but of a single user it is clear what it waits for.
    async fn locked_keys(&self, _: &mut Db, users: &[NewUser]) -> Vec<Option<LockKey>> {
        match users {
            [user] => vec![Self::lock_keys(user).pop()],
            _ => users.iter().map(|_| None).collect(),
        }
    }
}

async fn create_one(db: &mut Db, NewUser { id, input }: &NewUser) -> Result<Option<UserRecord>> {
    let UserInput {
        id: _,
        email,
        name,
        picture,
        plan,
        entitlements,
        metadata,
        password_hash: _,
        oauth: _,
        created_at: _,
        updated_at: _,
    } = input;
    db.create(|is_in_doubt| {
        query_as(concat!(
            "INSERT INTO users (
                id
              , email
              , name
              , picture
              , plan
              , entitlements
              , metadata
             )
             VALUES ($1, $2, $3, $4, COALESCE($5, 'free'), COALESCE($6, '{}'), COALESCE($7, '{}'))",
            or_own!("$8", "users", "created_at"),
            " RETURNING ",
            columns!()
        ))
        .bind(id.text.clone())
        .bind(email.clone())
        .bind(name.clone())
        .bind(picture.clone())
        .bind(plan.clone())
        .bind(entitlements.clone())
        .bind(metadata.clone())
        .bind(is_in_doubt)
    })
    .await
}

/// The user and the hash of the password, or neither. After a lost answer the row that is there is one's own if it has
/// the same hash, too. The statement sees only hashes that were there when it began: when it had to wait for the attempt
/// before, it takes a second look.
async fn create_with_password(db: &mut Db, user: &NewUser, hash: &Key) -> Result<Option<UserRecord>> {
    let row = insert_with_password(db, user, hash).await?;
    if row.is_some() || !db.is_in_doubt() {
        return Ok(row);
    }
    db.resume(true, db.retries());
    insert_with_password(db, user, hash).await
}

async fn insert_with_password(db: &mut Db, NewUser { id, input }: &NewUser, hash: &Key) -> Result<Option<UserRecord>> {
    db.create(|is_in_doubt| {
        query_as(concat!(
            "WITH made AS (
                INSERT INTO users (
                    id
                  , email
                  , name
                  , picture
                  , plan
                  , entitlements
                  , metadata
                )
                VALUES ($1, $2, $3, $4, COALESCE($5, 'free'), COALESCE($6, '{}'), COALESCE($7, '{}'))",
            or_own!("$8", "users", "created_at"),
            " AND $9 = (SELECT stored.hash FROM password_hashes AS stored WHERE stored.user_id = users.id)
             RETURNING ",
            columns!(),
            "), hashed AS (
                INSERT INTO password_hashes (user_id, hash)
                SELECT id, $9
                  FROM made
                    ON CONFLICT (user_id) DO NOTHING
             )
             SELECT ",
            columns!(),
            " FROM made"
        ))
        .bind(id.text.clone())
        .bind(input.email.clone())
        .bind(input.name.clone())
        .bind(input.picture.clone())
        .bind(input.plan.clone())
        .bind(input.entitlements.clone())
        .bind(input.metadata.clone())
        .bind(is_in_doubt)
        .bind(hash.clone())
    })
    .await
}

/// The insert of many users, up to what happens on a conflict.
macro_rules! insert_many {
    () => {
        concat!(
            "INSERT INTO users (
                id
              , email
              , name
              , picture
              , plan
              , entitlements
              , metadata
             )
             SELECT id
                  , email
                  , name
                  , picture
                  , COALESCE(plan, 'free')
                  , COALESCE(entitlements::text[], '{}')
                  , COALESCE(metadata, '{}')
               FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
                 AS new (id, email, name, picture, plan, entitlements, metadata)
              WHERE ",
            gives_up_on_locks!()
        )
    };
}

/// Passes over users whose id or e-mail is taken. If an attempt before may have written them, its rows are these users'
/// own; an e-mail that is taken then fails the statement, since only one index can be named.
async fn create_many(db: &mut Db, users: &[NewUser]) -> Result<Vec<Option<UserRecord>>> {
    // In one order: two statements that want the same e-mails meet at the first of them instead of in a deadlock.
    let mut in_order_of_email: Vec<&NewUser> = users.iter().collect();
    in_order_of_email.sort_by_cached_key(|user| user.email_key());
    let users_by_email = &in_order_of_email;
    let rows = db
        .create_all(|is_in_doubt| {
            let query = if is_in_doubt {
                query_as(concat!(insert_many!(), or_own!("true", "users", "created_at"), " RETURNING ", columns!()))
            } else {
                query_as(concat!(insert_many!(), " ON CONFLICT DO NOTHING RETURNING ", columns!()))
            };
            query
                .bind(column(users_by_email, |user| user.id.text.clone()))
                .bind(column(users_by_email, |user| user.input.email.clone()))
                .bind(column(users_by_email, |user| user.input.name.clone()))
                .bind(column(users_by_email, |user| user.input.picture.clone()))
                .bind(column(users_by_email, |user| user.input.plan.clone()))
                .bind(column(users_by_email, |user| user.input.entitlements.as_deref().map(TextList::of)))
                .bind(column(users_by_email, |user| user.input.metadata.clone()))
        })
        .await?;
    Ok(in_order(rows, |row: &UserRecord| &row.id, users.iter().map(|user| &user.id.text)))
}
