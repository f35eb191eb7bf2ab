//! Values that may be missing, and lists.

use super::{Input, Path, required};
use crate::error::Result;
use serde_json::value::RawValue;

/// Absent and `null` are the same here.
impl<T: Input> Input for Option<T> {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match json {
            None => Ok(None),
            Some(json) if json.get() == "null" => Ok(None),
            Some(json) => T::read(Some(json), path).map(Some),
        }
    }
}

impl<T: Input> Input for Vec<T> {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let items: Vec<&RawValue> =
            serde_json::from_str(required(json, path)?.get()).map_err(|_| path.invalid("must be an array"))?;
        items.into_iter().enumerate().map(|(at, item)| T::read(Some(item), &Path::Item(path, at))).collect()
    }
}
