//! Text that must not appear in a log or an error.

use super::{Input, Path, Text};
use crate::error::Result;
use serde_json::value::RawValue;

/// Text that is never printed.
#[derive(Clone)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secret(…)")
    }
}

impl Input for Secret {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        Text::read(json, path).map(|Text(text)| Self(text))
    }
}
