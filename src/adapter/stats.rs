//! The figures of an adapter, for `stats()` and for those who observe it.

use super::PostgresStorageAdapter;
use super::health::{PoolGauges, count};
use crate::db::deadline::millis;
use crate::metrics::HistogramFigures;
use napi_derive::napi;
use serde::Serialize;
use std::collections::HashMap;

/// What `stats` returns. Everything counts from the construction of the adapter on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct Stats {
    /// The methods that have been called, by their names.
    pub calls: HashMap<String, MethodStats>,
    /// How many statements were sent, of which each may have served many calls.
    pub statements: i64,
    /// How many of these repeated an earlier attempt.
    pub retries: i64,
    /// How many calls the statements served, of the kinds of calls that may share one.
    pub batch_sizes: HistogramStats,
    pub connections: ConnectionStats,
    /// The statements that have been running longest, the oldest first, at most ten.
    pub running: Vec<StatementStats>,
}

/// The calls of one method.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct MethodStats {
    /// How many calls have not been answered yet.
    pub running: i64,
    /// How many calls have failed, by the code of the error.
    pub errors: HashMap<String, i64>,
    /// How long the calls took, in seconds. Its `count` is the number of calls that were answered.
    pub duration_seconds: HistogramStats,
}

/// A histogram as Prometheus has it.
#[derive(Debug, Serialize)]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct HistogramStats {
    /// How many values there are.
    pub count: i64,
    /// The sum of all values.
    pub sum: f64,
    /// The buckets, in the order of their bounds. Values above the last bound are in `count` only.
    pub buckets: Vec<Bucket>,
}

/// A bucket of a histogram.
#[derive(Debug, Serialize)]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct Bucket {
    /// The bound.
    pub le: f64,
    /// How many values are less than or equal to the bound.
    pub count: i64,
}

/// The connections.
#[derive(Debug, Serialize)]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct ConnectionStats {
    /// How many there may be at most.
    pub max: u32,
    /// How many stay open when they are not used.
    pub min: u32,
    /// How many are open or being opened.
    pub total: u32,
    /// How many of them are not used.
    pub idle: u32,
    /// How many of them are used.
    pub used: u32,
    /// How many calls are waiting for a connection.
    pub waiting: u32,
    /// How many have been opened.
    pub opened: i64,
    /// How many could not be opened.
    pub failed: i64,
}

/// A statement that is running.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[napi(object, object_from_js = false, object_to_js = false)]
pub struct StatementStats {
    /// The method that it is for.
    pub operation: String,
    /// For how long, in milliseconds.
    pub duration_ms: f64,
}

#[napi]
impl PostgresStorageAdapter {
    /// The figures of this adapter: calls and errors by method, how long they took, statements, retries, batches, and the
    /// connections of the moment. It sends nothing to the server, costs microseconds, and never throws.
    #[napi(ts_return_type = "Stats")]
    pub fn stats(&self) -> String {
        let figures = self.metrics.figures();
        let gauges = PoolGauges::of(self.database.gauges());
        let (min, max) = self.database.pool_size();
        let calls = self.metrics.calls.figures().into_iter().map(|(name, method)| {
            let errors = method.errors.into_iter().map(|(code, count)| (code.into_owned(), number(count)));
            let stats = MethodStats {
                running: number(method.running),
                errors: errors.collect(),
                duration_seconds: histogram(&method.durations),
            };
            (name.into_owned(), stats)
        });
        let running = figures.running.into_iter().map(|(operation, duration)| StatementStats {
            operation: operation.to_owned(),
            duration_ms: millis(duration),
        });
        text_of(&Stats {
            calls: calls.collect(),
            statements: number(figures.statements),
            retries: number(figures.retries),
            batch_sizes: histogram(&figures.batch_sizes),
            connections: ConnectionStats {
                max: count(max),
                min: count(min),
                total: gauges.total,
                idle: gauges.idle,
                used: gauges.total.saturating_sub(gauges.idle),
                waiting: gauges.waiting,
                opened: number(figures.connections_opened),
                failed: number(figures.connections_failed),
            },
            running: running.collect(),
        })
    }

    /// For the facade: it has refused a call, which counts nevertheless.
    #[napi(skip_typescript)]
    pub fn count_refused(&self, operation: String, code: String) {
        self.metrics.calls.begin(operation).end(Some(code));
    }

    /// For the facade: from now on the times of single connections are kept, and how often calls are tried.
    #[napi(skip_typescript)]
    pub fn observe(&self) {
        self.metrics.observed.turn_on();
    }

    /// For the facade: the times of connections since it last asked.
    #[napi(skip_typescript)]
    pub fn take_connection_times(&self) -> String {
        text_of(&self.metrics.observed.take_connection_times())
    }

    /// For the facade: the host, the port and the name of the database.
    #[napi(skip_typescript)]
    pub fn server(&self) -> String {
        text_of(&self.database.server())
    }
}

fn histogram(HistogramFigures { count, sum, buckets }: &HistogramFigures) -> HistogramStats {
    let buckets = buckets.iter().map(|(le, count)| Bucket { le: *le, count: number(*count) }).collect();
    HistogramStats { count: number(*count), sum: *sum, buckets }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The figures are numbers and names, so that writing them cannot fail.
fn text_of(figures: &impl Serialize) -> String {
    serde_json::to_string(figures).unwrap_or_default()
}
