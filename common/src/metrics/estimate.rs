//! A metric with its interval, and how both are formatted.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Parameters of [`super::estimate()`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EstimateParams {
    /// A row is predicted positive if its probability is at or above this; 0..=1.
    pub threshold: f64,
    /// Number of rows with the highest probabilities that `recall_at_k` counts.
    pub k: u64,
    /// Confidence level of intervals, above 0 and below 1, such as 0.95.
    pub level: f64,
    /// 1 or more.
    pub resamples: u32,
    pub seed: u64,
}

/// A metric and its interval. As text it is `0.731 (95 %: 0.692 to 0.774)`; a format string may set decimals and sign,
/// as `{:+.2}` does. The interval is omitted if [`Estimate::interval`] is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Estimate {
    /// `None` if undefined.
    pub value: Option<f64>,
    /// Lower end; `None` if the metric is undefined in most resamples.
    pub low: Option<f64>,
    /// Upper end; `None` like `low`.
    pub high: Option<f64>,
}

/// An estimate as text, with numbers formatted by `number`.
#[derive(Debug, Clone, Copy)]
pub struct EstimateText<F> {
    estimate: Estimate,
    number: F,
    level_percent: u32,
}

impl Estimate {
    pub const UNDEFINED: Self = Self { value: None, low: None, high: None };

    /// The ends of the interval; `None` if it is undefined or has zero width, because equal resamples do not show the
    /// uncertainty.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.value?;
        self.low.zip(self.high).filter(|(low, high)| low < high)
    }

    /// The estimate with a 95 % interval as text, with numbers formatted by `number`.
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
    /// Sets another level, in percent.
    pub fn level(self, percent: u32) -> Self {
        Self { level_percent: percent, ..self }
    }

    /// Such as `0.731`, or `undefined`.
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
    fn estimate_is_formatted_with_its_interval() {
        assert_eq!(SCORE.to_string(), "0.731 (95 %: 0.692 to 0.774)");
        assert_eq!(format!("{SCORE:+.2}"), "+0.73 (95 %: +0.69 to +0.77)");
        let percent = |x: f64| format!("{:.0} %", 100.0 * x);
        assert_eq!(SCORE.text(percent).level(99).to_string(), "73 % (99 %: 69 % to 77 %)");
    }

    #[test]
    fn interval_of_zero_width_is_hidden() {
        assert_eq!(Estimate { low: None, ..SCORE }.to_string(), "0.731");
        assert_eq!(Estimate { value: Some(0.5), low: Some(0.5), high: Some(0.5) }.to_string(), "0.500");
        assert_eq!(Estimate { value: None, ..SCORE }.to_string(), "undefined");
        assert_eq!(Estimate::UNDEFINED.to_string(), "undefined");
    }
}
