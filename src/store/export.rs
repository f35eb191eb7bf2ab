//! `exportUser`: everything that is stored about a person, as one state of the database.

use super::columns;
use super::dependents::of_owner;
use super::export_kinds::{
    ExportedApiKey, ExportedBackupCode, ExportedEmailToken, ExportedEvent, ExportedMembership, ExportedRole,
    ExportedSSOSession, ExportedSession, ExportedTwoFactorDevice, ExportedTwoFactorSession,
};
use super::sso_links::SSOLink;
use super::users::{UserRecord, email_key};
use crate::clock::Timestamp;
use crate::db::{Counted, Db, PgQuery, Repeat, TransactionBody};
use crate::error::{Error, Result};
use crate::input::{Ignored, Natural, Text, input};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, query};

input! {
    /// The place of an event among all events. An event of an export can be given as it is.
    EventPlace {
        timestamp "timestamp": Timestamp,
        id "id": Text,
        /// Ignored.
        r#type "type": Ignored,
        /// Ignored.
        org_id "orgId": Ignored,
        /// Ignored.
        data "data": Ignored,
    }
}

input! {
    /// The options of `exportUser`.
    ExportUserOptions {
        /// How many events the export holds at most, the newest ones. From 0 to 10 000. Default: 1 000.
        event_limit "eventLimit": Option<Natural>,
        /// Only events that are older than this one: the last of an export that does not hold all of them. Default: all.
        events_before "eventsBefore": Option<EventPlace>,
    }
}

/// Everything that is stored about a person, but without what would open a session or prove an identity: ids of sessions and
/// tokens, hashes, codes and secrets. At most 10 000 rows of each kind.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi_derive::napi(object, object_from_js = false, object_to_js = false)]
pub struct UserExport {
    /// Absent if the user has been deleted, and only events are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserRecord>,
    /// Whether there is a password. Its hash is left out.
    pub has_password: bool,
    pub sessions: Vec<ExportedSession>,
    pub api_keys: Vec<ExportedApiKey>,
    pub organizations: Vec<ExportedMembership>,
    pub roles: Vec<ExportedRole>,
    pub email_verification_tokens: Vec<ExportedEmailToken>,
    pub sso_links: Vec<SSOLink>,
    pub sso_sessions: Vec<ExportedSSOSession>,
    pub two_factor_devices: Vec<ExportedTwoFactorDevice>,
    pub backup_codes: Vec<ExportedBackupCode>,
    pub two_factor_sessions: Vec<ExportedTwoFactorSession>,
    /// The newest events first.
    pub events: Vec<ExportedEvent>,
    /// The names of those lists here that do not hold everything, because there is more than an export takes.
    pub incomplete: Vec<String>,
}

const DEFAULT_EVENTS: u32 = 1_000;
const MAX_ROWS: u32 = 10_000;

/// What is asked for.
pub struct ExportOrder {
    user_id: String,
    event_limit: u32,
    events_before: Option<(Timestamp, i64)>,
}

impl ExportOrder {
    pub fn read(user_id: String, options: ExportUserOptions) -> Result<Self> {
        let ExportUserOptions { event_limit, events_before } = options;
        let event_limit = event_limit.map_or(DEFAULT_EVENTS, |Natural(limit)| limit);
        if event_limit > MAX_ROWS {
            return Err(Error::invalid_input("eventLimit", "must be at most 10000"));
        }
        let events_before = events_before
            .map(|EventPlace { timestamp, id: Text(id), r#type: _, org_id: _, data: _ }| {
                let id = id.parse().map_err(|_| Error::invalid_input("eventsBefore.id", "is not the id of an event"));
                id.map(|id| (timestamp, id))
            })
            .transpose()?;
        Ok(Self { user_id, event_limit, events_before })
    }
}

/// `None` if nothing is stored about such a person.
pub async fn export(db: &mut Db, order: &ExportOrder) -> Result<Option<UserExport>> {
    db.transaction(Repeat::Read, order).await
}

