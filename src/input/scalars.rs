//! Booleans, numbers and times.

use super::{Input, Path, Text, required};
use crate::clock::Timestamp;
use crate::error::Result;
use serde_json::value::RawValue;

impl Input for bool {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match required(json, path)?.get() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(path.invalid("must be a boolean")),
        }
    }
}

impl Input for i32 {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let number: f64 =
            serde_json::from_str(required(json, path)?.get()).map_err(|_| path.invalid("must be a number"))?;
        if number.fract() != 0.0 || number < f64::from(i32::MIN) || number > f64::from(i32::MAX) {
            return Err(path.invalid("must be a whole number between -2147483648 and 2147483647"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the bounds were checked just above")]
        Ok(number as i32)
    }
}

impl Input for Timestamp {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        const REASON: &str =
            "must be a valid Date, or an ISO 8601 string with Z or an offset, in the years 0001 to 9999";
        let json = required(json, path)?;
        if !json.get().starts_with('"') {
            return Err(path.invalid(REASON));
        }
        let Text(text) = Text::read(Some(json), path)?;
        Self::parse(&text).ok_or_else(|| path.invalid(REASON))
    }
}
