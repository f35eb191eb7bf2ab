//! Adding, changing and removing one member of an organization.
//!
//! Each statement locks the organization first, and decides by the locked row. So the reason why a call is refused is true at
//! that moment, and calls for one organization take effect one after the other.

use super::organizations::{OrganizationRecord, OrganizationRole};
use super::{columns, set_column};
use crate::clock::Timestamp;
use crate::db::{Db, Repeat};
use crate::error::{Code, Error, Result};
use crate::input::{Key, closed_set, input};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row, query};

input! {
    /// What `addOrganizationMember` takes.
    AddOrganizationMemberInput {
        user_id "userId": Key,
        role "role": OrganizationRole,
        /// Default: now, by the clock of the server.
        joined_at "joinedAt": Option<Timestamp>,
    }
}

closed_set! {
    /// Why the list of members has not been changed.
    MemberRefusal { IsMember = "is member", NoMember = "no member", NoSeat = "no seat", LastOwner = "last owner" }
}
set_column!(MemberRefusal);

/// The result for the list of members of an organization that was found.
enum MemberEdit {
    Written(OrganizationRecord),
    Refused(MemberRefusal),
}

impl<'r> FromRow<'r, PgRow> for MemberEdit {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        match row.try_get("refusal")? {
            Some(refusal) => Ok(Self::Refused(refusal)),
            None => OrganizationRecord::from_row(row).map(Self::Written),
        }
    }
}

/// A statement that writes `members` of the organization `$1`, unless one of the cases in `$refusals` applies.
macro_rules! edit_members {
    ($(unless $condition:expr => $refusal:literal,)+ set $members:literal) => {
        concat!(
            "WITH locked AS MATERIALIZED (
                SELECT id AS locked_id, CASE",
            $(" WHEN ", $condition, " THEN '", $refusal, "'",)+
            " END AS refusal
                  FROM organizations
                 WHERE id = $1
                   FOR NO KEY UPDATE
             )
             , written AS (
                UPDATE organizations
                   SET members = ",
            $members,
            " FROM locked
                 WHERE id = locked_id
                   AND refusal IS NULL
             RETURNING ",
            columns!(organizations),
            ")
             SELECT refusal, ",
            columns!(organizations),
            " FROM locked LEFT JOIN written ON true"
        )
    };
}

/// Whether the user `$2` is a member.
macro_rules! is_member {
    () => {
        "members @> pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('userId', $2::text))"
    };
}

/// Whether the user `$2` is an owner and there is no other one.
macro_rules! is_last_owner {
    () => {
        "members @> pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('userId', $2::text, 'role', 'owner'))
         AND pg_catalog.jsonb_array_length(pg_catalog.jsonb_path_query_array(members, '$[*] ? (@.role == \"owner\")')) = 1"
    };
}

pub async fn add(db: &mut Db, org_id: &str, member: AddOrganizationMemberInput) -> Result<OrganizationRecord> {
    let AddOrganizationMemberInput { user_id, role, joined_at } = member;
    let joined_at = joined_at.map(|time| time.to_string());
    let edit = db
        .optional(Repeat::Never, || {
            query(edit_members!(
                unless is_member!() => "is member",
                unless "pg_catalog.jsonb_array_length(members) >= seats" => "no seat",
                set "members || pg_catalog.jsonb_build_object(
                        'userId', $2::text
                      , 'role', $3::text
                      , 'joinedAt', COALESCE($4::text, pg_catalog.to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))
                     )"
            ))
            .bind(org_id)
            .bind(&user_id)
            .bind(role.as_str())
            .bind(&joined_at)
        })
        .await
        .map_err(|error| {
            let is_unknown = error.is_violation_of("organization_members_user_id_fkey");
            if is_unknown { error.with_field("userId") } else { error }
        })?;
    written(db, edit, "userId")
}

pub async fn set_role(db: &mut Db, org_id: &str, user_id: &str, role: OrganizationRole) -> Result<OrganizationRecord> {
    let edit = db
        .optional(Repeat::Never, || {
            query(edit_members!(
                unless concat!("NOT ", is_member!()) => "no member",
                unless concat!("$3 <> 'owner' AND ", is_last_owner!()) => "last owner",
                set "(
                    SELECT pg_catalog.jsonb_agg(
                               CASE
                                   WHEN e.value ->> 'userId'::text = $2 THEN e.value || pg_catalog.jsonb_build_object('role', $3::text)
                                   ELSE e.value
                               END
                               ORDER BY e.ordinality
                           )
                      FROM pg_catalog.jsonb_array_elements(members) WITH ORDINALITY AS e
                    )"
            ))
            .bind(org_id)
            .bind(user_id)
            .bind(role.as_str())
        })
        .await?;
    written(db, edit, "role")
}

/// Writes the list as it is if the user is no member, which the triggers do not count as a change.
pub async fn remove(db: &mut Db, org_id: &str, user_id: &str) -> Result<OrganizationRecord> {
    let edit = db
        .optional(Repeat::Harmless, || {
            query(edit_members!(
                unless is_last_owner!() => "last owner",
                set "(
                    SELECT COALESCE(pg_catalog.jsonb_agg(e.value ORDER BY e.ordinality), '[]')
                      FROM pg_catalog.jsonb_array_elements(members) WITH ORDINALITY AS e
                     WHERE e.value ->> 'userId'::text <> $2
                    )"
            ))
            .bind(org_id)
            .bind(user_id)
        })
        .await?;
    written(db, edit, "userId")
}

/// `field` is the one at fault if the last owner would be lost. If the answer to an earlier attempt was lost, that may
/// have changed the list before it was changed again, so that the error says that the outcome is unknown.
fn written(db: &Db, edit: Option<MemberEdit>, field: &'static str) -> Result<OrganizationRecord> {
    let mut error = match edit {
        Some(MemberEdit::Written(organization)) => return Ok(organization),
        Some(MemberEdit::Refused(refusal)) => match refusal {
            MemberRefusal::IsMember => {
                Error::new(Code::Conflict, "the user is a member of the organization already").with_field("userId")
            }
            MemberRefusal::NoMember => Error::not_found("member of the organization"),
            MemberRefusal::NoSeat => Error::invalid_input("members", "must not be more than there are seats"),
            MemberRefusal::LastOwner => {
                Error::invalid_input(field, "must not take the last owner from the organization")
            }
        },
        None => Error::not_found("organization"),
    };
    error.context.outcome = db.is_in_doubt().then_some("unknown");
    Err(error)
}
