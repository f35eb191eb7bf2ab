//! Deleting a user with everything that belongs to it.

use super::dependents::{self, Owner, delete_some, has_more, of_owner, owner_has_more};
use crate::db::Db;
use crate::error::Result;

/// Locks the user's organizations before the user, as a statement that adds a member does. In the other order the two
/// could deadlock.
pub(super) static OWNER: Owner = Owner {
    delete: concat!(
        "WITH locked AS (
            SELECT id
              FROM organizations
             WHERE id IN (SELECT org_id FROM organization_members WHERE user_id = $1)
             ORDER BY id
               FOR NO KEY UPDATE
         ), gone AS (
            DELETE FROM users
             WHERE id = $1
               AND NOT (",
        has_more!("sessions", "user_id"),
        " OR ",
        has_more!("api_keys", "principal_user_id"),
        " OR ",
        has_more!("email_verification_tokens", "user_id"),
        " OR ",
        has_more!("organization_members", "user_id"),
        " OR ",
        has_more!("user_roles", "user_id"),
        " OR ",
        has_more!("sso_links", "user_id"),
        " OR ",
        has_more!("sso_sessions", "user_id"),
        " OR ",
        has_more!("twofa_devices", "user_id"),
        " OR ",
        has_more!("twofa_backup_codes", "user_id"),
        " OR ",
        has_more!("twofa_sessions", "user_id"),
        " OR ",
        has_more!("twofa_sessions", "device_id", of "twofa_devices", "user_id"),
        ")
               AND (SELECT count(*) FROM locked) >= 0
         RETURNING id
         )",
        owner_has_more!("users"),
    ),
    batches: &[
        delete_some!("api_keys", "principal_user_id"),
        delete_some!("sessions", "user_id"),
        delete_some!("sso_sessions", "user_id"),
        delete_some!("email_verification_tokens", "user_id"),
        delete_some!("twofa_sessions", "user_id"),
        delete_some!("user_roles", "user_id"),
        // What the trigger `auth_leave_organizations` does, for fewer organizations: it writes the list of each anew.
        concat!(
            "WITH locked AS (
                SELECT id
                  FROM organizations
                 WHERE id = ANY(ARRAY(SELECT org_id FROM organization_members",
            of_owner!("user_id"),
            " LIMIT LEAST($2, 100)))
                 ORDER BY id
                   FOR NO KEY UPDATE
             ), lists AS (
                UPDATE organizations AS o
                   SET members = (
                           SELECT COALESCE(pg_catalog.jsonb_agg(e.value ORDER BY e.ordinality), '[]')
                             FROM pg_catalog.jsonb_array_elements(o.members) WITH ORDINALITY AS e
                            WHERE e.value ->> 'userId'::text <> $1
                       )
                 WHERE o.id IN (SELECT id FROM locked)
             )
             DELETE FROM organization_members WHERE user_id = $1 AND org_id IN (SELECT id FROM locked)"
        ),
        delete_some!("sso_links", "user_id"),
        delete_some!("twofa_backup_codes", "user_id"),
        "DELETE FROM twofa_devices WHERE id = ANY(ARRAY(SELECT id FROM twofa_devices
          WHERE user_id BETWEEN $1 AND $1 AND NOT verified ORDER BY user_id LIMIT $2 FOR UPDATE))",
        // The newest go with the user: as long as there is one, the second factor is asked for.
        concat!(
            "DELETE FROM twofa_devices WHERE id = ANY(ARRAY(SELECT id FROM twofa_devices",
            of_owner!("user_id"),
            ", created_at DESC, id DESC OFFSET $2 LIMIT $2 FOR UPDATE))"
        ),
        delete_some!("twofa_sessions", "device_id", of "twofa_devices", "user_id"),
    ],
};

pub async fn delete(db: &mut Db, id: &str) -> Result<()> {
    dependents::delete(db, &OWNER, id).await
}