/// Rows of the user, the newest first. They are found in the order of an index, so that those of a user who has a million
/// are not all read.
macro_rules! owned {
    ($columns:expr, $table:literal, $owner:literal, $time:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM ",
            $table,
            " WHERE id = ANY(ARRAY(SELECT id FROM ",
            $table,
            of_owner!($owner),
            " LIMIT $2)) ORDER BY ",
            $time,
            " DESC, id DESC"
        )
    };
}

impl TransactionBody for ExportOrder {
    type Output = Option<UserExport>;

    const IS_SNAPSHOT: bool = true;

    async fn run(&self, connection: &mut PgConnection, _: bool) -> sqlx::Result<Counted<Self::Output>> {
        let mut reader = Reader { connection, export: UserExport::default(), rows: 0 };
        let id = self.user_id.as_str();
        let owned = |sql| query(sql).bind(id).bind(i64::from(MAX_ROWS) + 1);

        let user: Vec<UserRecord> = reader.read("user", 1, query(USER).bind(id)).await?;
        let email = user.first().and_then(|user| user.email.as_deref()).map(email_key);
        reader.export.user = user.into_iter().next();
        let hash: Vec<super::Nothing> =
            reader.read("hasPassword", 1, query("SELECT FROM password_hashes WHERE user_id = $1").bind(id)).await?;
        reader.export.has_password = !hash.is_empty();
        reader.export.sessions = reader.read("sessions", MAX_ROWS, owned(SESSIONS)).await?;
        reader.export.api_keys = reader.read("apiKeys", MAX_ROWS, owned(API_KEYS)).await?;
        reader.export.organizations = reader.read("organizations", MAX_ROWS, owned(MEMBERSHIPS)).await?;
        reader.export.roles = reader.read("roles", MAX_ROWS, owned(ROLES)).await?;
        reader.export.email_verification_tokens =
            reader.read("emailVerificationTokens", MAX_ROWS, owned(TOKENS).bind(email)).await?;
        reader.export.sso_links = reader.read("ssoLinks", MAX_ROWS, owned(SSO_LINKS)).await?;
        reader.export.sso_sessions = reader.read("ssoSessions", MAX_ROWS, owned(SSO_SESSIONS)).await?;
        reader.export.two_factor_devices = reader.read("twoFactorDevices", MAX_ROWS, owned(DEVICES)).await?;
        reader.export.backup_codes = reader.read("backupCodes", MAX_ROWS, owned(BACKUP_CODES)).await?;
        reader.export.two_factor_sessions =
            reader.read("twoFactorSessions", MAX_ROWS, owned(TWO_FACTOR_SESSIONS)).await?;
        let (time, place) = self.events_before.unzip();
        let events = query(EVENTS).bind(id).bind(i64::from(self.event_limit) + 1).bind(time).bind(place);
        reader.export.events = reader.read("events", self.event_limit, events).await?;

        let Reader { export, rows, .. } = reader;
        // With `eventLimit: 0` an event that was found stands in `incomplete` only.
        let is_known = rows > 0 || !export.incomplete.is_empty() || self.events_before.is_some();
        Ok((is_known.then_some(export), rows))
    }
}

struct Reader<'c> {
    connection: &'c mut PgConnection,
    export: UserExport,
    rows: u64,
}

impl Reader<'_> {
    /// Reads up to so many rows. The query asks for one more, which shows that there are more.
    async fn read<R>(&mut self, kind: &str, limit: u32, query: PgQuery) -> sqlx::Result<Vec<R>>
    where
        R: for<'r> FromRow<'r, PgRow>,
    {
        let mut rows = query.persistent(false).fetch_all(&mut *self.connection).await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if rows.len() > limit {
            rows.truncate(limit);
            self.export.incomplete.push(kind.to_owned());
        }
        self.rows += rows.len() as u64;
        rows.iter().map(R::from_row).collect()
    }
}

