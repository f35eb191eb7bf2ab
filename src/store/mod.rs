//! Each kind of record has a file: what is stored (`…Record`), what creates and changes it (`…Input`, `…Patch`), and
//! its SQL, which is literal and lists every column. This module does not know JavaScript, except for the names that
//! napi's derive copies into the typings.

/// The end of an insert that may be repeated. If the answer to an earlier attempt was lost, a row with the same id that
/// is the same in everything but its times counts as the row of that attempt. If the id is taken otherwise, no row
/// comes back.
///
/// The update changes nothing. It assigns a column that is not part of a key, because an update of a key would wait for
/// transactions that refer to the row.
macro_rules! or_own {
    ($is_in_doubt:literal, $table:literal, $time:literal) => {
        concat!(
            " ON CONFLICT (id) DO UPDATE SET ",
            $time,
            " = ",
            $table,
            ".",
            $time,
            " WHERE ",
            $is_in_doubt,
            " AND pg_catalog.to_jsonb(",
            $table,
            ") - '{created_at,updated_at,linked_at,last_auth_at}'::text[]
               = pg_catalog.to_jsonb(EXCLUDED) - '{created_at,updated_at,linked_at,last_auth_at}'::text[]"
        )
    };
}

pub mod api_key_contexts;
pub mod api_key_secrets;
pub mod api_keys;
pub mod backup_codes;
mod columns;
mod context_rows;
pub mod dependents;
pub mod diagnosis;
pub mod email_tokens;
pub mod erasure;
pub mod event_counts;
pub mod event_retention;
pub mod events;
pub mod export;
mod export_kinds;
mod items;
mod json;
pub mod lookup;
pub mod oauth_links;
pub mod organization_members;
pub mod organizations;
pub mod pages;
pub mod passwords;
pub mod record_counts;
pub mod roles;
mod rounds;
pub mod saml;
pub mod schema;
mod session_context_queries;
pub mod session_context_rows;
pub mod session_contexts;
pub mod session_creates;
mod session_owners;
pub mod session_updates;
pub mod sessions;
pub mod sso_links;
pub mod sso_providers;
pub mod sso_sessions;
mod sweep;
pub mod sweep_kinds;
pub mod sweep_records;
mod sweep_route;
pub mod sweeps;
pub mod tables;
mod text_list;
pub mod two_factor_devices;
pub mod two_factor_sessions;
pub mod two_factor_steps;
pub mod updates;
pub mod user_creates;
pub mod user_deletes;
pub mod user_lists;
pub mod user_roles;
pub mod users;
mod variant;

use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::input::{JsonObject, Key, Text};
pub(crate) use columns::columns;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use std::collections::HashMap;

/// The id of a new row: the caller's, or a generated one. It is fixed before the first attempt.
#[derive(Debug, Clone)]
pub struct NewId {
    pub text: String,
    pub is_generated: bool,
}

impl NewId {
    /// For records whose id a client may hold as a secret handle.
    pub fn secret(given: Option<Key>) -> Self {
        Self::new(given, crate::id::secret_handle)
    }

    /// For all other records.
    pub fn sortable(given: Option<Key>) -> Self {
        Self::new(given, crate::id::sortable)
    }

    fn new(given: Option<Key>, make: fn() -> String) -> Self {
        match given {
            Some(Key(text)) => Self { text, is_generated: false },
            None => Self { text: make(), is_generated: true },
        }
    }

    /// Creates with the same id take effect one after the other. Generated ids are never the same.
    pub fn serial_key(&self) -> Option<&str> {
        (!self.is_generated).then_some(self.text.as_str())
    }
}

/// About how many bytes an item has as parameters, by those of its fields that may be long.
pub fn bytes_of(texts: [Option<&Text>; 3], list: Option<&[Text]>, json: Option<&JsonObject>) -> usize {
    let texts = texts.into_iter().flatten().chain(list.unwrap_or_default());
    texts.map(|Text(text)| text.len()).sum::<usize>() + json.map_or(0, |JsonObject(json)| json.get().len())
}

/// For each id its row, if there is one.
pub fn in_order<'i, R>(
    rows: Vec<R>,
    id_of: impl Fn(&R) -> &str,
    ids: impl Iterator<Item = &'i String>,
) -> Vec<Option<R>> {
    let mut positions = HashMap::with_capacity(rows.len());
    let mut ordered = Vec::new();
    for (at, id) in ids.enumerate() {
        positions.entry(id.as_str()).or_insert(at);
        ordered.push(None);
    }
    for row in rows {
        if let Some(place) = positions.get(id_of(&row)).and_then(|at| ordered.get_mut(*at)) {
            *place = Some(row);
        }
    }
    ordered
}

/// The result of an insert that ends in `or_own!`. If its answer was lost once, the row that has the id now may be the
/// one that it inserted, if somebody has changed that since. So the error says that the outcome is unknown.
pub fn created<R>(db: &Db, row: Option<R>, table: &'static str) -> Result<R> {
    row.ok_or_else(|| {
        let mut error = Error::new(Code::Conflict, "the id is taken").with_field("id");
        error.context.constraint = Some(format!("{table}_pkey"));
        error.context.table = Some(table.to_owned());
        error.context.outcome = db.is_in_doubt().then_some("unknown");
        error
    })
}

