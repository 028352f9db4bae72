//! Realised performance: the champion on users whose labels are known now, compared with its held-out rows at training.

use crate::error::MonitorError;
use crate::inputs::Inputs;
use crate::settings::MonitorSettings;
use churn_common::calendar::Day;
use churn_common::metrics::{Estimate, EstimateParams, Estimates, Evaluation, MetricsError, ScoredRows, change};
use churn_common::model::{Model, Probability};
use churn_common::snapshot::Snapshot;
use serde::Serialize;
use std::collections::BTreeMap;

/// Fixed, so that a repeated report is the same.
const SEED: u64 = 1;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Performance {
    /// The latest cutoff whose labels are known.
    pub(crate) cutoff: Day,
    /// Whether the cutoff is later than every cutoff of the champion's held-out rows. If not, no newer label is known yet.
    pub(crate) is_newer_than_test: bool,
    /// Number of users who are active at the cutoff.
    pub(crate) rows: usize,
    /// Number of rows that churned.
    pub(crate) positives: usize,
    /// Number of the champion's held-out rows, computed again from the stored histories.
    pub(crate) test_rows: usize,
    /// Number of held-out rows that churned.
    pub(crate) test_positives: usize,
    pub(crate) evaluation: Evaluation,
    pub(crate) changes: Vec<MetricChange>,
}

/// The metrics that are compared, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
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

    /// Name in [`Estimates`] and in JSON.
    fn name(self) -> &'static str {
        match self {
            Self::RocAuc => "roc_auc",
            Self::PrAuc => "pr_auc",
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "f1",
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
        }
    }

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
}

/// One metric at training and now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct MetricChange {
    pub(crate) metric: Metric,
    /// On the champion's held-out rows; `None` if undefined.
    pub(crate) training_value: Option<f64>,
    /// `None` if undefined.
    pub(crate) current_value: Option<f64>,
    /// (current − training) / training; `None` if undefined.
    pub(crate) relative_change: Option<f64>,
    /// Current − training, with its interval by bootstrap over users: users in both sets are paired.
    pub(crate) difference: Estimate,
}

/// Snapshots with the champion's probabilities.
struct Scored {
    labels: Vec<bool>,
    probabilities: Vec<f64>,
    users: Vec<u32>,
}

impl Performance {
    /// Evaluates the champion on the labelled snapshots and on its held-out rows; `None` if no snapshot is labelled.
    pub(crate) fn measure(inputs: &Inputs, settings: &MonitorSettings) -> Result<Option<Self>, MonitorError> {
        if inputs.labelled.is_empty() {
            return Ok(None);
        }
        let mut numbers = BTreeMap::new();
        let now = Scored::new(&inputs.labelled, &inputs.model, &mut numbers)?;
        let tested = Scored::new(&inputs.tested, &inputs.model, &mut numbers)?;
        let is_newer_than_test = inputs.card.test.cutoffs.last().is_none_or(|tested| inputs.labelled_at > *tested);
        let performance =
            Self::compare(&tested, &now, inputs.labelled_at, is_newer_than_test, inputs.model.threshold(), settings)?;
        Ok(Some(performance))
    }

    /// Compares `now`, which is not empty, with the held-out rows.
    fn compare(
        tested: &Scored,
        now: &Scored,
        cutoff: Day,
        is_newer_than_test: bool,
        threshold: Probability,
        settings: &MonitorSettings,
    ) -> Result<Self, MetricsError> {
        let evaluation = now.evaluate(threshold)?;
        // Histories that were erased since the training can leave no held-out row.
        let (test_evaluation, differences) = if tested.labels.is_empty() {
            (None, Estimates::new())
        } else {
            let params = settings.estimate_params(threshold);
            (Some(tested.evaluate(threshold)?), change(tested.rows(), now.rows(), &params)?)
        };
        let change = |metric: Metric| MetricChange {
            difference: differences.get(metric.name()).copied().unwrap_or(Estimate::UNDEFINED),
            ..MetricChange::between(
                metric,
                test_evaluation.as_ref().and_then(|tested| metric.value(tested)),
                metric.value(&evaluation),
            )
        };
        Ok(Self {
            cutoff,
            is_newer_than_test,
            rows: now.labels.len(),
            positives: now.positives(),
            test_rows: tested.labels.len(),
            test_positives: tested.positives(),
            changes: Metric::ALL.into_iter().map(change).collect(),
            evaluation,
        })
    }

