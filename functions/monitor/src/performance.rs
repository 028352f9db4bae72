//! Realised performance: the champion on users whose labels are known now, compared with its held-out test at training.

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
    /// Whether the cutoff is later than every cutoff of the champion's test set. If not, no newer label is known yet.
    pub(crate) is_newer_than_test: bool,
    /// Number of users who are active at the cutoff.
    pub(crate) rows: usize,
    /// Number of rows that churned.
    pub(crate) positives: usize,
    pub(crate) evaluation: Evaluation,
    pub(crate) changes: Vec<MetricChange>,
}

/// The metrics that are compared, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    RocAuc,
    PrAuc,
    Accuracy,
    Precision,
    Recall,
    F1,
    LogLoss,
    Brier,
}

impl Metric {
    const ALL: [Self; 8] = [
        Self::RocAuc,
        Self::PrAuc,
        Self::Accuracy,
        Self::Precision,
        Self::Recall,
        Self::F1,
        Self::LogLoss,
        Self::Brier,
    ];

    /// `None` if the metric is undefined on these rows.
    fn value(self, evaluation: &Evaluation) -> Option<f64> {
        match self {
            Self::RocAuc => evaluation.roc_auc,
            Self::PrAuc => evaluation.pr_auc,
            Self::Accuracy => Some(evaluation.accuracy),
            Self::Precision => evaluation.precision,
            Self::Recall => evaluation.recall,
            Self::F1 => evaluation.f1,
            Self::LogLoss => Some(evaluation.log_loss),
            Self::Brier => Some(evaluation.brier),
        }
    }

    /// Name in a text, for the metrics whose loss is a reason to train.
    fn ranking_name(self) -> Option<&'static str> {
        match self {
            Self::RocAuc => Some("ROC-AUC"),
            Self::PrAuc => Some("PR-AUC"),
            _ => None,
        }
    }
}

/// One metric at training and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct MetricChange {
    pub(crate) metric: Metric,
    /// On the champion's held-out test; `None` if undefined.
    pub(crate) training_value: Option<f64>,
    /// `None` if undefined.
    pub(crate) current_value: Option<f64>,
    /// (current − training) / training; `None` if undefined.
    pub(crate) relative_change: Option<f64>,
}

impl Performance {
    /// Evaluates the champion's `probabilities`, `(n_snapshots,)`, on labelled snapshots, which must not be empty.
    pub(crate) fn measure(
        snapshots: &[Snapshot],
        probabilities: &[f64],
        cutoff: Day,
        threshold: Probability,
        card: &Card,
    ) -> Result<Self, MetricsError> {
        let labels: Vec<bool> = snapshots.iter().map(|s| s.churned).collect();
        let evaluation = Evaluation::new(&labels, probabilities, threshold.get())?;
        let change =
            |metric: Metric| MetricChange::between(metric, metric.value(&card.evaluation), metric.value(&evaluation));
        Ok(Self {
            cutoff,
            is_newer_than_test: card.test.cutoffs.last().is_none_or(|tested| cutoff > *tested),
            rows: labels.len(),
            positives: labels.iter().filter(|l| **l).count(),
            changes: Metric::ALL.into_iter().map(change).collect(),
            evaluation,
        })
    }

    /// One text per ranking metric (ROC-AUC, PR-AUC) that fell by more than `max_performance_loss`. Empty if a class has
    /// fewer than `min_rows_per_class` rows, or if the cutoff is not newer than the champion's test set.
    pub(crate) fn retrain_reasons(&self, settings: &MonitorSettings) -> Vec<String> {
        let smaller_class = self.positives.min(self.rows - self.positives);
        if smaller_class < settings.min_rows_per_class as usize || !self.is_newer_than_test {
            return Vec::new();
        }
        let falls = self.changes.iter().filter_map(|change| change.metric.ranking_name().zip(change.relative_change));
        falls
            .filter(|(_, change)| *change < -settings.max_performance_loss)
            .map(|(name, change)| format!("{name} is {:.0} % lower than at training", -100.0 * change))
            .collect()
    }
}

impl MetricChange {
    fn between(metric: Metric, training_value: Option<f64>, current_value: Option<f64>) -> Self {
        let defined = training_value.zip(current_value).filter(|(training, _)| *training != 0.0);
        let relative_change = defined.map(|(training, current)| (current - training) / training);
        Self { metric, training_value, current_value, relative_change }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_change_is_relative_to_training() {
        let change = |training, current| MetricChange::between(Metric::F1, training, current).relative_change;
        assert_eq!(change(Some(0.8), Some(0.6)).map(|change| (change * 100.0).round()), Some(-25.0));
        assert_eq!(change(None, Some(0.6)), None);
        assert_eq!(change(Some(0.0), Some(0.6)), None);
    }

    #[test]
    fn report_has_its_public_names() {
        let evaluation = Evaluation::new(&[true, false], &[0.9, 0.2], 0.5).unwrap();
        let performance = Performance {
            cutoff: Day::parse("2018-12-01").unwrap(),
            is_newer_than_test: true,
            rows: 2,
            positives: 1,
            changes: vec![MetricChange::between(Metric::RocAuc, Some(0.8), Some(1.0))],
            evaluation: evaluation.clone(),
        };
        let change = json!({"metric": "roc_auc", "training_value": 0.8, "current_value": 1.0, "relative_change": (1.0 - 0.8) / 0.8});
        let expected = json!({"cutoff": "2018-12-01", "is_newer_than_test": true, "rows": 2, "positives": 1,
            "evaluation": evaluation, "changes": [change]});
        assert_eq!(json!(performance), expected);
        let names = ["roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "log_loss", "brier"];
        assert_eq!(json!(Metric::ALL), json!(names));
    }
}