/// Of a link to an OAuth provider only the declared fields: other programs may keep tokens beside them.
const USER: &str = "
    SELECT id, email, name, picture, plan, entitlements, metadata, created_at, updated_at
         , (
               SELECT pg_catalog.jsonb_object_agg(
                          link.key
                        , pg_catalog.jsonb_strip_nulls(
                              pg_catalog.jsonb_build_object(
                                  'provider', link.key
                                , 'sub', link.value -> 'sub'::text
                                , 'email', link.value -> 'email'::text
                                , 'name', link.value -> 'name'::text
                                , 'linkedAt', link.value -> 'linkedAt'::text
                              )
                          )
                      )
                 FROM pg_catalog.jsonb_each(oauth) AS link (key, value)
           ) AS oauth
      FROM users
     WHERE id = $1";

const SESSIONS: &str = owned!(
    "org_id, plan, entitlements, expires_at, metadata, created_at, updated_at",
    "sessions",
    "user_id",
    "created_at"
);

const API_KEYS: &str = owned!(
    "id, prefix, last_four, scopes, metadata, expires_at, created_at, updated_at",
    "api_keys",
    "principal_user_id",
    "created_at"
);

const MEMBERSHIPS: &str = "
    SELECT own.org_id
         , organization.name
         , member.value ->> 'role'::text AS role
         , NULLIF(member.value -> 'joinedAt'::text, 'null') AS joined_at
      FROM (
               SELECT org_id FROM organization_members WHERE user_id BETWEEN $1 AND $1 ORDER BY user_id LIMIT $2
           ) AS own
      JOIN organizations AS organization ON organization.id = own.org_id
     CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(organization.members) AS member (value)
     WHERE member.value ->> 'userId'::text = $1
     ORDER BY own.org_id";

const ROLES: &str = "
    SELECT own.role_id, own.org_id, role.name, own.assigned_at
      FROM (
               SELECT id, role_id, org_id, assigned_at
                 FROM user_roles
                WHERE user_id BETWEEN $1 AND $1
                ORDER BY user_id
                LIMIT $2
           ) AS own
      JOIN roles AS role ON role.id = own.role_id
     ORDER BY own.assigned_at DESC, own.id DESC";

const TOKENS: &str = "
    SELECT token.email
         , token.type
         , token.metadata
         , token.expires_at
         , token.created_at
         , token.used_at
         , COALESCE(tried.attempts, 0) AS attempts
      FROM (
               (
                   SELECT id, email, type, metadata, expires_at, created_at, used_at
                     FROM email_verification_tokens
                    WHERE user_id BETWEEN $1 AND $1
                    ORDER BY user_id
                    LIMIT $2
               )
                UNION ALL
               (
                   SELECT id, email, type, metadata, expires_at, created_at, used_at
                     FROM email_verification_tokens
                    WHERE pg_catalog.lower(email COLLATE \"C\") BETWEEN $3 AND $3
                      AND user_id IS NULL
                    ORDER BY pg_catalog.lower(email COLLATE \"C\")
                    LIMIT $2
               )
               LIMIT $2
           ) AS token
      LEFT JOIN email_verification_token_attempts AS tried ON tried.token_id = token.id
     ORDER BY token.created_at DESC, token.id DESC";

const SSO_LINKS: &str = owned!(columns!(sso_links), "sso_links", "user_id", "linked_at");

const SSO_SESSIONS: &str = owned!(
    "provider_id, provider_type, provider_subject, expires_at, linked_at, last_auth_at",
    "sso_sessions",
    "user_id",
    "linked_at"
);

const DEVICES: &str = owned!(
    "id, method, name, verified, phone_number, last_used_at, created_at, updated_at",
    "twofa_devices",
    "user_id",
    "created_at"
);

const BACKUP_CODES: &str = owned!("id, used, used_at, created_at", "twofa_backup_codes", "user_id", "created_at");

const TWO_FACTOR_SESSIONS: &str = owned!(
    "device_id, method, attempt_count, max_attempts, expires_at, created_at, completed_at",
    "twofa_sessions",
    "user_id",
    "created_at"
);

const EVENTS: &str = "
    SELECT id::text AS id, type, org_id, data, timestamp
      FROM auth_events
     WHERE principal_id = $1
       AND ($3::timestamptz IS NULL OR timestamp <= $3::timestamptz AND (timestamp < $3::timestamptz OR id < $4::int8))
     ORDER BY timestamp DESC, auth_events.id DESC
     LIMIT $2";
