//! Rates and means with 95 % intervals, as the exploration tells them.

use churn_common::metrics::Estimate;
use serde::{Deserialize, Serialize};

/// The 97.5th percentile of the standard normal distribution.
pub const Z: f64 = 1.959_963_984_540_054;

/// A share of rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Rows.
    pub rows: u64,
    /// Rows among them that churned.
    pub positives: u64,
    /// Their share, 0..=1, with its 95 % interval (Wilson 1927), which takes rows for independent.
    pub rate: Estimate,
}

impl Rate {
    /// The share of `positives` among `rows`; undefined where there is no row.
    pub fn of(positives: u64, rows: u64) -> Self {
        let (n, p) = (rows as f64, positives as f64 / rows as f64);
        let shrink = 1.0 + Z * Z / n;
        let centre = (p + Z * Z / (2.0 * n)) / shrink;
        let half = Z / shrink * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
        let told = |x: f64| (rows > 0).then(|| x.clamp(0.0, 1.0));
        Self { rows, positives, rate: Estimate { value: told(p), low: told(centre - half), high: told(centre + half) } }
    }
}

/// A sum over rows that comes out the same in whatever order they are added: it is kept in whole millionths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    total: u128,
    squares: u128,
}

impl Sum {
    /// Adds a value of 0 or more.
    pub fn add(&mut self, value: f64) {
        let millionths = (value * 1e6).round() as u128;
        self.total += millionths;
        self.squares += millionths * millionths;
    }

    /// The mean over `rows`, undefined where there is none, and its standard error, undefined below two rows.
    pub fn mean(&self, rows: u64) -> (Option<f64>, Option<f64>) {
        let (n, total, squares) = (rows as f64, self.total as f64 / 1e6, self.squares as f64 / 1e12);
        let variance = (squares - total * total / n).max(0.0) / (n - 1.0);
        ((rows > 0).then(|| total / n), (rows > 1).then(|| (variance / n).sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 15 of 148, as Newcombe (1998, table I, method 3) has it: 0.0624 to 0.1605.
    #[test]
    fn intervals_are_wilsons() {
        let rate = Rate::of(15, 148).rate;
        let [value, low, high] = [rate.value, rate.low, rate.high].map(Option::unwrap);
        assert_eq!(value, 15.0 / 148.0);
        assert!((low - 0.0624).abs() < 5e-5 && (high - 0.1605).abs() < 5e-5, "{low} {high}");
        let none = Rate::of(0, 10).rate;
        assert!(none.low == Some(0.0) && (none.high.unwrap() - 0.2775).abs() < 5e-5, "{none:?}");
        assert_eq!(Rate::of(0, 0).rate, Estimate { value: None, low: None, high: None });
    }

    #[test]
    fn means_do_not_depend_on_the_order() {
        let values = [0.1, 0.7, 1_234.567_891, 0.0];
        let (mut there, mut back) = (Sum::default(), Sum::default());
        values.iter().for_each(|v| there.add(*v));
        values.iter().rev().for_each(|v| back.add(*v));
        assert_eq!(there, back);
        let (mean, error) = there.mean(4);
        let expected = values.iter().sum::<f64>() / 4.0;
        let variance = values.iter().map(|v| (v - expected).powi(2)).sum::<f64>() / 3.0;
        assert!((mean.unwrap() - expected).abs() < 1e-6);
        assert!((error.unwrap() - (variance / 4.0).sqrt()).abs() < 1e-6);
        assert_eq!((Sum::default().mean(0), Sum::default().mean(1)), ((None, None), (Some(0.0), None)));
    }
}
