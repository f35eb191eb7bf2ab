//! Creating users: one statement creates many.

use super::items::Items;
use super::users::{UserInput, UserRecord, email_key};
use super::{NewId, bytes_of, columns, created, in_order};
use crate::db::batch::policy::gives_up_on_locks;
use crate::db::{Batch, Batched, Db, LockKey, PgQuery};
use crate::error::Result;
use crate::input::{JsonObject, Key, Text};
use sqlx::query;
use std::sync::Arc;

/// A user to be created. Its id is fixed before the first attempt.
pub struct NewUser {
    id: NewId,
    email: Option<Key>,
    name: Option<Text>,
    picture: Option<Text>,
    plan: Option<Text>,
    entitlements: Option<Vec<Text>>,
    metadata: Option<JsonObject>,
    password_hash: Option<Key>,
}

impl From<UserInput> for NewUser {
    fn from(input: UserInput) -> Self {
        let UserInput {
            id,
            email,
            name,
            picture,
            plan,
            entitlements,
            metadata,
            password_hash,
            oauth: _,
            created_at: _,
            updated_at: _,
        } = input;
        Self { id: NewId::sortable(id), email, name, picture, plan, entitlements, metadata, password_hash }
    }
}

impl NewUser {
    fn email_key(&self) -> Option<String> {
        self.email.as_ref().map(|Key(email)| email_key(email))
    }
}

/// `createUser`.
pub struct CreateUsers;

pub fn create() -> Arc<Batch<CreateUsers>> {
    Batch::new("createUser", CreateUsers)
}

impl Batched for CreateUsers {
    type Item = NewUser;
    type Output = UserRecord;

    const IS_WRITE: bool = true;

    async fn one(&self, db: &mut Db, user: &NewUser) -> Result<UserRecord> {
        let row = match &user.password_hash {
            Some(hash) => create_with_password(db, user, hash).await?,
            None => create_one(db, user).await?,
        };
        created(db, row, "users")
    }

    async fn many(&self, db: &mut Db, users: &[NewUser]) -> Result<Vec<Option<UserRecord>>> {
        create_many(db, users).await
    }

    /// A user with a password hash needs the statement that also writes the hash.
    fn goes_alone(user: &NewUser) -> bool {
        user.password_hash.is_some()
    }

    fn serial_key(user: &NewUser) -> Option<&str> {
        user.id.serial_key()
    }

    fn bytes(user: &NewUser) -> usize {
        bytes_of(
            [user.name.as_ref(), user.picture.as_ref(), user.plan.as_ref()],
            user.entitlements.as_deref(),
            user.metadata.as_ref(),
        )
    }

    fn lock_keys(user: &NewUser) -> Vec<LockKey> {
        user.email_key().map(|email| ("email", email)).into_iter().collect()
    }

    /// A row that another transaction is inserting cannot be seen. But a single user can only be waiting for a row with
    /// its own e-mail.
    async fn locked_keys(&self, _: &mut Db, users: &[NewUser]) -> Vec<Option<LockKey>> {
        match users {
            [user] => vec![Self::lock_keys(user).pop()],
            _ => users.iter().map(|_| None).collect(),
        }
    }
}

/// Binds `$1` to `$7` of every statement below, in the order of its columns.
fn bind_columns(query: PgQuery, users: Items<NewUser>) -> PgQuery {
    users
        .parameters_of(query)
        .bind(|user| &user.id.text)
        .bind(|user| &user.email)
        .bind(|user| &user.name)
        .bind(|user| &user.picture)
        .bind(|user| &user.plan)
        .bind_list(|user| user.entitlements.as_deref())
        .bind(|user| &user.metadata)
        .into_query()
}

/// The insert of one user, up to what happens on a conflict.
macro_rules! insert_one {
    () => {
        "INSERT INTO users (
            id
          , email
          , name
          , picture
          , plan
          , entitlements
          , metadata
         )
         VALUES ($1, $2, $3, $4, COALESCE($5, 'free'), COALESCE($6, '{}'), COALESCE($7, '{}'))"
    };
}

async fn create_one(db: &mut Db, user: &NewUser) -> Result<Option<UserRecord>> {
    db.create(|is_in_doubt| {
        let query = query(concat!(insert_one!(), or_own!("$8", "users", "created_at"), " RETURNING ", columns!(users)));
        bind_columns(query, Items::One(user)).bind(is_in_doubt)
    })
    .await
}

/// Writes the user and the hash of the password, or neither.
///
/// After a lost answer, a row that is there already counts as the row of that attempt only if it has the same hash. The
/// statement sees only hashes that were there when it began. So if it had to wait for the earlier attempt, it runs
/// again to see the hash of that attempt.
async fn create_with_password(db: &mut Db, user: &NewUser, hash: &Key) -> Result<Option<UserRecord>> {
    let row = insert_with_password(db, user, hash).await?;
    if row.is_some() || !db.is_in_doubt() {
        return Ok(row);
    }
    db.resume(true, db.retries());
    insert_with_password(db, user, hash).await
}

async fn insert_with_password(db: &mut Db, user: &NewUser, hash: &Key) -> Result<Option<UserRecord>> {
    db.create(|is_in_doubt| {
        let query = query(concat!(
            "WITH made AS (",
            insert_one!(),
            or_own!("$8", "users", "created_at"),
            " AND $9 = (SELECT stored.hash FROM password_hashes AS stored WHERE stored.user_id = users.id)
             RETURNING ",
            columns!(users),
            "), hashed AS (
                INSERT INTO password_hashes (user_id, hash)
                SELECT id, $9
                  FROM made
                    ON CONFLICT (user_id) DO NOTHING
             )
             SELECT ",
            columns!(users),
            " FROM made"
        ));
        bind_columns(query, Items::One(user)).bind(is_in_doubt).bind(hash)
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

/// Skips users whose id or e-mail is taken. If an earlier attempt may have written the users, rows of theirs that are
/// there already count as written by it. An e-mail that is taken then fails the statement, because `ON CONFLICT DO
/// UPDATE` can name only one index.
async fn create_many(db: &mut Db, users: &[NewUser]) -> Result<Vec<Option<UserRecord>>> {
    // Every statement inserts in the same order. Two statements with the same e-mails then wait for each other at the
    // first of them, instead of ending in a deadlock.
    let mut in_order_of_email: Vec<&NewUser> = users.iter().collect();
    in_order_of_email.sort_by_cached_key(|user| user.email_key());
    let users_by_email = &in_order_of_email;
    let rows = db
        .create_all(|is_in_doubt| {
            let query = if is_in_doubt {
                query(concat!(insert_many!(), or_own!("true", "users", "created_at"), " RETURNING ", columns!(users)))
            } else {
                query(concat!(insert_many!(), " ON CONFLICT DO NOTHING RETURNING ", columns!(users)))
            };
            bind_columns(query, Items::Many(users_by_email))
        })
        .await?;
    Ok(in_order(rows, |row: &UserRecord| &row.id, users.iter().map(|user| &user.id.text)))
}
