//! Realised performance: the champion on users whose label is known by now, against its held-out test at training.

use crate::settings::MonitorSettings;
use churn_common::calendar::Day;
use churn_common::metrics::{Evaluation, MetricsError};
use churn_common::model::{Card, Probability};
use churn_common::snapshot::Snapshot;
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Performance {
    /// The latest cutoff whose labels are known.
    pub(crate) cutoff: Day,
    /// Whether the cutoff is later than those of the champion's test. If not, no newer label is known yet.
    pub(crate) newer_than_test: bool,
    /// Number of users at risk at the cutoff.
    pub(crate) rows: usize,
    /// Number of them who churned.
    pub(crate) positives: usize,
    pub(crate) evaluation: Evaluation,
    pub(crate) changes: Vec<Change>,
}

/// One metric at training and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Change {
    pub(crate) metric: &'static str,
    /// On the champion's held-out test; `None` if undefined.
    pub(crate) at_training: Option<f64>,
    /// `None` if undefined.
    pub(crate) current: Option<f64>,
    /// (current − at_training) / at_training; `None` if undefined.
    pub(crate) relative_delta: Option<f64>,
}

impl Performance {
    /// Evaluates the champion's `probabilities`, `(n_snapshots,)`, of labelled snapshots, which must not be empty.
    pub(crate) fn measure(
        snapshots: &[Snapshot],
        probabilities: &[f64],
        cutoff: Day,
        threshold: Probability,
        card: &Card,
    ) -> Result<Self, MetricsError> {
        let labels: Vec<bool> = snapshots.iter().map(|s| s.churned).collect();
        let now = Evaluation::of(&labels, probabilities, threshold.get())?;
        let then = &card.evaluation;
        let changes = vec![
            change("roc_auc", then.roc_auc, now.roc_auc),
            change("pr_auc", then.pr_auc, now.pr_auc),
            change("accuracy", Some(then.accuracy), Some(now.accuracy)),
            change("precision", then.precision, now.precision),
            change("recall", then.recall, now.recall),
            change("f1", then.f1, now.f1),
            change("log_loss", Some(then.log_loss), Some(now.log_loss)),
            change("brier", Some(then.brier), Some(now.brier)),
        ];
        Ok(Self {
            cutoff,
            newer_than_test: card.test.cutoffs.last().is_none_or(|tested| cutoff > *tested),
            rows: labels.len(),
            positives: labels.iter().filter(|l| **l).count(),
            evaluation: now,
            changes,
        })
    }

    /// A sentence for each ranking metric that has lost more than the settings permit. Empty if a class has too few rows,
    /// or if the rows are those of the champion's test.
    pub(crate) fn losses(&self, settings: &MonitorSettings) -> Vec<String> {
        let enough = self.positives.min(self.rows - self.positives) >= settings.min_class_rows as usize;
        if !enough || !self.newer_than_test {
            return Vec::new();
        }
        let ranking = self.changes.iter().filter(|c| matches!(c.metric, "roc_auc" | "pr_auc"));
        ranking
            .filter_map(|c| c.relative_delta.filter(|d| *d < -settings.max_performance_loss).map(|d| (c.metric, d)))
            .map(|(metric, delta)| format!("{metric} has lost {:.0} % since training", -100.0 * delta))
            .collect()
    }
}

fn change(metric: &'static str, at_training: Option<f64>, current: Option<f64>) -> Change {
    let relative_delta =
        at_training.zip(current).filter(|(then, _)| *then != 0.0).map(|(then, now)| (now - then) / then);
    Change { metric, at_training, current, relative_delta }
}

#[cfg(test)]
mod tests {
    use super::change;

    #[test]
    fn a_change_is_relative_to_training() {
        assert_eq!(change("f1", Some(0.8), Some(0.6)).relative_delta.map(|d| (d * 100.0).round()), Some(-25.0));
        assert_eq!(change("f1", None, Some(0.6)).relative_delta, None);
        assert_eq!(change("f1", Some(0.0), Some(0.6)).relative_delta, None);
    }
}