    /// A text if ROC-AUC fell by more than `max_performance_loss` and the interval of the difference excludes 0. `None` if a
    /// class has fewer than `min_rows_per_class` rows now or among the held-out rows, or if the cutoff is not newer than theirs.
    ///
    /// Other metrics are no reason: they change with the churn rate, also for the same ranking.
    pub(crate) fn retrain_reason(&self, settings: &MonitorSettings) -> Option<String> {
        let classes = [(self.rows, self.positives), (self.test_rows, self.test_positives)];
        let smallest_class = classes.map(|(rows, positives)| positives.min(rows - positives)).into_iter().min();
        if smallest_class < Some(settings.min_rows_per_class as usize) || !self.is_newer_than_test {
            return None;
        }
        self.changes.iter().find(|change| change.metric == Metric::RocAuc)?.loss(settings)
    }
}

impl MetricChange {
    fn between(metric: Metric, training_value: Option<f64>, current_value: Option<f64>) -> Self {
        let defined = training_value.zip(current_value).filter(|(training, _)| *training != 0.0);
        let relative_change = defined.map(|(training, current)| (current - training) / training);
        Self { metric, training_value, current_value, relative_change, difference: Estimate::UNDEFINED }
    }

    /// Text on the loss of ROC-AUC; `None` if it is small or not significant.
    fn loss(&self, settings: &MonitorSettings) -> Option<String> {
        let change = self.relative_change?;
        let (_, high) = self.difference.interval()?;
        let level = (100.0 * (1.0 - settings.performance_significance_level)).round() as u32;
        let difference = self.difference.text(|x| format!("{x:+.3}")).level(level);
        (change < -settings.max_performance_loss && high < 0.0)
            .then(|| format!("ROC-AUC is {:.0} % lower than at training: difference {difference}", -100.0 * change))
    }
}

impl Scored {
    /// Scores snapshots. `numbers` assigns a number to each user.
    fn new<'a>(
        snapshots: &'a [Snapshot],
        model: &Model,
        numbers: &mut BTreeMap<&'a str, u32>,
    ) -> Result<Self, MonitorError> {
        let number = |snapshot: &'a Snapshot| {
            let next = numbers.len() as u32;
            *numbers.entry(snapshot.user.as_str()).or_insert(next)
        };
        Ok(Self {
            users: snapshots.iter().map(number).collect(),
            labels: snapshots.iter().map(|s| s.churned).collect(),
            probabilities: model.predict_all(snapshots.iter().map(|s| &s.row))?,
        })
    }

    fn rows(&self) -> ScoredRows<'_> {
        ScoredRows { labels: &self.labels, probabilities: &self.probabilities, users: &self.users }
    }

    fn evaluate(&self, threshold: Probability) -> Result<Evaluation, MetricsError> {
        Evaluation::new(&self.labels, &self.probabilities, threshold.get())
    }

    fn positives(&self) -> usize {
        self.labels.iter().filter(|churned| **churned).count()
    }
}

