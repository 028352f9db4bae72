//! Median and 99th percentile of durations.

use std::fmt;
use std::time::Duration;

/// In milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub p50: f64,
    pub p99: f64,
    pub count: usize,
}

impl Times {
    /// The nearest ranks. `durations` must not be empty.
    pub fn new(mut durations: Vec<Duration>) -> Self {
        durations.sort();
        let at = |share: f64| {
            let rank = (share * durations.len() as f64).ceil() as usize;
            durations[rank.clamp(1, durations.len()) - 1].as_secs_f64() * 1000.0
        };
        Self { p50: at(0.5), p99: at(0.99), count: durations.len() }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.2} ms, p99 {:.2} ms ({} times)", self.p50, self.p99, self.count)
    }
}
