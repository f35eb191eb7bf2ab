//! JSON whose contents are up to the caller. It is checked, and then kept as text.

use super::{Input, Path, required};
use crate::error::Result;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The deepest nesting of JSON. PostgreSQL parses it recursively, on a stack of limited size.
const MAX_DEPTH: usize = 512;

/// A JSON object, kept as text.
#[derive(Debug, Clone)]
pub struct JsonObject(pub Box<RawValue>);

/// A JSON object whose values are strings.
#[derive(Debug, Clone)]
pub struct StringMap(pub JsonObject);

/// A [`StringMap`] of an update, in which `null` may remove a key.
#[derive(Debug, Clone)]
pub struct StringMapPatch {
    object: JsonObject,
    removes_keys: bool,
}

/// The members of an object beyond those with a declared name, each as JSON text.
#[derive(Debug, Clone, Default)]
pub struct Extra(pub BTreeMap<String, Box<RawValue>>);

impl Input for JsonObject {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let json = required(json, path)?;
        if !json.get().starts_with('{') {
            return Err(path.invalid("must be an object"));
        }
        check_json(json, path)?;
        Ok(Self(json.to_owned()))
    }
}

const NO_STRING_MAP: &str = "must be an object whose values are strings";

impl Input for StringMap {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        StringMapPatch::read(json, path)?.object(false, path).cloned().map(Self)
    }
}

impl Input for StringMapPatch {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        let object = JsonObject::read(json, path)?;
        let values: BTreeMap<String, Option<String>> =
            serde_json::from_str(object.0.get()).map_err(|_| path.invalid(NO_STRING_MAP))?;
        Ok(Self { object, removes_keys: values.values().any(Option::is_none) })
    }
}

impl StringMapPatch {
    /// The object. Only one that is merged may hold `null`.
    pub fn object(&self, is_merged: bool, path: &Path) -> Result<&JsonObject> {
        if self.removes_keys && !is_merged { Err(path.invalid(NO_STRING_MAP)) } else { Ok(&self.object) }
    }
}

/// Refuses what PostgreSQL cannot store: NUL characters, lone surrogates, and nesting that is too deep.
///
/// `JSON.stringify` always writes NUL as `\u0000` and a lone surrogate as `\udXXX`, but a surrogate pair as the
/// character itself. So it is enough to look at the escapes.
pub fn check_json(json: &RawValue, path: &Path) -> Result<()> {
    let mut rest = json.get().as_bytes();
    let mut is_in_string = false;
    let mut depth = 0;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'\\' => {
                check_escape(after, path)?;
                // The character after a backslash never starts another escape.
                rest = after.get(1..).unwrap_or_default();
            }
            b'"' => is_in_string = !is_in_string,
            b'{' | b'[' if !is_in_string => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(path.invalid("must not nest deeper than 512 levels"));
                }
            }
            b'}' | b']' if !is_in_string => depth -= 1,
            _ => {}
        }
    }
    Ok(())
}

/// `escape` is the text after a backslash.
fn check_escape(escape: &[u8], path: &Path) -> Result<()> {
    match escape {
        [b'u', b'0', b'0', b'0', b'0', ..] => Err(path.invalid("must not contain NUL characters")),
        [b'u', b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..] => {
            Err(path.invalid("must not contain lone surrogates"))
        }
        _ => Ok(()),
    }
}
