//! Records that have variants (SSO providers, two-factor devices). Some of their fields have a column each. Further
//! fields are stored together, and returned as JSON.
//!
//! Both are sent as JSON. `jsonb_populate_record` overlays the row with those that have columns. So one literal
//! statement serves every combination of fields, and no key of a caller becomes SQL.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::input::{Extra, Fields, Ignored, Input, JsonObject, Key, Patch, Path, Text};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use super::json::to_json;

/// What a field may hold.
#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    Key,
    Text,
    Texts,
    Bool,
    Object,
    Time,
    /// One of a closed set.
    OneOf(&'static [&'static str]),
}

/// A field with a known name.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name in JavaScript.
    pub key: &'static str,
    /// Its column. `None` means that the field is checked, and then stored among the further fields.
    pub column: Option<&'static str>,
    pub kind: FieldKind,
    pub presence: Presence,
}

/// Whether a field must have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A create must have it, and a patch cannot clear it.
    Required,
    /// A create has a default for it, and a patch cannot clear it.
    Defaulted,
    /// It may be missing.
    Optional,
}

pub const fn required(key: &'static str, column: &'static str, kind: FieldKind) -> Field {
    Field { key, column: Some(column), kind, presence: Presence::Required }
}

pub const fn defaulted(key: &'static str, column: &'static str, kind: FieldKind) -> Field {
    Field { key, column: Some(column), kind, presence: Presence::Defaulted }
}

pub const fn optional(key: &'static str, column: &'static str, kind: FieldKind) -> Field {
    Field { key, column: Some(column), kind, presence: Presence::Optional }
}

/// A field that is checked, and stored among the further fields.
pub const fn further(key: &'static str, kind: FieldKind) -> Field {
    Field { key, column: None, kind, presence: Presence::Optional }
}

/// The fields of a create or an update.
#[derive(Debug, Clone)]
pub struct Variant {
    /// JSON text by column.
    columns: BTreeMap<&'static str, Box<RawValue>>,
    /// JSON text by key. In an update, `null` removes the field.
    extra: Extra,
}

/// A [`Variant`] as parameters of a statement.
pub struct VariantParameters {
    pub columns: JsonObject,
    pub extra: JsonObject,
    pub removed: Vec<String>,
}

impl Variant {
    /// Reads the fields of a create, in which `null` means none. Returns the `id` separately.
    pub fn read_new(
        json: Option<&RawValue>,
        path: &Path,
        known: &'static [Field],
        ignored: &[&str],
    ) -> Result<(Option<Key>, Self)> {
        let mut fields = Fields::of(json, path)?;
        let id = fields.take("id")?;
        Self::read(fields, path, known, ignored, false).map(|variant| (id, variant))
    }

    /// Reads the fields of an update, in which `null` clears. Ignores the `id`.
    pub fn read_patch(json: Option<&RawValue>, path: &Path, known: &'static [Field], ignored: &[&str]) -> Result<Self> {
        let mut fields = Fields::of(json, path)?;
        let Ignored = fields.take("id")?;
        Self::read(fields, path, known, ignored, true)
    }

    fn read(
        mut fields: Fields<'_>,
        path: &Path,
        known: &'static [Field],
        ignored: &[&str],
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
        for key in ignored {
            fields.take::<Ignored>(key)?;
        }
        let names: Vec<&str> =
            known.iter().map(|field| field.key).chain(["id"]).chain(ignored.iter().copied()).collect();
        let mut extra = fields.rest(&names)?;
        extra.0.extend(checked);
        if !is_patch {
            extra.0.retain(|_, value| value.get() != "null");
        }
        Ok(Self { columns, extra })
    }

    /// Whether an update changes nothing.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty() && self.extra.0.is_empty()
    }

    /// Whether a field is given. `name` is a column or the key of a further field, which never have the same name.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether an update clears a field.
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

    pub fn into_parameters(self) -> Result<VariantParameters> {
        let (extra, removed) = super::json::split_patch(self.extra)?;
        Ok(VariantParameters { columns: JsonObject(to_json(&self.columns)?), extra, removed })
    }
}

impl FieldKind {
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
