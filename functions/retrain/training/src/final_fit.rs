//! From the chosen candidate to the parts of the served model: the fit on all training rows, its calibration, its threshold.

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
    /// The chosen candidate, fitted on all training rows.
    pub fitted: Fitted,
    pub calibration: Calibration,
    pub decision: DecisionRule,
    /// How the threshold was found, as a phrase.
    pub rule: String,
}

/// Why there is no final fit.
#[derive(Debug, thiserror::Error)]
pub enum FinalFitError {
    #[error("fitting failed: {0}")]
    Fit(#[from] FitError),
    #[error("calibration failed: {0}")]
    Calibration(#[from] CalibrationError),
    /// The settings lead to no threshold or to no risk bounds.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Fits the chosen candidate on all training rows. Calibration and threshold are fitted on the scores of the same
/// candidate in cross-validation, of rows it had not seen. There every row counts once, whatever its weight in fitting:
/// probabilities are compared with the rate of users at a cutoff, as in production.
///
/// # Errors
/// If it cannot be fitted or calibrated, or the settings lead to no threshold.
pub fn final_fit(
    search: &Search,
    rows: &Dataset,
    cutoffs: &[Day],
    folds: &Folds,
    settings: &TrainingSettings,
) -> Result<FinalFit, FinalFitError> {
    let trial = search.chosen();
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
    let Threshold { value: threshold, rule } = threshold::find(decision, &at_newest)?;
    Ok(FinalFit { fitted, calibration, decision: DecisionRule { threshold, risk: decision.risk_bounds()? }, rule })
}
