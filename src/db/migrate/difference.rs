//! The difference between two lists of the catalogue's lines, and the text of an error about it.

use super::history;
use crate::error::{Code, Error};
use std::collections::BTreeSet;

/// How many differences an error lists.
const LISTED: usize = 10;

pub struct Difference<'l> {
    missing: Vec<&'l str>,
    unexpected: Vec<&'l str>,
}

impl<'l> Difference<'l> {
    pub fn between(found: &BTreeSet<&'l str>, expected: &BTreeSet<&'l str>) -> Self {
        let is_index = |line: &str| line.contains(": index ");
        Self {
            missing: expected.difference(found).copied().filter(|line| !is_index(line)).collect(),
            unexpected: found.difference(expected).copied().collect(),
        }
    }

    pub fn len(&self) -> usize {
        self.missing.len() + self.unexpected.len()
    }

    pub fn text(&self) -> String {
        let parts: Vec<_> = [("missing", &self.missing), ("unexpected", &self.unexpected)]
            .into_iter()
            .filter(|(_, lines)| !lines.is_empty())
            .map(|(what, lines)| format!(", {what}: {}", list(lines)))
            .collect();
        parts.concat()
    }

    pub fn refuse(&self, nearest: &str) -> Error {
        refusal(format!(
            "the tables here are neither ours nor those of the TypeScript adapter; compared with {nearest} of it{}",
            self.text()
        ))
    }
}

pub fn list(lines: &[&str]) -> String {
    let listed = lines.iter().take(LISTED).copied().collect::<Vec<_>>().join("; ");
    match lines.len().saturating_sub(LISTED) {
        0 => listed,
        more => format!("{listed}; and {more} more"),
    }
}

pub fn refusal(message: String) -> Error {
    let mut error = Error::new(Code::SchemaMismatch, message);
    error.context.migration = Some(history::TAKEN_OVER.to_owned());
    error
}