/// The result of something that can be done only once. Its one statement has decided.
pub fn once_only<R>(decision: Option<Decision<R>>, what: &'static str) -> Result<R> {
    match decision {
        None => Err(Error::not_found(what)),
        Some(Decision { won: Some(row), .. }) => Ok(row),
        Some(Decision { is_expired: true, .. }) => Err(Error::new(Code::Expired, format!("the {what} has expired"))),
        Some(Decision { .. }) => Err(Error::new(Code::AlreadyUsed, format!("the {what} has been used already"))),
    }
}

/// The row as the statement has changed it, or whether it could not be changed because it has expired. The statement
/// returns `has_won` and `is_expired` besides the columns of the row.
pub struct Decision<R> {
    won: Option<R>,
    is_expired: bool,
}

impl<'r, R: FromRow<'r, PgRow>> FromRow<'r, PgRow> for Decision<R> {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        let has_won: bool = row.try_get("has_won")?;
        Ok(Self { won: has_won.then(|| R::from_row(row)).transpose()?, is_expired: row.try_get("is_expired")? })
    }
}

/// A row, or why it cannot be read. Among the rows of several calls, it must fail only the call that it belongs to.
pub struct Readable<R>(pub sqlx::Result<R>);

impl<'r, R: FromRow<'r, PgRow>> FromRow<'r, PgRow> for Readable<R> {
    fn from_row(row: &'r PgRow) -> sqlx::Result<Self> {
        Ok(Self(R::from_row(row)))
    }
}

/// A row of which only its presence matters.
pub struct Nothing;

impl<'r> FromRow<'r, PgRow> for Nothing {
    fn from_row(_: &'r PgRow) -> sqlx::Result<Self> {
        Ok(Self)
    }
}

/// The field that each constraint is about, for constraints whose name does not say it to the caller.
const FIELDS: [(&str, &str); 24] = [
    ("users_email_key", "email"),
    ("user_oauth_accounts_pkey", "sub"),
    ("password_hashes_user_id_fkey", "userId"),
    ("sessions_user_id_fkey", "userId"),
    ("sessions_org_id_fkey", "orgId"),
    ("api_keys_hash_key", "hash"),
    ("api_keys_principal_check", "principalId"),
    ("organization_members_user_id_fkey", "members"),
    ("email_verification_tokens_user_id_fkey", "userId"),
    ("roles_org_id_fkey", "orgId"),
    ("user_roles_user_id_fkey", "userId"),
    ("user_roles_role_id_fkey", "roleId"),
    ("user_roles_org_id_fkey", "orgId"),
    ("sso_providers_org_id_fkey", "orgId"),
    ("sso_providers_protocol_check", "type"),
    ("sso_links_user_id_fkey", "userId"),
    ("sso_links_provider_id_fkey", "providerId"),
    ("sso_links_provider_id_provider_subject_key", "providerSubject"),
    ("sso_sessions_user_id_fkey", "userId"),
    ("sso_sessions_provider_id_fkey", "providerId"),
    ("twofa_devices_user_id_fkey", "userId"),
    ("twofa_backup_codes_pkey", "codes"),
    ("twofa_sessions_user_id_fkey", "userId"),
    ("twofa_sessions_device_id_fkey", "deviceId"),
];

/// Adds to an error the field that the violated constraint is about.
pub fn explain(mut error: Error) -> Error {
    if error.context.field.is_none()
        && let Some(constraint) = error.context.constraint.as_deref()
    {
        error.context.field = FIELDS.iter().find(|(name, _)| *name == constraint).map(|(_, field)| (*field).to_owned());
    }
    error
}

/// Lets a closed set be read from a column. The column is text, and a CHECK of its table allows only the set.
macro_rules! set_column {
    ($name:ty) => {
        impl sqlx::Type<sqlx::Postgres> for $name {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                <String as sqlx::Type<sqlx::Postgres>>::type_info()
            }

            fn compatible(ty: &sqlx::postgres::PgTypeInfo) -> bool {
                <String as sqlx::Type<sqlx::Postgres>>::compatible(ty)
            }
        }

        impl<'r> sqlx::Decode<'r, sqlx::Postgres> for $name {
            fn decode(value: sqlx::postgres::PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                let text = <&str as sqlx::Decode<sqlx::Postgres>>::decode(value)?;
                Self::parse(text, &$crate::input::Path::Argument("the column")).map_err(Into::into)
            }
        }
    };
}
pub(crate) use set_column;

/// Declares a record: one list of fields gives the Rust struct, how it is read from a row, its JSON and (through napi)
/// its TypeScript interface. The fields in the block `optional` are absent if their column is NULL. A record has a name
/// for TypeScript beside the Rust name where napi would change the spelling.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident $($js_name:literal)? {
        $($(#[$doc:meta])* $field:ident $key:literal: $type:ty,)*
    } $(optional {
        $($(#[$optional_doc:meta])* $optional:ident $optional_key:literal: $optional_type:ty,)*
    })?) => {
        $(#[$meta])*
        #[derive(Debug, Clone, serde::Serialize, sqlx::FromRow)]
        #[napi_derive::napi(object, object_from_js = false, object_to_js = false $(, js_name = $js_name)?)]
        pub struct $name {
            $($(#[$doc])* #[napi(js_name = $key)] #[serde(rename = $key)] pub $field: $type,)*
            $($($(#[$optional_doc])* #[napi(js_name = $optional_key)] #[serde(rename = $optional_key, skip_serializing_if = "Option::is_none")] pub $optional: Option<$optional_type>,)*)?
        }
    };
}
pub(crate) use record;
