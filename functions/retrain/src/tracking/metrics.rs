//! The metrics of a run, all with the same timestamp. Undefined values are omitted, because MLflow cannot store them.

use super::payload::Metric;
use churn_common::calendar::Timestamp;
use churn_common::metrics::{Estimate, Estimates};
use churn_common::model::card::Rows;

pub struct Metrics {
    timestamp: i64,
    metrics: Vec<Metric>,
}

impl Metrics {
    pub fn at(time: Timestamp) -> Self {
        Self { timestamp: time.millis(), metrics: Vec::new() }
    }

    pub fn into_vec(self) -> Vec<Metric> {
        self.metrics
    }

    pub fn add(&mut self, key: &str, value: Option<f64>) {
        self.add_step(0, key, value);
    }

    /// Adds the value of one step, such as a fold.
    pub fn add_step(&mut self, step: i64, key: &str, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.metrics.push(Metric { key: key.to_owned(), value, timestamp: self.timestamp, step });
        }
    }

    /// Adds each estimate and the ends of its interval.
    pub fn add_estimates(&mut self, prefix: &str, estimates: &Estimates) {
        for (name, Estimate { value, low, high }) in estimates {
            self.add(&format!("{prefix}_{name}"), *value);
            self.add(&format!("{prefix}_{name}_low"), *low);
            self.add(&format!("{prefix}_{name}_high"), *high);
        }
    }

    pub fn add_rows(&mut self, prefix: &str, rows: &Rows) {
        self.add(&format!("{prefix}_rows"), Some(rows.rows as f64));
        self.add(&format!("{prefix}_users"), Some(rows.users as f64));
        self.add(&format!("{prefix}_positives"), Some(rows.positives as f64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_values_are_omitted() {
        let mut metrics = Metrics::at(Timestamp::from_millis(7));
        let some = Estimate { value: Some(0.5), low: None, high: Some(0.6) };
        let none = Estimate { value: None, low: None, high: None };
        metrics.add_estimates("test", &Estimates::from([("f1".into(), none), ("roc_auc".into(), some)]));
        metrics.add_step(3, "fold_log_loss", Some(f64::INFINITY));
        metrics.add_step(4, "fold_log_loss", Some(0.0));
        let metric = |key: &str, value, step| Metric { key: key.into(), value, timestamp: 7, step };
        let expected =
            [metric("test_roc_auc", 0.5, 0), metric("test_roc_auc_high", 0.6, 0), metric("fold_log_loss", 0.0, 4)];
        assert_eq!(metrics.into_vec(), expected);
    }
}
