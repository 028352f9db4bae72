//! Numeric axes.

use crate::number;
use std::ops::Range;

pub struct Axis {
    /// The quantity with its unit.
    pub label: String,
    pub range: Range<f64>,
    /// Formats the number at a tick.
    pub format: Box<dyn Fn(f64) -> String>,
}

impl Axis {
    /// An axis with plain numbers. An empty range is extended, because an axis needs a length.
    pub fn new(label: impl Into<String>, range: Range<f64>) -> Self {
        let range = if range.end - range.start > 1e-12 {
            range
        } else {
            range.start..range.start + 1e-6_f64.max(range.start.abs())
        };
        let decimals = decimals(range.end - range.start);
        Self { label: label.into(), range, format: Box::new(move |x| number::grouped(x, decimals)) }
    }

    /// A share of 0 to `end`, formatted in percent.
    pub fn share(label: impl Into<String>, end: f64) -> Self {
        let decimals = usize::from(end < 0.05);
        Self { format: Box::new(move |x| number::percent(x, decimals)), ..Self::new(label, 0.0..end.max(0.001)) }
    }
}

/// Decimals that distinguish the ticks of an axis of this length.
fn decimals(length: f64) -> usize {
    (1.3 - length.log10()).ceil().clamp(0.0, 6.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_have_the_decimals_that_the_length_needs() {
        let tick = |axis: Axis, x: f64| (axis.format)(x);
        assert_eq!(tick(Axis::new("n", 0.0..1000.0), 250.0), "250");
        assert_eq!(tick(Axis::new("n", 0.0..1.0), 0.25), "0.25");
        assert_eq!(tick(Axis::share("share", 1.0), 0.25), "25 %");
        assert_eq!(tick(Axis::share("share", 0.04), 0.025), "2.5 %");
    }

    #[test]
    fn axis_of_one_value_has_a_length() {
        for start in [0.0, 3.0, -2.0] {
            let range = Axis::new("n", start..start).range;
            assert!(range.start == start && range.end > start, "{range:?}");
        }
    }
}
