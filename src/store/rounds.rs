//! Statements that go again, because a row has changed while they ran.

use crate::error::{Code, Error, Result};

/// Far more than other transactions can make necessary.
const MOST: u32 = 100;

/// Counts the rounds of a loop that ends as soon as a row has been changed or deleted. A trigger or a policy of the
/// application's may keep the row as it is without an error, and then no further round would end it.
#[derive(Debug, Default)]
pub struct Rounds(u32);

impl Rounds {
    pub fn count(&mut self) -> Result<()> {
        self.0 += 1;
        if self.0 < MOST {
            return Ok(());
        }
        Err(Error::new(
            Code::QueryFailed,
            "nothing was changed: a trigger or a policy of the database keeps the row as it is",
        ))
    }
}
