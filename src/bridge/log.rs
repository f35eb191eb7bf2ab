//! The log of one adapter: it sends the tracing events of this crate to the caller's `logger`, through the completion
//! queue.

use super::queue::CompletionQueue;
use crate::origin;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span;
use tracing::{Event, Metadata, Subscriber};

/// The targets of our events begin with this. Those of sqlx do not, and are left out, because they quote statements.
const TARGET: &str = "auth_postgres";

pub struct LogSubscriber {
    queue: Arc<CompletionQueue>,
    level: LevelFilter,
}

impl LogSubscriber {
    pub fn new(queue: Arc<CompletionQueue>, level: LevelFilter) -> Self {
        Self { queue, level }
    }
}

#[derive(Serialize)]
struct Line {
    level: &'static str,
    message: String,
    fields: Map<String, Value>,
    /// The call that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<u32>,
}

impl Subscriber for LogSubscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with(TARGET) && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            level: level_name(*event.metadata().level()),
            message: String::new(),
            fields: Map::new(),
            call: origin::call(),
        };
        event.record(&mut line);
        self.queue.log(&line);
    }

    // There are no spans: `enabled` refuses them.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

impl Line {
    fn put(&mut self, field: &Field, value: Value) {
        self.fields.insert(field.name().to_owned(), value);
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.put(field, format!("{value:?}").into());
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        // An absent value is logged as an empty string, and left out here.
        if !value.is_empty() {
            self.put(field, value.into());
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
}

/// The method of the caller's logger.
fn level_name(level: tracing::Level) -> &'static str {
    match level {
        tracing::Level::ERROR => "error",
        tracing::Level::WARN => "warn",
        tracing::Level::INFO => "info",
        _ => "debug",
    }
}
