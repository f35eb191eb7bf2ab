//! What a diagnosis looks at, and what it has found there.

use crate::error::{Code, Error};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    Ok,
    /// Worth knowing; nothing has to be done.
    Notice,
    Warning,
    /// Calls fail, or will soon.
    Error,
}

impl Gravity {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    pub id: &'static str,
    pub title: &'static str,
    pub expected: &'static str,
}

/// What was found there.
#[derive(Debug, Clone)]
pub struct Check {
    pub id: &'static str,
    pub title: String,
    pub gravity: Gravity,
    pub expected: String,
    pub actual: String,
    pub repair: Option<String>,
}

impl Topic {
    pub fn ok(&self, actual: impl Into<String>) -> Check {
        self.check(Gravity::Ok, actual.into(), None)
    }

    pub fn notice(&self, actual: impl Into<String>) -> Check {
        self.check(Gravity::Notice, actual.into(), None)
    }

    pub fn warning(&self, actual: impl Into<String>, repair: impl Into<String>) -> Check {
        self.check(Gravity::Warning, actual.into(), Some(repair.into()))
    }

    pub fn error(&self, actual: impl Into<String>, repair: impl Into<String>) -> Check {
        self.check(Gravity::Error, actual.into(), Some(repair.into()))
    }

    /// It could not be looked at.
    pub fn unknown(&self, reason: &Error) -> Check {
        let cause = reason.cause.as_ref().map(|cause| format!(" ({})", cause.message)).unwrap_or_default();
        self.notice(format!("could not be checked, because {}{cause}", reason.message))
    }

    /// The question itself has failed, which is what is wrong, unless only a limit has ended it.
    pub fn failed(&self, reason: &Error, repair: &str) -> Check {
        match reason.code {
            Code::Cancelled | Code::StatementTimeout | Code::LockTimeout => self.unknown(reason),
            _ => self.error(reason.message.clone(), repair),
        }
    }

    fn check(&self, gravity: Gravity, actual: String, repair: Option<String>) -> Check {
        let (id, title, expected) = (self.id, self.title.to_owned(), self.expected.to_owned());
        Check { id, title, gravity, expected, actual, repair }
    }
}

impl Check {
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    pub fn expecting(mut self, expected: impl Into<String>) -> Self {
        self.expected = expected.into();
        self
    }
}

/// `one, two and 3 more`: no list of findings gets long.
pub fn listed(names: &[String]) -> String {
    const LISTED: usize = 10;
    let list = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(LISTED) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}
