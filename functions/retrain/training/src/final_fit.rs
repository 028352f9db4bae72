//! The final fit: the selected candidate on all training rows, its calibration and its decision threshold.

use crate::calibration::{self, CalibrationError};
use crate::candidates::{FitError, Fitted};
use crate::dataset::Dataset;
use crate::folds::Folds;
use crate::search::Search;
use crate::settings::TrainingSettings;
use crate::threshold::{self, Threshold};
use churn_common::calendar::Day;
use churn_common::model::{Calibration, DecisionRule};
use churn_common::settings::SettingsError;

/// The parts of a served model.
#[derive(Debug)]
pub struct FinalFit {
    /// The selected candidate, fitted on all training rows.
    pub fitted: Fitted,
    pub calibration: Calibration,
    pub decision: DecisionRule,
    /// How the threshold was found, as a phrase.
    pub threshold_rationale: String,
}

#[derive(Debug, thiserror::Error)]
pub enum FinalFitError {
    #[error("fitting failed: {0}")]
    Fit(#[from] FitError),
    #[error("calibration failed: {0}")]
    Calibration(#[from] CalibrationError),
    /// The settings give no valid threshold or risk levels.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Fits the selected candidate on all training rows. Calibration and threshold are fitted on its out-of-fold scores,
/// where every row has weight 1: in production, probabilities are compared with the churn rate of users at a cutoff.
///
/// # Errors
/// If the candidate cannot be fitted or calibrated, or the settings give no valid threshold.
pub fn final_fit(
    search: &Search,
    rows: &Dataset,
    cutoffs: &[Day],
    folds: &Folds,
    settings: &TrainingSettings,
) -> Result<FinalFit, FinalFitError> {
    let trial = search.selected();
    let fitted = trial.candidate.fit(rows)?;
    let held_out: Vec<usize> = folds.held_out().collect();
    let labels: Vec<bool> = held_out.iter().map(|&row| rows.labels[row]).collect();
    let (scores, decision) = (trial.scores.concat(), &settings.decision);
    let calibration = calibration::fit(decision.calibration, decision.isotonic_min_positives, &scores, &labels)?;
    let probabilities = calibration::probabilities(&calibration, &fitted.scorer, &scores);
    let newest = held_out.iter().map(|&row| cutoffs[row]).max();
    let at_newest: Vec<f64> = held_out
        .iter()
        .zip(&probabilities)
        .filter(|(row, _)| Some(cutoffs[**row]) == newest)
        .map(|(_, p)| *p)
        .collect();
    let Threshold { value: threshold, rationale: threshold_rationale } = threshold::find(decision, &at_newest)?;
    let decision = DecisionRule { threshold, risk: decision.risk_bounds()? };
    Ok(FinalFit { fitted, calibration, decision, threshold_rationale })
}
