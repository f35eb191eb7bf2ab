//! The statements of `getSessionContext`.

use super::columns;
use super::items::column;
use super::user_roles::assigned_roles;
use crate::clock::Timestamp;
use crate::db::PgQuery;
use crate::db::batch::policy::gives_up_on_locks;
use crate::input::Text;
use sqlx::query;

/// What a statement is asked for, on behalf of one call or several.
#[derive(Debug, Clone, Copy)]
pub struct ContextKey<'w> {
    pub session_id: &'w str,
    pub org_id: Option<&'w Text>,
    /// Without it, the statement only reads.
    pub extend_to: Option<Timestamp>,
}

/// Completes the statement after `found`, which has for each call its `position`, the columns of the session, the
/// `context_org_id`, and `is_settled`: whether the session expires as late as the call demands.
///
/// A plan that was made while the tables were small stays for a while. So the server is left no way but through the
/// indexes: `assigned_roles!` keeps it from joining all roles that there are, sessions are named once more by `= ANY`,
/// and the member is a query for one value, because `EXISTS` may be answered by reading all members once.
macro_rules! with_context {
    ($($found:tt)*) => {
        concat!(
            $($found)*,
            "
             SELECT 'main' AS part
                  , position
                  , is_settled
                  , (
                        SELECT member.user_id
                          FROM organization_members AS member
                         WHERE member.org_id = context_org_id
                           AND member.user_id = found.user_id
                    ) IS NOT NULL AS is_member
                  , id
                  , user_id
                  , org_id
                  , plan
                  , entitlements
                  , expires_at
                  , metadata
                  , created_at
                  , updated_at
                  , NULL::text AS email
                  , NULL::text AS name
                  , NULL::text AS picture
                  , NULL::jsonb AS oauth
                  , NULL::int4 AS seats
                  , NULL::jsonb AS members
                  , NULL::text AS description
                  , NULL::jsonb AS permissions
                  , NULL::bool AS is_system
                  , NULL::timestamptz AS assigned_at
               FROM found
              UNION ALL
             SELECT 'user', NULL, NULL, NULL, id, NULL, NULL, plan, entitlements, NULL, metadata, created_at, updated_at
                  , email, name, picture, NULLIF(oauth, '{}'), NULL, NULL, NULL, NULL, NULL, NULL
               FROM users
              WHERE id = ANY(ARRAY(SELECT user_id FROM found))
              UNION ALL
             SELECT 'organization', NULL, NULL, NULL, id, NULL, NULL, plan, NULL, NULL, metadata, created_at, updated_at
                  , NULL, name, NULL, NULL, seats, members, NULL, NULL, NULL, NULL
               FROM organizations
              WHERE id = ANY(ARRAY(SELECT context_org_id FROM found))
              UNION ALL
             SELECT 'role', found.position, NULL, NULL, role.id, NULL, role.org_id, NULL, NULL, NULL, role.metadata
                  , role.created_at, role.updated_at, NULL, role.name, NULL, NULL, NULL, NULL, role.description
                  , role.permissions, role.is_system, assignment.assigned_at
               FROM found
              CROSS JOIN ",
            assigned_roles!("found.user_id", "found.context_org_id")
        )
    };
}