impl MonitorSettings {
    fn estimate_params(&self, threshold: Probability) -> EstimateParams {
        EstimateParams {
            threshold: threshold.get(),
            // `recall_at_k` is not compared.
            k: 1,
            level: 1.0 - self.performance_significance_level,
            resamples: self.bootstrap_resamples,
            seed: SEED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Rows of `users` with uniform probabilities. Labels are 1 from a probability of 0.9 on if `is_ranked`, else for every
    /// tenth row.
    fn scored(users: std::ops::Range<u32>, is_ranked: bool) -> Scored {
        let probabilities: Vec<f64> = users.clone().map(|u| f64::from(u * 7919 % 1000) / 1000.0).collect();
        let labels = probabilities.iter().zip(0..).map(|(p, row)| if is_ranked { *p >= 0.9 } else { row % 10 == 0 });
        Scored { labels: labels.collect(), users: users.collect(), probabilities }
    }

    fn performance(tested: &Scored, now: &Scored) -> Performance {
        let (cutoff, threshold) = (Day::parse("2018-12-01").unwrap(), Probability::new(0.5).unwrap());
        Performance::compare(tested, now, cutoff, true, threshold, &MonitorSettings::default()).unwrap()
    }

    #[test]
    fn a_change_is_relative_to_training() {
        let change = |training, current| MetricChange::between(Metric::F1, training, current).relative_change;
        assert_eq!(change(Some(0.8), Some(0.6)).map(|change| (change * 100.0).round()), Some(-25.0));
        assert_eq!(change(None, Some(0.6)), None);
        assert_eq!(change(Some(0.0), Some(0.6)), None);
    }

    #[test]
    fn only_a_significant_loss_is_a_reason_to_train() {
        let settings = MonitorSettings::default();
        let reason = |tested: &Scored, now: &Scored| performance(tested, now).retrain_reason(&settings);
        let (tested, lost) = (scored(0..300, true), scored(100..400, false));
        let text = reason(&tested, &lost).unwrap();
        assert!(text.starts_with("ROC-AUC is ") && text.contains("(99 %: -"), "{text}");
        assert_eq!(reason(&tested, &scored(100..400, true)), None);
        // A large loss on three rows.
        let strict = MonitorSettings { min_rows_per_class: 1, ..settings.clone() };
        let few = performance(
            &scored(0..30, true),
            &Scored { labels: vec![true, false, true], probabilities: vec![0.9, 0.7, 0.6], users: vec![1, 2, 40] },
        );
        assert!(few.changes[0].relative_change.unwrap() < -0.1, "{few:?}");
        assert_eq!(few.retrain_reason(&strict), None);
        let none = Scored { labels: vec![], probabilities: vec![], users: vec![] };
        let unknown = performance(&none, &lost);
        assert_eq!((unknown.changes[0].difference, unknown.retrain_reason(&strict)), (Estimate::UNDEFINED, None));
    }

    #[test]
    fn report_has_its_public_names() {
        let evaluation = Evaluation::new(&[true, false], &[0.9, 0.2], 0.5).unwrap();
        let performance = Performance {
            cutoff: Day::parse("2018-12-01").unwrap(),
            is_newer_than_test: true,
            rows: 2,
            positives: 1,
            test_rows: 3,
            test_positives: 1,
            changes: vec![MetricChange {
                difference: Estimate { value: Some(0.25), low: Some(-0.5), high: None },
                ..MetricChange::between(Metric::RocAuc, Some(0.75), Some(1.0))
            }],
            evaluation: evaluation.clone(),
        };
        let difference = json!({"value": 0.25, "low": -0.5, "high": null});
        let change = json!({"metric": "roc_auc", "training_value": 0.75, "current_value": 1.0,
            "relative_change": (1.0 - 0.75) / 0.75, "difference": difference});
        let expected = json!({"cutoff": "2018-12-01", "is_newer_than_test": true, "rows": 2, "positives": 1,
            "test_rows": 3, "test_positives": 1, "evaluation": evaluation, "changes": [change]});
        assert_eq!(json!(performance), expected);
        let names = ["roc_auc", "pr_auc", "accuracy", "precision", "recall", "f1", "log_loss", "brier"];
        assert_eq!((json!(Metric::ALL), Metric::ALL.map(Metric::name)), (json!(names), names));
    }
}
