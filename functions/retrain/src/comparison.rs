//! Two models on the same rows, which neither was trained on.

use crate::outcome::TrainError;
use crate::settings::TrainingSettings;
use crate::snapshots::{at_cutoffs, labels, user_numbers};
use churn_common::calendar::Day;
use churn_common::metrics::{difference, roc_auc};
use churn_common::model::card::Comparison;
use churn_common::model::{Card, Model, ModelVersion};
use churn_common::snapshot::Snapshot;
use churn_common::store::AllStores;
use churn_common::store::models::ModelError;
use std::collections::{BTreeMap, BTreeSet};

/// A registered model.
#[derive(Debug)]
pub struct Registered {
    /// The model.
    pub model: Model,
    /// Its card.
    pub card: Card,
}

impl Registered {
    /// Reads a model and its card.
    pub async fn load(stores: &AllStores, version: &ModelVersion) -> Result<Self, ModelError> {
        Ok(Self { model: stores.models().get(version).await?, card: stores.models().card(version).await? })
    }

    /// Whether the rows at `cutoff` tell nothing of what it was trained on: no label of its training reaches beyond.
    pub fn is_out_of_time(&self, cutoff: Day) -> bool {
        let matures = i32::from(self.card.label.matures_after());
        self.card.training.cutoffs.last().is_none_or(|trained| cutoff >= trained.plus(matures))
    }
}

/// Rows, and what a model says of them.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// The rows, of windows of `window_days`.
    pub snapshots: &'a [Snapshot],
    /// The length of their windows.
    pub window_days: u16,
    /// The model's probabilities.
    pub probabilities: &'a [f64],
    /// The probability from which on it labels.
    pub threshold: churn_common::model::Probability,
}

/// Compares the model that `scored` rows with `champion`, on those of the rows that are out of time for the champion
/// too; `None` if there are none of both outcomes. Where the champion looks back on another span, it gets its own
/// rows of the same users and cutoffs.
///
/// # Errors
/// If the store fails, or probabilities cannot be scored.
pub async fn compare(
    stores: &AllStores,
    settings: &TrainingSettings,
    scored: Scored<'_>,
    champion: &Registered,
    log_end: Day,
) -> Result<Option<Comparison>, TrainError> {
    let theirs = probabilities(stores, settings, scored, &champion.model, log_end).await?;
    let mut rows = Vec::new();
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for ((snapshot, p), other) in scored.snapshots.iter().zip(scored.probabilities).zip(theirs) {
        if let Some(other) = other.filter(|_| champion.is_out_of_time(snapshot.cutoff)) {
            rows.push(snapshot.clone());
            ours.push(*p);
            others.push(other);
        }
    }
    let labels = labels(&rows);
    let positives = labels.iter().filter(|churned| **churned).count();
    if positives == 0 || positives == labels.len() {
        return Ok(None);
    }
    let params = settings.estimate_params(scored.threshold);
    Ok(Some(Comparison {
        champion: champion.card.version.clone(),
        cutoffs: rows.iter().map(|s| s.cutoff).collect::<BTreeSet<_>>().into_iter().collect(),
        rows: rows.len(),
        positives,
        champion_roc_auc: roc_auc(&labels, &others)?,
        roc_auc: roc_auc(&labels, &ours)?,
        differences: difference(&labels, &ours, &others, &user_numbers(&rows), &params)?,
        margin: settings.gate.gate_margin,
    }))
}

/// What `model` says of the same users and cutoffs; `None` of those that it has no row for.
async fn probabilities(
    stores: &AllStores,
    settings: &TrainingSettings,
    scored: Scored<'_>,
    model: &Model,
    log_end: Day,
) -> Result<Vec<Option<f64>>, TrainError> {
    let snapshots = scored.snapshots;
    if model.window_days() == scored.window_days {
        return Ok(snapshots.iter().map(|s| Some(model.predict(&s.row).get())).collect());
    }
    let cutoffs: Vec<Day> = snapshots.iter().map(|s| s.cutoff).collect::<BTreeSet<_>>().into_iter().collect();
    let (window, label) = (model.window_days(), settings.label());
    let own = at_cutoffs(stores, &cutoffs, window, label, settings.scan_segments, log_end).await?;
    let own: BTreeMap<_, f64> = own.iter().map(|s| ((&s.user, s.cutoff), model.predict(&s.row).get())).collect();
    Ok(snapshots.iter().map(|s| own.get(&(&s.user, s.cutoff)).copied()).collect())
}
