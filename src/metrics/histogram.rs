//! A histogram with fixed bounds.

/// The bounds of durations, in seconds.
pub const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The bounds of the number of calls that share a statement.
pub const BATCH_SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

pub struct Histogram {
    bounds: &'static [f64],
    /// How many values are at most the bound, and greater than the one before it.
    counts: Vec<u64>,
    count: u64,
    sum: f64,
}

/// The figures as Prometheus has them.
pub struct HistogramFigures {
    pub count: u64,
    pub sum: f64,
    /// Each bound, with the number of values that are at most that large.
    pub buckets: Vec<(f64, u64)>,
}

impl Histogram {
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len()], count: 0, sum: 0.0 }
    }

    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
    }

    pub fn figures(&self) -> HistogramFigures {
        let mut total = 0;
        let buckets = self.bounds.iter().zip(&self.counts).map(|(bound, count)| {
            total += count;
            (*bound, total)
        });
        HistogramFigures { count: self.count, sum: self.sum, buckets: buckets.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::{BATCH_SIZES, Histogram};

    #[test]
    fn counts_a_value_in_the_bucket_of_its_bound_and_in_all_above() {
        let mut histogram = Histogram::new(&BATCH_SIZES);
        for value in [1.0, 2.0, 3.0, 256.0, 257.0] {
            histogram.add(value);
        }
        let figures = histogram.figures();
        assert_eq!((figures.count, figures.sum), (5, 519.0));
        let counts: Vec<u64> = figures.buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 2, 3, 3, 3, 3, 3, 3, 4]);
    }
}
