//! Numbers that are not negative.

use super::{Input, Path, required};
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

/// A whole number from 0 to 9 007 199 254 740 991, the largest that a JavaScript number holds exactly.
#[derive(Debug, Clone, Copy)]
pub struct LargeNatural(pub i64);

impl Input for LargeNatural {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        const MAX: f64 = 9_007_199_254_740_991.0;
        let number: f64 =
            serde_json::from_str(required(json, path)?.get()).map_err(|_| path.invalid("must be a number"))?;
        if number.fract() != 0.0 || !(0.0..=MAX).contains(&number) {
            return Err(path.invalid("must be a whole number between 0 and 9007199254740991"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the bounds were checked just above")]
        Ok(Self(number as i64))
    }
}

/// How many items a page may have: a whole number from 1 to 1 000.
#[derive(Debug, Clone, Copy)]
pub struct PageLimit(pub u32);

impl Default for PageLimit {
    fn default() -> Self {
        Self(50)
    }
}

impl Input for PageLimit {
    fn read(json: Option<&RawValue>, path: &Path) -> Result<Self> {
        match u32::try_from(i32::read(json, path)?) {
            Ok(number @ 1..=1_000) => Ok(Self(number)),
            _ => Err(path.invalid("must be between 1 and 1000")),
        }
    }
}
