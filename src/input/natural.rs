//! Numbers that are not negative.

use super::{Input, Path};
use crate::error::Result;
use serde_json::value::RawValue;

/// A whole number from 0 to 2 147 483 647.
#[derive(Debug, Clone, Copy)]
pub struct Natural(pub u32);

impl From<Natural> for i32 {
    fn from(Natural(number): Natural) -> Self {
        Self::try_from(number).unwrap_or(Self::MAX)
    }
}

impl Input for Natural {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        u32::try_from(i32::read(json, path)?).map(Self).map_err(|_| path.invalid("must not be negative"))
    }
}
