//! Comparison of two models on the same rows, which neither was trained on.

use crate::settings::TrainingSettings;
use crate::snapshots::{labels, user_numbers};
use churn_common::calendar::Day;
use churn_common::metrics::{MetricsError, difference, roc_auc};
use churn_common::model::card::Comparison;
use churn_common::model::{Card, ModelVersion, Probability};
use churn_common::snapshot::Snapshot;
use std::collections::BTreeSet;

/// Metrics that do not depend on the threshold, because each model has its own.
const COMPARED: [&str; 5] = ["roc_auc", "pr_auc", "log_loss", "brier", "ece"];

/// Snapshots with a model's probabilities.
#[derive(Debug, Clone, Copy)]
pub struct ScoredSnapshots<'a> {
    pub snapshots: &'a [Snapshot],
    /// Length of the snapshots' observation windows.
    pub window_days: u16,
    /// `(n_rows,)`, 0..=1.
    pub probabilities: &'a [f64],
    /// The model's decision threshold.
    pub threshold: Probability,
}

/// Rows that are out of time for both models, with the probabilities of both.
#[derive(Debug)]
pub struct ComparableRows {
    snapshots: Vec<Snapshot>,
    labels: Vec<bool>,
    probabilities: Vec<f64>,
    champion_probabilities: Vec<f64>,
}

/// Too few rows to compare two models.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{positives} churned and {negatives} retained rows are newer than the training rows of champion {champion}, \
     expected at least {needed} of either class (min_rows_per_class)"
)]
pub struct InsufficientRows {
    champion: ModelVersion,
    positives: usize,
    negatives: usize,
    needed: u32,
}

/// Whether rows at `cutoff` are out of time for the model of `card`: all labels of its training were known by then.
pub fn is_out_of_time(card: &Card, cutoff: Day) -> bool {
    let delay = i32::from(card.label.label_delay_days());
    card.training.cutoffs.last().is_none_or(|trained| cutoff >= trained.plus(delay))
}

impl ComparableRows {
    /// Selects the rows that are also out of time for the champion. `champion_probabilities` belong to the same rows;
    /// `None` if the champion has no row of that user and cutoff.
    ///
    /// # Errors
    /// If fewer than `min_rows_per_class` rows of either class remain.
    pub fn select(
        scored: ScoredSnapshots<'_>,
        champion: &Card,
        champion_probabilities: &[Option<f64>],
        min_rows_per_class: u32,
    ) -> Result<Self, InsufficientRows> {
        let mut snapshots = Vec::new();
        let (mut probabilities, mut others) = (Vec::new(), Vec::new());
        let both = scored.snapshots.iter().zip(scored.probabilities).zip(champion_probabilities);
        for ((snapshot, p), other) in both {
            if let Some(other) = other.filter(|_| is_out_of_time(champion, snapshot.cutoff)) {
                snapshots.push(snapshot.clone());
                probabilities.push(*p);
                others.push(other);
            }
        }
        let labels = labels(&snapshots);
        let positives = labels.iter().filter(|churned| **churned).count();
        let negatives = labels.len() - positives;
        if positives.min(negatives) < min_rows_per_class as usize {
            let champion = champion.version.clone();
            return Err(InsufficientRows { champion, positives, negatives, needed: min_rows_per_class });
        }
        Ok(Self { snapshots, labels, probabilities, champion_probabilities: others })
    }

    /// Compares the two models; `threshold` is that of the first.
    ///
    /// # Errors
    /// If a probability cannot be scored.
    pub fn compare(
        &self,
        champion: &ModelVersion,
        threshold: Probability,
        settings: &TrainingSettings,
    ) -> Result<Comparison, MetricsError> {
        let params = settings.estimate_params(threshold, self.snapshots.iter().map(|s| s.cutoff));
        let users = user_numbers(&self.snapshots);
        let mut differences =
            difference(&self.labels, &self.probabilities, &self.champion_probabilities, &users, &params)?;
        differences.retain(|name, _| COMPARED.contains(&name.as_str()));
        let cutoffs: BTreeSet<Day> = self.snapshots.iter().map(|s| s.cutoff).collect();
        Ok(Comparison {
            champion: champion.clone(),
            cutoffs: cutoffs.into_iter().collect(),
            rows: self.labels.len(),
            positives: self.labels.iter().filter(|churned| **churned).count(),
            champion_roc_auc: roc_auc(&self.labels, &self.champion_probabilities)?,
            roc_auc: roc_auc(&self.labels, &self.probabilities)?,
            differences,
            non_inferiority_margin: settings.gate.gate_non_inferiority_margin,
        })
    }
}
