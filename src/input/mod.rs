//! Reading what a caller passes in. JSON text becomes values of types that cannot hold anything invalid, or an
//! `auth_postgres/invalid_input` error that names the field.

mod containers;
mod declare;
mod json;
mod names;
mod natural;
mod object;
mod patch;
mod scalars;
mod secret;
mod text;

pub(crate) use declare::{closed_set, input, patch};
pub use json::{Extra, JsonObject, StringMap, StringMapPatch};
pub use names::nearest;
pub use natural::{LargeNatural, Natural, PageLimit};
pub use object::Fields;
pub use patch::{Change, Ignored, IsEmpty, OrNull, Patch};
pub use secret::Secret;
pub use text::{Key, MAX_KEY_BYTES, Text, check_key, check_text, check_texts};

use crate::error::{Error, Result};
use serde_json::value::RawValue;

/// The longest JSON text of one argument. Anything longer is a mistake, and PostgreSQL would refuse it later anyway.
const MAX_ARGUMENT_BYTES: usize = 32 << 20;

/// A type that can be read from JSON.
pub trait Input: Sized {
    /// `json` is `None` if the key is absent. `path` says in errors where the value stands.
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self>;
}

/// Where a value stands: `email`, `members[2].role`. Only errors need it as text, so it is kept as references until
/// then.
#[derive(Debug, Clone, Copy)]
pub enum Path<'p> {
    Argument(&'p str),
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl<'p> Path<'p> {
    pub fn member(&'p self, key: &'p str) -> Self {
        Self::Member(self, key)
    }

    pub fn name(&self) -> String {
        match self {
            Self::Argument(name) => (*name).to_owned(),
            // The name of the argument is left out: `email`, not `user.email`.
            Self::Member(Path::Argument(_), key) => (*key).to_owned(),
            Self::Member(object, key) => format!("{}.{key}", object.name()),
            Self::Item(array, at) => format!("{}[{at}]", array.name()),
        }
    }

    pub fn invalid(&self, reason: &str) -> Error {
        Error::invalid_input(self.name(), reason)
    }
}

/// Parses the JSON text of one argument, as the facade has written it.
pub fn parse<T: Input>(text: &str, argument: &str) -> Result<T> {
    let path = Path::Argument(argument);
    if text.len() > MAX_ARGUMENT_BYTES {
        return Err(path.invalid("must be at most 32 MiB as JSON"));
    }
    let json: &RawValue = serde_json::from_str(text).map_err(|_| path.invalid("is not valid JSON"))?;
    T::read(Some(json), &path)
}

/// The value, which must be neither absent nor `null`.
fn required<'a>(json: Option<&'a RawValue>, path: &Path) -> Result<&'a RawValue> {
    match json {
        Some(json) if json.get() != "null" => Ok(json),
        _ => Err(path.invalid("is required")),
    }
}

#[cfg(test)]
mod tests;
