//! Types that have variants (SSO providers, two-factor devices): a table of named fields, each with a column,
//! and further fields that are stored and come back as they were given.
//!
//! Both travel as JSON: `jsonb_populate_record` lays the named ones over the row, so that one literal statement
//! serves every mixture of fields, and no key of a caller becomes SQL.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::input::{Extra, Fields, Input, JsonObject, Key, Ours, Patch, Path, Text};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::json::to_json;

#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Key,
    Text,
    Texts,
    Bool,
    Object,
    Time,
    /// One of a closed set.
    OneOf(&'static [&'static str]),
}

#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// In JavaScript.
    pub key: &'static str,
    /// In the table; `None` for a field that is checked and then stored among the further ones.
    pub column: Option<&'static str>,
    pub kind: Kind,
    pub presence: Presence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Demanded by a create, refused as `null` in a patch.
    Required,
    /// Has a default in a create, refused as `null` in a patch.
    Defaulted,
    Optional,
}

pub const fn required(key: &'static str, column: &'static str, kind: Kind) -> Field {
    Field { key, column: Some(column), kind, presence: Presence::Required }
}

pub const fn defaulted(key: &'static str, column: &'static str, kind: Kind) -> Field {
    Field { key, column: Some(column), kind, presence: Presence::Defaulted }
}

pub const fn optional(key: &'static str, column: &'static str, kind: Kind) -> Field {
    Field { key, column: Some(column), kind, presence: Presence::Optional }
}

/// Checked, and stored among the further fields.
pub const fn further(key: &'static str, kind: Kind) -> Field {
    Field { key, column: None, kind, presence: Presence::Optional }
}

/// What a create or an update wants written.
#[derive(Debug, Clone)]
pub struct Variant {
    /// By column.
    columns: BTreeMap<&'static str, Box<RawValue>>,
    /// By key; `null` removes.
    extra: Extra,
}

/// The parameters of a statement.
pub struct Parameters {
    pub columns: JsonObject,
    pub extra: JsonObject,
    pub removed: Vec<String>,
}

impl Variant {
    /// For a create: `null` means none. The `id` comes apart.
    pub fn read_new(
        json: Option<&RawValue>,
        path: &Path,
        known: &'static [Field],
        ours: &[&str],
    ) -> Result<(Option<Key>, Self)> {
        let mut fields = Fields::of(json, path)?;
        let id = fields.take("id")?;
        Self::read(fields, path, known, ours, false).map(|variant| (id, variant))
    }

    /// For an update: `null` clears. The `id` is ignored.
    pub fn read_patch(json: Option<&RawValue>, path: &Path, known: &'static [Field], ours: &[&str]) -> Result<Self> {
        let mut fields = Fields::of(json, path)?;
        let Ours = fields.take("id")?;
        Self::read(fields, path, known, ours, true)
    }

    fn read(
        mut fields: Fields<'_>,
        path: &Path,
        known: &'static [Field],
        ours: &[&str],
        is_patch: bool,
    ) -> Result<Self> {
        let mut columns = BTreeMap::new();
        let mut checked = BTreeMap::new();
        for field in known {
            let value: Patch<Box<RawValue>> = fields.take_either(field.key, |json, path| match json {
                None => Ok(Patch::Keep),
                Some(json) if json.get() == "null" => Ok(Patch::Clear),
                Some(json) => field.kind.check(json, path).map(Patch::Set),
            })?;
            let value = match value {
                Patch::Keep => None,
                Patch::Clear if !is_patch => None,
                Patch::Clear if field.presence != Presence::Optional => {
                    return Err(path.member(field.key).invalid("cannot be cleared"));
                }
                Patch::Clear => Some(to_json(&())?),
                Patch::Set(value) => Some(value),
            };
            match (value, field.column) {
                (Some(value), Some(column)) => drop(columns.insert(column, value)),
                (Some(value), None) => drop(checked.insert(field.key.to_owned(), value)),
                (None, _) if field.presence == Presence::Required && !is_patch => {
                    return Err(path.member(field.key).invalid("is required"));
                }
                (None, _) => {}
            }
        }
        for key in ours {
            fields.take::<Ours>(key)?;
        }
        let names: Vec<&str> = known.iter().map(|field| field.key).chain(["id"]).chain(ours.iter().copied()).collect();
        let mut extra = fields.rest(&names)?;
        extra.0.extend(checked);
        if !is_patch {
            extra.0.retain(|_, value| value.get() != "null");
        }
        Ok(Self { columns, extra })
    }

    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.extra.0.is_empty()
    }

    /// Whether a column or a further field is given; their names differ.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether a patch clears it.
    pub fn clears(&self, name: &str) -> bool {
        self.get(name).is_some_and(|json| json.get() == "null")
    }

    fn get(&self, name: &str) -> Option<&RawValue> {
        self.columns.get(name).or_else(|| self.extra.0.get(name)).map(|json| &**json)
    }

    /// The text of a string column.
    pub fn text(&self, column: &str) -> Option<String> {
        self.columns.get(column).and_then(|json| serde_json::from_str(json.get()).ok())
    }

    pub fn into_parameters(self) -> Result<Parameters> {
        let (extra, removed) = super::json::split_patch(self.extra)?;
        Ok(Parameters { columns: JsonObject(to_json(&self.columns)?), extra, removed })
    }
}

impl Kind {
    fn check(self, json: &RawValue, path: &Path) -> Result<Box<RawValue>> {
        match self {
            Self::Key => Key::read(Some(json), path).map(drop)?,
            Self::Text => Text::read(Some(json), path).map(drop)?,
            Self::Texts => Vec::<Text>::read(Some(json), path).map(drop)?,
            Self::Bool => bool::read(Some(json), path).map(drop)?,
            Self::Object => JsonObject::read(Some(json), path).map(drop)?,
            Self::Time => return to_json(&Timestamp::read(Some(json), path)?.to_string()),
            Self::OneOf(values) => {
                let Text(text) = Text::read(Some(json), path)?;
                if !values.contains(&text.as_str()) {
                    return Err(path.invalid(&format!("must be one of {}", values.join(", "))));
                }
            }
        }
        Ok(json.to_owned())
    }
}
