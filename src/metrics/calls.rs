//! The calls of each method: how many, how long they took, and the codes of those that failed.

use super::histogram::{Histogram, HistogramFigures, SECONDS};
use super::lock;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// The name of a method or the code of an error. Those that the core itself has are static.
pub type Name = Cow<'static, str>;

#[derive(Default)]
pub struct CallMetrics {
    methods: Mutex<HashMap<Name, Arc<Mutex<MethodMetrics>>>>,
    /// The calls that the facade has begun and has not ended, by the numbers that it knows them by.
    open: Mutex<HashMap<u32, Measured>>,
    last_open: AtomicU32,
}

struct MethodMetrics {
    running: u64,
    durations: Histogram,
    errors: BTreeMap<Name, u64>,
}

/// The figures of one method.
pub struct MethodFigures {
    pub running: u64,
    pub durations: HistogramFigures,
    pub errors: BTreeMap<Name, u64>,
}

/// A call that has begun. Whoever answers it first says how it ended.
#[derive(Clone)]
pub struct Measured {
    method: Arc<Mutex<MethodMetrics>>,
    started: Instant,
}

impl CallMetrics {
    pub fn begin(&self, operation: impl Into<Name>) -> Measured {
        let method = Arc::clone(lock(&self.methods).entry(operation.into()).or_insert_with(|| {
            let durations = Histogram::new(&SECONDS);
            Arc::new(Mutex::new(MethodMetrics { running: 0, durations, errors: BTreeMap::new() }))
        }));
        lock(&method).running += 1;
        Measured { method, started: Instant::now() }
    }

    /// A call that [`Self::end_open`] ends.
    pub fn begin_open(&self, operation: impl Into<Name>) -> u32 {
        let number = self.last_open.fetch_add(1, Ordering::Relaxed);
        lock(&self.open).insert(number, self.begin(operation));
        number
    }

    pub fn end_open(&self, number: u32, error: Option<String>) {
        let measured = lock(&self.open).remove(&number);
        if let Some(measured) = measured {
            measured.end(error);
        }
    }

    /// The methods that have been called.
    pub fn figures(&self) -> Vec<(Name, MethodFigures)> {
        let methods: Vec<_> =
            lock(&self.methods).iter().map(|(name, method)| (name.clone(), Arc::clone(method))).collect();
        let figures = methods.into_iter().map(|(name, method)| {
            let method = lock(&method);
            let (running, errors) = (method.running, method.errors.clone());
            (name, MethodFigures { running, durations: method.durations.figures(), errors })
        });
        figures.collect()
    }
}

impl Measured {
    /// The call has been answered, with the code of an error if it failed.
    pub fn end(&self, error: Option<impl Into<Name>>) {
        let seconds = self.started.elapsed().as_secs_f64();
        let mut method = lock(&self.method);
        method.running -= 1;
        method.durations.add(seconds);
        if let Some(code) = error {
            *method.errors.entry(code.into()).or_default() += 1;
        }
    }
}