/// A statement that extends a session returns it as the last committed change has left it, and everything else as it was
/// when the statement began. If that change came later (the version, `xmin`, is not the one that was seen), the result
/// would not be of one moment, and the session is not settled.
pub fn query_for_one(ContextKey { session_id, org_id, extend_to }: ContextKey) -> PgQuery {
    let query = match extend_to {
        None => query(with_context!(
            "WITH found AS MATERIALIZED (
                SELECT 1::int8 AS position, true AS is_settled, COALESCE($2, org_id) AS context_org_id, ",
            columns!(sessions),
            "     FROM sessions
                 WHERE id = $1
                   AND expires_at > now()
             )"
        )),
        Some(_) => query(with_context!(
            "WITH locked AS MATERIALIZED (
                SELECT xmin AS version
                  FROM sessions
                 WHERE id = $1
                   AND expires_at > now()
                   AND expires_at < $3
                   FOR NO KEY UPDATE
             ), extended AS (
                UPDATE sessions
                   SET expires_at = $3
                  FROM locked
                 WHERE id = $1
             RETURNING version, ",
            columns!(sessions),
            "
             ), found AS MATERIALIZED (
                SELECT 1::int8 AS position
                     , session.version = (SELECT xmin FROM sessions WHERE id = $1) AS is_settled
                     , COALESCE($2, session.org_id) AS context_org_id
                     , ",
            columns!(sessions AS session),
            "     FROM extended AS session
                 UNION ALL
                SELECT 1::int8, expires_at >= $3, COALESCE($2, org_id), ",
            columns!(sessions),
            "     FROM sessions
                 WHERE id = $1
                   AND expires_at > now()
                   AND NOT EXISTS (SELECT FROM extended)
             )"
        )),
    };
    let query = query.bind(session_id).bind(org_id);
    if extend_to.is_some() { query.bind(extend_to) } else { query }
}

/// Passes over sessions that another transaction has locked, and locks only those that are to be changed. So it never
/// waits for a lock, and two of these statements cannot deadlock.
pub fn query_for_many(keys: &[ContextKey], extends: bool) -> PgQuery {
    let query = if extends {
        query(with_context!(
            "WITH free AS MATERIALIZED (
                SELECT session.id AS free_id, session.xmin AS version, extension.extends_to
                  FROM unnest($1::text[], $3::timestamptz[]) AS extension (session_id, extends_to)
                  JOIN sessions AS session ON session.id = extension.session_id
                 WHERE session.id = ANY($1)
                   AND session.expires_at > now()
                   AND session.expires_at < extension.extends_to
                   AND ",
            gives_up_on_locks!(),
            "       FOR NO KEY UPDATE OF session SKIP LOCKED
             ), extended AS (
                UPDATE sessions
                   SET expires_at = extends_to
                  FROM free
                 WHERE id = free_id
                   AND id = ANY($1)
             RETURNING version, ",
            columns!(sessions),
            "
             ), found AS MATERIALIZED (
                SELECT wanted.position
                     , session.version = seen.xmin AS is_settled
                     , COALESCE(wanted.org_id, session.org_id) AS context_org_id
                     , ",
            columns!(sessions AS session),
            "     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (session_id, org_id, position)
                  JOIN extended AS session ON session.id = wanted.session_id
                  JOIN sessions AS seen ON seen.id = wanted.session_id
                 WHERE seen.id = ANY($1)
                 UNION ALL
                SELECT wanted.position
                     , session.expires_at >= wanted.extends_to
                     , COALESCE(wanted.org_id, session.org_id)
                     , ",
            columns!(sessions AS session),
            "     FROM unnest($1::text[], $2::text[], $3::timestamptz[])
                       WITH ORDINALITY AS wanted (session_id, org_id, extends_to, position)
                  JOIN sessions AS session ON session.id = wanted.session_id
                 WHERE session.id = ANY($1)
                   AND session.expires_at > now()
                   AND session.id NOT IN (SELECT id FROM extended)
             )"
        ))
    } else {
        query(with_context!(
            "WITH found AS MATERIALIZED (
                SELECT wanted.position, true AS is_settled, COALESCE(wanted.org_id, session.org_id) AS context_org_id, ",
            columns!(sessions AS session),
            "     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (session_id, org_id, position)
                  JOIN sessions AS session ON session.id = wanted.session_id
                 WHERE session.id = ANY($1)
                   AND session.expires_at > now()
             )"
        ))
    };
    let query = query.bind(column(keys, |key| key.session_id)).bind(column(keys, |key| key.org_id));
    if extends { query.bind(column(keys, |key| key.extend_to)) } else { query }
}
