//! The rows of the statements of `getSessionContext`, and the contexts that they make up.

use super::context_rows::{Incomplete, Owners, Part};
use super::organizations::OrganizationRecord;
use super::roles::RoleRecord;
use super::sessions::SessionRecord;
use super::users::UserRecord;
use crate::clock::Timestamp;
use crate::db::Rows;
use crate::error::Result;
use crate::input::Text;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a request needs to know of its session.
#[derive(Debug, Clone, Serialize)]
#[napi_derive::napi(object, object_from_js = false, object_to_js = false)]
pub struct SessionContext {
    pub session: Arc<SessionRecord>,
    pub user: Arc<UserRecord>,
    /// The organization of the call or, without one, of the session. Absent if there is none, or if the user neither is
    /// a member of it nor has a role in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<Arc<OrganizationRecord>>,
    /// The roles of the user in the organization. The role that was assigned last comes first.
    pub roles: Vec<Arc<RoleRecord>>,
}

/// The rows of a statement.
pub struct FoundContexts {
    /// By position.
    sessions: HashMap<i64, FoundSession>,
    owners: Owners,
    /// By position, with the time of the assignment.
    roles: HashMap<i64, Vec<(Timestamp, Arc<RoleRecord>)>>,
    /// Whether a row that cannot be read is passed over.
    passes_over: bool,
    /// The positions of calls with a row that cannot be read.
    unreadable: HashSet<i64>,
}

pub struct FoundSession {
    record: Arc<SessionRecord>,
    /// Whether it expires as late as demanded, and has not changed while the statement ran.
    pub is_settled: bool,
    /// Whether its user is a member of the organization.
    is_member: bool,
}

impl FoundContexts {
    pub fn new(passes_over: bool) -> Self {
        Self {
            sessions: HashMap::new(),
            owners: Owners::default(),
            roles: HashMap::new(),
            passes_over,
            unreadable: HashSet::new(),
        }
    }

    fn read(&mut self, row: &PgRow) -> sqlx::Result<()> {
        match Part::of(row)? {
            Part::Main => {
                let session = FoundSession {
                    record: Arc::new(SessionRecord::from_row(row)?),
                    is_settled: row.try_get("is_settled")?,
                    is_member: row.try_get("is_member")?,
                };
                self.sessions.insert(row.try_get("position")?, session);
            }
            Part::User => self.owners.push_user(row)?,
            Part::Organization => self.owners.push_organization(row)?,
            Part::Role => {
                let role = (row.try_get("assigned_at")?, Arc::new(RoleRecord::from_row(row)?));
                self.roles.entry(row.try_get("position")?).or_default().push(role);
            }
        }
        Ok(())
    }

    /// The session at a position, if there is one.
    pub fn session(&self, position: i64) -> Option<&FoundSession> {
        self.sessions.get(&position)
    }

    /// The context at a position, or `None` if there is no such session.
    pub fn outcome(&self, org_id: Option<&Text>, position: i64) -> Result<Option<SessionContext>, Incomplete> {
        match self.session(position) {
            _ if self.unreadable.contains(&position) => Err(Incomplete),
            None => Ok(None),
            Some(session) if session.is_settled => self.context(session, org_id, position).map(Some),
            Some(_) => Err(Incomplete),
        }
    }

    /// The context of a session.
    pub fn context(
        &self,
        session: &FoundSession,
        org_id: Option<&Text>,
        position: i64,
    ) -> Result<SessionContext, Incomplete> {
        let FoundSession { record, is_settled: _, is_member } = session;
        let mut roles = self.roles.get(&position).cloned().unwrap_or_default();
        roles.sort_by(|(one_at, one), (other_at, other)| (other_at, &other.id).cmp(&(one_at, &one.id)));
        let org_id = org_id.map_or(record.org_id.as_deref(), |Text(org_id)| Some(org_id));
        let organization = match org_id {
            Some(org_id) if *is_member || !roles.is_empty() => Some(self.owners.organization(org_id)?),
            _ => None,
        };
        Ok(SessionContext {
            session: Arc::clone(record),
            user: self.owners.user(&record.user_id)?,
            organization,
            roles: roles.into_iter().map(|(_, role)| role).collect(),
        })
    }
}

impl Rows for FoundContexts {
    fn clear(&mut self) {
        self.sessions.clear();
        self.owners.clear();
        self.roles.clear();
        self.unreadable.clear();
    }

    fn push(&mut self, row: &PgRow) -> sqlx::Result<()> {
        match self.read(row) {
            Err(_) if self.passes_over => {
                // A user and an organization are of no position. Without them no context is complete.
                if let Ok(Some(position)) = row.try_get("position") {
                    self.unreadable.insert(position);
                }
                Ok(())
            }
            read => read,
        }
    }
}
