//! The fields of an update. Absent, `null` and a value are three different things in it.

use super::{Input, Path};
use crate::error::{Error, Result};
use serde_json::value::RawValue;

/// A field of an update that can be left alone, cleared or set.
#[derive(Debug, Clone)]
pub enum Patch<T> {
    Keep,
    Clear,
    Set(T),
}

/// A field of an update that can be left alone or set, but not cleared.
#[derive(Debug, Clone)]
pub struct Change<T>(pub Option<T>);

/// A field that the store sets itself. It is accepted, so that a whole record can be passed back, and ignored.
#[derive(Debug, Clone)]
pub struct Ignored;

/// A field that must be given, and may be `null`. A missing one is only reported by [`OrNull::stated`], after all keys
/// have been read, because a misspelt key has a better message of its own.
#[derive(Debug, Clone)]
pub struct OrNull<T>(pub Patch<T>);

/// A statement writes a column that can be cleared as `CASE WHEN $n THEN $m ELSE column END`.
impl<T> Patch<T> {
    /// Whether the column is written: `$n`.
    pub fn is_written(&self) -> bool {
        !self.is_empty()
    }

    /// What is written to it, where `None` means NULL: `$m`.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Keep | Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// A statement writes a column that cannot be cleared as `COALESCE($n, column)`.
impl<T> Change<T> {
    /// What is written to the column, if anything: `$n`.
    pub fn value(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

impl<T> OrNull<T> {
    /// The value, or an error if the field was not given at all.
    pub fn stated(self, field: &str) -> Result<Option<T>> {
        match self.0 {
            Patch::Keep => Err(Error::invalid_input(field, "is required, and may be null")),
            Patch::Clear => Ok(None),
            Patch::Set(value) => Ok(Some(value)),
        }
    }
}

/// Whether a field of an update changes nothing.
pub trait IsEmpty {
    fn is_empty(&self) -> bool;
}

impl<T> IsEmpty for Patch<T> {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Keep)
    }
}

impl<T> IsEmpty for Change<T> {
    fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl IsEmpty for Ignored {
    fn is_empty(&self) -> bool {
        true
    }
}

impl<T: Input> Input for Patch<T> {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match json {
            None => Ok(Self::Keep),
            Some(json) if json.get() == "null" => Ok(Self::Clear),
            Some(json) => T::read(Some(json), path).map(Self::Set),
        }
    }
}

impl<T: Input> Input for Change<T> {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match Patch::read(json, path)? {
            Patch::Keep => Ok(Self(None)),
            Patch::Clear => Err(path.invalid("cannot be cleared")),
            Patch::Set(value) => Ok(Self(Some(value))),
        }
    }
}

impl<T: Input> Input for OrNull<T> {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        Patch::read(json, path).map(Self)
    }
}

impl Input for Ignored {
    fn read(_: Option<&RawValue>, _: &Path) -> Result<Self> {
        Ok(Self)
    }
}
