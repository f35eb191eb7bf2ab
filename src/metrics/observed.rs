//! What is recorded only while somebody observes the adapter: how long single connections took, and the number of attempts of
//! calls that needed more than one.

use super::lock;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Which time of a connection it is.
#[derive(Debug, Clone, Copy)]
pub enum ConnectionTime {
    /// How long it took to open one.
    Create,
    /// How long a call waited for one.
    Wait,
    /// How long a call had one.
    Use,
}

/// How many values are kept. If nobody fetches them, further ones are dropped.
const MAX_VALUES: usize = 10_000;

#[derive(Default)]
pub struct Observed {
    is_on: AtomicBool,
    times: Mutex<ConnectionTimes>,
    /// How often the statements of a call have been tried, by the call's id.
    attempts: Mutex<HashMap<u32, u32>>,
}

/// In seconds.
#[derive(Default, serde::Serialize)]
pub struct ConnectionTimes {
    create: Vec<f64>,
    wait: Vec<f64>,
    #[serde(rename = "use")]
    used: Vec<f64>,
}

impl Observed {
    pub fn turn_on(&self) {
        self.is_on.store(true, Ordering::Relaxed);
    }

    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    pub fn connection(&self, what: ConnectionTime, took: Duration) {
        if !self.is_on() {
            return;
        }
        let mut times = lock(&self.times);
        let values = match what {
            ConnectionTime::Create => &mut times.create,
            ConnectionTime::Wait => &mut times.wait,
            ConnectionTime::Use => &mut times.used,
        };
        if values.len() < MAX_VALUES {
            values.push(took.as_secs_f64());
        }
    }

    /// The times since they were last taken.
    pub fn take_connection_times(&self) -> ConnectionTimes {
        std::mem::take(&mut *lock(&self.times))
    }

    /// A call is tried again.
    pub fn retried(&self, call: Option<u32>, attempts: u32) {
        if let Some(call) = call.filter(|_| self.is_on()) {
            let mut all = lock(&self.attempts);
            let known = all.entry(call).or_default();
            *known = attempts.max(*known);
        }
    }

    /// How often a call was tried that has ended, if that was more than once.
    pub fn take_attempts(&self, call: u32) -> Option<u32> {
        if self.is_on() { lock(&self.attempts).remove(&call) } else { None }
    }
}
