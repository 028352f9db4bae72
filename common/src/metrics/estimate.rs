//! A score with its interval, and the one form in which both are written.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What estimates are made with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EstimateParams {
    /// A row is predicted positive where its probability is at or above this; 0..=1.
    pub threshold: f64,
    /// Rows, the riskiest first, of `recall_at_k`.
    pub k: u64,
    /// Share of intervals that contain the true score, above 0 and below 1, such as 0.95.
    pub level: f64,
    /// 1 or more.
    pub resamples: u32,
    /// Of all randomness.
    pub seed: u64,
}

/// A score and its interval. As text it is `0.731 (95 %: 0.692 to 0.774)`; a format string may set decimals and sign, as
/// `{:+.2}` does. The interval is left out where [`Estimate::interval`] is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// `None` where undefined.
    pub value: Option<f64>,
    /// Lower end; `None` where the score is undefined in most resamples.
    pub low: Option<f64>,
    /// Upper end, likewise.
    pub high: Option<f64>,
}

/// An estimate as text, with numbers as `number` writes them.
#[derive(Debug, Clone, Copy)]
pub struct EstimateText<F> {
    estimate: Estimate,
    number: F,
    level_percent: u32,
}

impl Estimate {
    pub const UNDEFINED: Self = Self { value: None, low: None, high: None };

    /// The ends of the interval; `None` where it is undefined or has zero width: resamples that all agree do not show how
    /// sure the score is.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.value?;
        self.low.zip(self.high).filter(|(low, high)| low < high)
    }

    /// The same text with numbers as `number` writes them, of a 95 % interval.
    pub fn text<F: Fn(f64) -> String>(&self, number: F) -> EstimateText<F> {
        EstimateText { estimate: *self, number, level_percent: 95 }
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(3);
        let has_sign = f.sign_plus();
        let number = |x: f64| if has_sign { format!("{x:+.decimals$}") } else { format!("{x:.decimals$}") };
        self.text(number).fmt(f)
    }
}

impl<F: Fn(f64) -> String> EstimateText<F> {
    /// The same for an interval of another level, in percent.
    pub fn level(self, percent: u32) -> Self {
        Self { level_percent: percent, ..self }
    }

    /// Such as `0.731`; `undefined` where it is.
    pub fn value(&self) -> String {
        self.estimate.value.map_or("undefined".to_owned(), &self.number)
    }

    /// Such as `95 %: 0.692 to 0.774`; `None` as for [`Estimate::interval`].
    pub fn interval(&self) -> Option<String> {
        let (low, high) = self.estimate.interval()?;
        Some(format!("{} %: {} to {}", self.level_percent, (self.number)(low), (self.number)(high)))
    }
}

impl<F: Fn(f64) -> String> fmt::Display for EstimateText<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value())?;
        match self.interval() {
            Some(interval) => write!(f, " ({interval})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORE: Estimate = Estimate { value: Some(0.7312), low: Some(0.6918), high: Some(0.7739) };

    #[test]
    fn an_estimate_is_written_with_its_interval() {
        assert_eq!(SCORE.to_string(), "0.731 (95 %: 0.692 to 0.774)");
        assert_eq!(format!("{SCORE:+.2}"), "+0.73 (95 %: +0.69 to +0.77)");
        let percent = |x: f64| format!("{:.0} %", 100.0 * x);
        assert_eq!(SCORE.text(percent).level(99).to_string(), "73 % (99 %: 69 % to 77 %)");
    }

    #[test]
    fn an_interval_that_shows_nothing_is_left_out() {
        assert_eq!(Estimate { low: None, ..SCORE }.to_string(), "0.731");
        assert_eq!(Estimate { value: Some(0.5), low: Some(0.5), high: Some(0.5) }.to_string(), "0.500");
        assert_eq!(Estimate { value: None, ..SCORE }.to_string(), "undefined");
        assert_eq!(Estimate::UNDEFINED.to_string(), "undefined");
    }
}
