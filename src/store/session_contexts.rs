//! What a request needs to know of its session, in one statement: the session, its user, the organization and the user's
//! roles in it. It can also move the expiry of the session.

use super::context_rows::Incomplete;
use super::rounds::Rounds;
use super::session_context_queries::{ContextKey, query_for_many, query_for_one};
use super::session_context_rows::{FoundContexts, SessionContext};
use crate::clock::Timestamp;
use crate::db::batch::policy::MAX_LARGE_CALLS;
use crate::db::{Batch, Batched, Db, Repeat};
use crate::error::Result;
use crate::input::{Text, input};
use std::collections::HashMap;
use std::sync::Arc;

input! {
    /// The options of `getSessionContext`.
    SessionContextOptions {
        /// The organization that the request is about. Default: that of the session.
        org_id "orgId": Option<Text>,
        /// Moves the expiry of the session to this time, unless it expires later anyway. Default: the expiry stays.
        extend_to "extendTo": Option<Timestamp>,
    }
}

/// A session whose context is asked for.
pub struct WantedContext {
    pub session_id: String,
    pub org_id: Option<Text>,
    /// Without it, the call only reads.
    pub extend_to: Option<Timestamp>,
}

impl WantedContext {
    fn key(&self) -> ContextKey<'_> {
        let Self { session_id, org_id, extend_to } = self;
        ContextKey { session_id, org_id: org_id.as_ref(), extend_to: *extend_to }
    }
}

/// `getSessionContext`. With `EXTENDS` the calls have an `extend_to`.
pub struct SessionContexts<const EXTENDS: bool>;

pub fn batch<const EXTENDS: bool>() -> Arc<Batch<SessionContexts<EXTENDS>>> {
    Batch::new("getSessionContext", SessionContexts)
}

impl<const EXTENDS: bool> Batched for SessionContexts<EXTENDS> {
    type Item = WantedContext;
    type Output = Option<SessionContext>;

    const IS_WRITE: bool = EXTENDS;

    const MAX_CALLS: usize = MAX_LARGE_CALLS;

    /// Several requests of one session extend it to nearly the same time. One update is enough for those that wait.
    const SHARES_SERIAL_KEY: bool = true;

    async fn one(&self, db: &mut Db, wanted: &WantedContext) -> Result<Option<SessionContext>> {
        one(db, wanted).await
    }

    async fn many(&self, db: &mut Db, wanted: &[WantedContext]) -> Result<Vec<Option<Option<SessionContext>>>> {
        many(db, wanted, EXTENDS).await
    }

    fn serial_key(wanted: &WantedContext) -> Option<&str> {
        EXTENDS.then_some(wanted.session_id.as_str())
    }
}

/// If the statement has waited for a change of the session, it has read the session as it was before, and goes again. A
/// user who has been created meanwhile is not seen either, but one who is missing twice does not exist.
async fn one(db: &mut Db, wanted: &WantedContext) -> Result<Option<SessionContext>> {
    let mut has_missed_something = false;
    let mut unsettled = Rounds::default();
    loop {
        let mut found = FoundContexts::new(false);
        db.read_all(repeat(wanted.extend_to.is_some()), || query_for_one(wanted.key()), &mut found).await?;
        let Some(session) = found.session(1) else { return Ok(None) };
        if !session.is_settled {
            unsettled.count()?;
            continue;
        }
        let context = found.context(session, wanted.org_id.as_ref(), 1);
        if context.is_ok() || has_missed_something {
            return Ok(context.ok());
        }
        has_missed_something = true;
    }
}

/// Moving the expiry to the same time twice is the same as once, so that a session may also go again alone after it has
/// been changed.
fn repeat(extends: bool) -> Repeat {
    if extends { Repeat::Harmless } else { Repeat::Read }
}

async fn many(db: &mut Db, wanted: &[WantedContext], extends: bool) -> Result<Vec<Option<Option<SessionContext>>>> {
    let (keys, places) = share(wanted);
    let mut found = FoundContexts::new(true);
    db.read_all(repeat(extends), || query_for_many(&keys, extends), &mut found).await?;
    let contexts: Vec<Result<Option<SessionContext>, Incomplete>> =
        keys.iter().zip(1..).map(|(key, position)| found.outcome(key.org_id, position)).collect();
    Ok(places.into_iter().map(|place| contexts.get(place)?.clone().ok()).collect())
}

/// Calls with the same session and organization have one key in the statement, with the latest time to which one of the
/// calls for the session extends it. Returns the keys, and for each call the place of its own.
fn share(wanted: &[WantedContext]) -> (Vec<ContextKey<'_>>, Vec<usize>) {
    let mut latest: HashMap<&str, Option<Timestamp>> = HashMap::with_capacity(wanted.len());
    for WantedContext { session_id, extend_to, org_id: _ } in wanted {
        let of_session = latest.entry(session_id).or_default();
        *of_session = (*of_session).max(*extend_to);
    }
    let mut keys: Vec<ContextKey> = Vec::with_capacity(wanted.len());
    let mut place_of: HashMap<(&str, Option<&str>), usize> = HashMap::with_capacity(wanted.len());
    let mut places = Vec::with_capacity(wanted.len());
    for WantedContext { session_id, org_id, extend_to: _ } in wanted {
        let key = (session_id.as_str(), org_id.as_ref().map(|Text(org_id)| org_id.as_str()));
        places.push(*place_of.entry(key).or_insert_with(|| {
            let extend_to = latest.get(session_id.as_str()).copied().flatten();
            keys.push(ContextKey { session_id, org_id: org_id.as_ref(), extend_to });
            keys.len() - 1
        }));
    }
    (keys, places)
}
