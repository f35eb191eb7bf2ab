//! Creating users, many in one statement.

use super::text_list::TextList;
use super::users::{UserInput, UserRecord, columns};
use super::{NewId, column, in_order};
use crate::db::{Batch, Batched, Company, Db};
use crate::error::Result;
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

pub struct Create;

pub fn create() -> Arc<Batch<Create>> {
    Batch::new("createUser", Create)
}

impl Batched for Create {
    type Item = NewUser;
    /// `None` when the id was taken.
    type Output = Option<UserRecord>;

    const IS_WRITE: bool = true;

    async fn run(&self, db: &mut Db, users: &[NewUser]) -> Result<Vec<Option<UserRecord>>> {
        match users {
            [user] => create_one(db, user).await.map(|row| vec![row]),
            _ => create_many(db, users).await,
        }
    }

    fn company(user: &NewUser) -> Company<'_> {
        if user.id.is_ours { Company::Any } else { Company::None }
    }

    fn is_passed_over(row: &Option<UserRecord>) -> bool {
        row.is_none()
    }
}

async fn create_one(db: &mut Db, NewUser { id, input }: &NewUser) -> Result<Option<UserRecord>> {
    let UserInput { id: _, email, name, picture, plan, entitlements, metadata, oauth: _, created_at: _, updated_at: _ } =
        input;
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
            or_own!("$8", "users"),
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

/// Passes over users whose e-mail is taken. The ids are ours: what is there under one, an attempt before has made.
async fn create_many(db: &mut Db, users: &[NewUser]) -> Result<Vec<Option<UserRecord>>> {
    let rows = db
        .create_all(|is_in_doubt| {
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
                    SELECT id
                         , email
                         , name
                         , picture
                         , COALESCE(plan, 'free')
                         , COALESCE(entitlements::text[], '{}')
                         , COALESCE(metadata, '{}')
                      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
                        AS new (id, email, name, picture, plan, entitlements, metadata)
                        ON CONFLICT DO NOTHING
                 RETURNING ",
                columns!(),
                ") SELECT ",
                columns!(),
                " FROM made UNION ALL SELECT ",
                columns!(),
                " FROM users WHERE $8 AND id = ANY($1)"
            ))
            .bind(column(users, |user| user.id.text.clone()))
            .bind(column(users, |user| user.input.email.clone()))
            .bind(column(users, |user| user.input.name.clone()))
            .bind(column(users, |user| user.input.picture.clone()))
            .bind(column(users, |user| user.input.plan.clone()))
            .bind(column(users, |user| user.input.entitlements.as_deref().map(TextList::of)))
            .bind(column(users, |user| user.input.metadata.clone()))
            .bind(is_in_doubt)
        })
        .await?;
    Ok(in_order(rows, |row: &UserRecord| &row.id, users.iter().map(|user| &user.id.text)))
}
