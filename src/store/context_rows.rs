//! Statements that return records of several kinds. Their rows have the columns of all kinds, and the columns of the other
//! kinds are NULL. So each record is read as in other statements, and a user or an organization that several calls need is
//! returned once. A join would repeat it for each call, and JSON would cost the server more.

use super::organizations::OrganizationRecord;
use super::users::UserRecord;
use crate::error::Result;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use std::collections::HashMap;
use std::sync::Arc;

/// Why a context is incomplete: a row cannot be read, or something has changed while the statement ran.
#[derive(Debug, Clone, Copy)]
pub struct Incomplete;

/// The users and organizations of a statement, by id. One that cannot be read is missing.
#[derive(Default)]
pub struct Owners {
    users: HashMap<String, Arc<UserRecord>>,
    organizations: HashMap<String, Arc<OrganizationRecord>>,
}

impl Owners {
    pub fn clear(&mut self) {
        self.users.clear();
        self.organizations.clear();
    }

    pub fn push_user(&mut self, row: &PgRow) -> sqlx::Result<()> {
        let user = UserRecord::from_row(row)?;
        self.users.insert(user.id.clone(), Arc::new(user));
        Ok(())
    }

    pub fn push_organization(&mut self, row: &PgRow) -> sqlx::Result<()> {
        let organization = OrganizationRecord::from_row(row)?;
        self.organizations.insert(organization.id.clone(), Arc::new(organization));
        Ok(())
    }

    pub fn user(&self, id: &str) -> Result<Arc<UserRecord>, Incomplete> {
        self.users.get(id).cloned().ok_or(Incomplete)
    }

    pub fn organization(&self, id: &str) -> Result<Arc<OrganizationRecord>, Incomplete> {
        self.organizations.get(id).cloned().ok_or(Incomplete)
    }
}

/// Which kind of record a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A session or an API key.
    Main,
    User,
    Organization,
    Role,
}

impl Part {
    pub fn of(row: &PgRow) -> sqlx::Result<Self> {
        match row.try_get("part")? {
            "main" => Ok(Self::Main),
            "user" => Ok(Self::User),
            "organization" => Ok(Self::Organization),
            "role" => Ok(Self::Role),
            part => Err(sqlx::Error::Decode(format!("a statement returned an unknown part, {part}").into())),
        }
    }
}
