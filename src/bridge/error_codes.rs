//! Hands the table of error codes to the facade, and to the script that writes the typings.

use crate::error::Code;
use napi_derive::napi;

/// A JSON array with a pair for each code: its name, and an object with its kind, severity and status.
#[napi(skip_typescript)]
#[cfg_attr(test, allow(dead_code, reason = "napi exports nothing from a test"))]
pub fn error_codes() -> String {
    let codes: Vec<_> = Code::ALL.iter().map(|code| (code.name(), code.properties())).collect();
    serde_json::to_string(&codes).unwrap_or_default()
}
