//! Two models on the same rows, which neither was trained on.

use crate::outcome::TrainError;
use crate::settings::TrainingSettings;
use crate::snapshots::{at_cutoffs, labels, user_numbers};
use churn_common::calendar::Day;
use churn_common::metrics::{difference, roc_auc};
use churn_common::model::card::Comparison;
use churn_common::model::{Card, Model, ModelVersion, ScoreError};
use churn_common::snapshot::Snapshot;
use churn_common::store::Stores;
use churn_common::store::models::ModelError;
use std::collections::{BTreeMap, BTreeSet};

/// Scores that do not depend on a threshold: each model has its own.
const COMPARED: [&str; 5] = ["roc_auc", "pr_auc", "log_loss", "brier", "ece"];

/// A registered model.
#[derive(Debug)]
pub struct Registered {
    /// The model.
    pub model: Model,
    /// Its card.
    pub card: Card,
}

/// Why two models cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotComparable {
    /// The other one cannot serve, so there is nothing to compare with.
    #[error("{0}")]
    Unfit(ModelError),
    /// What the other one was trained on is not known.
    #[error("the card of champion {0} cannot be read: {1}")]
    NoCard(ModelVersion, ModelError),
    /// The two answer different questions.
    #[error("champion {0} predicts something else (definition, horizon_days or inactivity_days)")]
    OtherLabel(ModelVersion),
    /// Too few rows tell the two apart.
    #[error(
        "of the rows that are newer than the training of champion {champion}, {positives} churned and {negatives} did not; \
         it takes {needed} of either (min_rows_per_class)"
    )]
    TooFew {
        /// The other one.
        champion: ModelVersion,
        /// Rows that churned.
        positives: usize,
        /// Rows that did not.
        negatives: usize,
        /// Rows of either that it takes.
        needed: u32,
    },
}

impl Registered {
    /// Reads a model and its card.
    pub async fn load(stores: &Stores, version: &ModelVersion) -> Result<Self, ModelError> {
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

/// Compares the model that `scored` rows, whose label is that of `settings`, with a champion, on those of the rows that
/// are out of time for the champion too. Where the champion looks back on another span, it gets its own rows of the same
/// users and cutoffs.
///
/// # Errors
/// If the store fails, or probabilities cannot be scored.
pub async fn compare(
    stores: &Stores,
    settings: &TrainingSettings,
    scored: Scored<'_>,
    champion: &ModelVersion,
    log_end: Day,
) -> Result<Result<Comparison, NotComparable>, TrainError> {
    let model = match stores.models().get(champion).await {
        Ok(model) => model,
        Err(ModelError::Store(e)) if !e.is_corrupt() => return Err(e.into()),
        Err(unfit) => return Ok(Err(NotComparable::Unfit(unfit))),
    };
    let card = match stores.models().card(champion).await {
        Ok(card) => card,
        Err(ModelError::Store(e)) if !e.is_corrupt() => return Err(e.into()),
        Err(e) => return Ok(Err(NotComparable::NoCard(champion.clone(), e))),
    };
    if card.label != settings.label() {
        return Ok(Err(NotComparable::OtherLabel(champion.clone())));
    }
    let champion = Registered { model, card };
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
    let needed = settings.min_rows_per_class;
    if positives.min(labels.len() - positives) < needed as usize {
        let (champion, negatives) = (champion.card.version, labels.len() - positives);
        return Ok(Err(NotComparable::TooFew { champion, positives, negatives, needed }));
    }
    let params = settings.estimate_params(scored.threshold, rows.iter().map(|s| s.cutoff));
    let mut differences = difference(&labels, &ours, &others, &user_numbers(&rows), &params)?;
    differences.retain(|name, _| COMPARED.contains(&name.as_str()));
    Ok(Ok(Comparison {
        champion: champion.card.version,
        cutoffs: rows.iter().map(|s| s.cutoff).collect::<BTreeSet<_>>().into_iter().collect(),
        rows: rows.len(),
        positives,
        champion_roc_auc: roc_auc(&labels, &others)?,
        roc_auc: roc_auc(&labels, &ours)?,
        differences,
        margin: settings.gate.gate_margin,
    }))
}

/// What `model` says of the same users and cutoffs; `None` of those that it has no row for.
async fn probabilities(
    stores: &Stores,
    settings: &TrainingSettings,
    scored: Scored<'_>,
    model: &Model,
    log_end: Day,
) -> Result<Vec<Option<f64>>, TrainError> {
    let snapshots = scored.snapshots;
    if model.window_days() == scored.window_days {
        return Ok(model.predict_all(snapshots.iter().map(|s| &s.row))?.into_iter().map(Some).collect());
    }
    let cutoffs: Vec<Day> = snapshots.iter().map(|s| s.cutoff).collect::<BTreeSet<_>>().into_iter().collect();
    let (window, label) = (model.window_days(), settings.label());
    let own = at_cutoffs(stores, &cutoffs, window, label, settings.scan_segments, log_end).await?;
    let own: BTreeMap<_, f64> = own
        .iter()
        .map(|s| Ok(((&s.user, s.cutoff), model.predict(&s.row)?.get())))
        .collect::<Result<_, ScoreError>>()?;
    Ok(snapshots.iter().map(|s| own.get(&(&s.user, s.cutoff)).copied()).collect())
}
