//! One file a family of tables: what is stored (`…Record`), what creates and changes it (`…Input`, `…Patch`),
//! and its SQL, literal and with every column listed. Nothing here knows JavaScript but for the names
//! that napi's derive copies into the typings.

/// The end of a create. When an attempt before lost its answer, the row that it may have written is taken for this
/// one's own: it has the same id and is the same in everything but its times. No row comes back when the id is taken.
/// The update changes nothing. It names a column that is no key, so that it does not wait for those who refer to the row.
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

pub mod api_keys;
pub mod dependents;
pub mod email_tokens;
pub mod events;
pub mod json;
pub mod lookup;
pub mod organizations;
pub mod passwords;
pub mod roles;
pub mod saml;
pub mod schema;
pub mod session_writes;
pub mod sessions;
pub mod sso;
pub mod tables;
pub mod text_list;
pub mod two_factor;
pub mod user_creates;
pub mod user_roles;
pub mod users;
pub mod variant;

use crate::db::Db;
use crate::error::{Code, Error, Result};
use crate::input::{JsonObject, Key, Text};
use std::collections::HashMap;

/// The id of a new row: the caller's, or one of our making, fixed before the first attempt.
#[derive(Debug, Clone)]
pub struct NewId {
    pub text: String,
    pub is_ours: bool,
}

impl NewId {
    /// For what a client may hold as a secret handle.
    pub fn secret(given: Option<Key>) -> Self {
        Self::new(given, crate::id::secret_handle)
    }

    /// For everything else.
    pub fn sortable(given: Option<Key>) -> Self {
        Self::new(given, crate::id::sortable)
    }

    fn new(given: Option<Key>, make: fn() -> String) -> Self {
        match given {
            Some(Key(text)) => Self { text, is_ours: false },
            None => Self { text: make(), is_ours: true },
        }
    }

    /// Creates with one id take effect one after the other; no two ids of our making are the same.
    pub fn serial_key(&self) -> Option<&str> {
        (!self.is_ours).then_some(self.text.as_str())
    }
}

/// One parameter for many items: the array of what each has in one column.
pub fn column<I, T>(items: &[I], value: impl Fn(&I) -> T) -> Vec<T> {
    items.iter().map(value).collect()
}

/// About how many bytes the parameters of an item have, by those of its fields that may be long.
pub fn bytes_of(texts: [&Option<Text>; 3], list: Option<&[Text]>, json: Option<&JsonObject>) -> usize {
    let texts = texts.into_iter().flatten().chain(list.unwrap_or_default());
    texts.map(|Text(text)| text.len()).sum::<usize>() + json.map_or(0, |JsonObject(json)| json.get().len())
}

/// The row of each id, where there is one.
pub fn in_order<'i, R>(
    rows: Vec<R>,
    id_of: impl Fn(&R) -> &String,
    ids: impl Iterator<Item = &'i String>,
) -> Vec<Option<R>> {
    let mut by_id: HashMap<String, R> = rows.into_iter().map(|row| (id_of(&row).clone(), row)).collect();
    ids.map(|id| by_id.remove(id)).collect()
}

/// What a create that ends in `or_own!` came to. If its answer was lost once, the row that has the id now may be its own,
/// changed by somebody since.
pub fn created<R>(db: &Db, row: Option<R>, table: &'static str) -> Result<R> {
    row.ok_or_else(|| {
        let mut error = Error::new(Code::Conflict, "the id is taken").with_field("id");
        error.context.constraint = Some(format!("{table}_pkey"));
        error.context.table = Some(table.to_owned());
        error.context.outcome = db.is_in_doubt().then_some("unknown");
        error
    })
}

/// What a once-only act came to, decided by its one statement.
pub fn once_only<R>(decision: Option<Decision<R>>, what: &'static str) -> Result<R> {
    match decision {
        None => Err(Error::not_found(what)),
        Some(Decision { won: Some(row), .. }) => Ok(row),
        Some(Decision { is_expired: true, .. }) => Err(Error::new(Code::Expired, format!("the {what} has expired"))),
        Some(Decision { .. }) => Err(Error::new(Code::AlreadyUsed, format!("the {what} has been used already"))),
    }
}

/// The row as the statement changed it, or nothing and whether it had expired.
/// The statement's first two columns are `has_won` and `is_expired`.
pub struct Decision<R> {
    won: Option<R>,
    is_expired: bool,
}

impl<'r, R: sqlx::FromRow<'r, sqlx::postgres::PgRow>> sqlx::FromRow<'r, sqlx::postgres::PgRow> for Decision<R> {
    fn from_row(row: &'r sqlx::postgres::PgRow) -> sqlx::Result<Self> {
        use sqlx::Row;
        let has_won: bool = row.try_get("has_won")?;
        Ok(Self { won: has_won.then(|| R::from_row(row)).transpose()?, is_expired: row.try_get("is_expired")? })
    }
}

/// A row, or why it cannot be read: among those of several calls it is the fault of one.
pub struct Readable<R>(pub sqlx::Result<R>);

impl<'r, R: sqlx::FromRow<'r, sqlx::postgres::PgRow>> sqlx::FromRow<'r, sqlx::postgres::PgRow> for Readable<R> {
    fn from_row(row: &'r sqlx::postgres::PgRow) -> sqlx::Result<Self> {
        Ok(Self(R::from_row(row)))
    }
}

/// For statements whose row says nothing more.
pub struct Nothing;

impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for Nothing {
    fn from_row(_: &'r sqlx::postgres::PgRow) -> sqlx::Result<Self> {
        Ok(Self)
    }
}

/// Which field a constraint is about, where the constraint's name alone would leave the caller guessing.
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

/// Names the field that a broken constraint is about.
pub fn explain(mut error: Error) -> Error {
    if error.context.field.is_none()
        && let Some(constraint) = error.context.constraint.as_deref()
    {
        error.context.field = FIELDS.iter().find(|(name, _)| *name == constraint).map(|(_, field)| (*field).to_owned());
    }
    error
}

/// A closed set as a column: text that the table's CHECK keeps to the set.
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

/// Declares what is stored and read: the Rust row, its JSON, and (through napi) its TypeScript interface.
/// Fields after the `;` are absent when the column is NULL. A name of its own is for where napi would change the spelling.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident $($js_name:literal)? {
        $($(#[$doc:meta])* $field:ident $key:literal: $type:ty,)*
        $(; $($(#[$optional_doc:meta])* $optional:ident $optional_key:literal: $optional_type:ty,)*)?
    }) => {
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
