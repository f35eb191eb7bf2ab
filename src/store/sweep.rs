//! Deleting any number of rows, in statements that each delete a limited number of them.

/// How many rows one statement deletes, so that deleting a million rows does not run into the statement timeout.
pub const BATCH: u32 = 1_000;

/// Counts the batches of a sweep. Each batch is a statement and a transaction of its own, so that an interrupted sweep
/// keeps what it has deleted.
pub struct Sweep {
    limit: u32,
    deleted: u32,
    is_over: bool,
}

impl Sweep {
    pub fn up_to(limit: Option<u32>) -> Self {
        Self { limit: limit.unwrap_or(u32::MAX), deleted: 0, is_over: false }
    }

    /// How many rows the next statement may delete.
    pub fn next_batch(&self) -> Option<u32> {
        let rows = BATCH.min(self.limit - self.deleted);
        (rows > 0 && !self.is_over).then_some(rows)
    }

    /// Counts a batch. One that was not filled was the last.
    pub fn count(&mut self, deleted: u64, batch: u32) {
        self.add(deleted);
        self.is_over = deleted < u64::from(batch);
    }

    /// Counts a batch of a sweep that knows by itself when it is over.
    pub fn add(&mut self, deleted: u64) {
        let left = self.limit - self.deleted;
        self.deleted += u32::try_from(deleted).unwrap_or(left).min(left);
    }

    pub fn total(&self) -> u32 {
        self.deleted
    }
}
