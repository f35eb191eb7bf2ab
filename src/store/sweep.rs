//! Deleting any number of rows, in statements that each delete a limited number of them.

/// How many rows one statement deletes, so that deleting a million rows does not run into the statement timeout.
pub const BATCH: u32 = 1_000;

/// Counts the batches of a sweep. Each batch is a statement and a transaction of its own, so that an interrupted sweep
/// keeps what it has deleted.
#[derive(Default)]
pub struct Sweep {
    deleted: u32,
    is_over: bool,
}

impl Sweep {
    /// How many rows the next statement may delete.
    pub fn next_batch(&self) -> Option<u32> {
        (!self.is_over).then_some(BATCH)
    }

    /// Counts a batch. One that was not filled was the last.
    pub fn count(&mut self, deleted: u64) {
        self.deleted = self.deleted.saturating_add(u32::try_from(deleted).unwrap_or(u32::MAX));
        self.is_over = deleted < u64::from(BATCH);
    }

    pub fn total(&self) -> u32 {
        self.deleted
    }
}
