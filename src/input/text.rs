//! Strings: which of them PostgreSQL can store, and which fit into an index.

use super::json::check_json;
use super::{Input, Path, required};
use crate::error::{Error, Result};
use serde_json::value::RawValue;

/// Ids, e-mails, hashes and the like have at most this many bytes of UTF-8, so that an index entry can hold them.
pub const MAX_KEY_BYTES: usize = 1024;

/// Any string that PostgreSQL can store.
#[derive(Debug, Clone, serde::Serialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct Text(pub String);

/// A non-empty string of at most [`MAX_KEY_BYTES`]: an id, an e-mail, a hash, a provider …
#[derive(Debug, Clone, sqlx::Type)]
#[sqlx(transparent)]
pub struct Key(pub String);

impl Input for Text {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let json = required(json, path)?;
        let Some(text) = json.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return Err(path.invalid("must be a string"));
        };
        if !text.contains('\\') {
            return Ok(Self(text.to_owned()));
        }
        check_json(json, path)?;
        serde_json::from_str(json.get()).map(Self).map_err(|_| path.invalid("must be a string"))
    }
}

impl Input for Key {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let Text(text) = Text::read(json, path)?;
        match key_fault(&text) {
            None => Ok(Self(text)),
            Some(reason) => Err(path.invalid(reason)),
        }
    }
}

/// Checks a string that was passed as a plain argument and not as JSON. It cannot hold lone surrogates, because the
/// facade refuses them before.
pub fn check_text(text: &str, argument: &str) -> Result<()> {
    if text.contains('\0') { Err(Error::invalid_input(argument, "must not contain NUL characters")) } else { Ok(()) }
}

/// Checks several strings, each given with the name of its argument.
pub fn check_texts(arguments: &[(&str, &str)]) -> Result<()> {
    arguments.iter().try_for_each(|(argument, text)| check_text(text, argument))
}

/// Checks an id or another key that was passed as a plain argument and will be written.
pub fn check_key(text: &str, argument: &str) -> Result<()> {
    check_text(text, argument)?;
    key_fault(text).map_or(Ok(()), |reason| Err(Error::invalid_input(argument, reason)))
}

/// Why `text` cannot be a [`Key`].
fn key_fault(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("must not be empty")
    } else if text.len() > MAX_KEY_BYTES {
        Some("must be at most 1024 bytes of UTF-8")
    } else {
        None
    }
}
