//! From the chosen candidate to the model that serves: the final fit, its calibration, its threshold.

use crate::calibration;
use crate::candidates::{Fitted, Rows};
use crate::outcome::TrainError;
use crate::search::Search;
use crate::settings::TrainingSettings;
use crate::threshold::{self, Threshold};
use crate::validation::Folds;
use churn_common::calendar::Day;
use churn_common::model::{Calibration, DecisionRule};

/// All that a served model is made of.
#[derive(Debug)]
pub struct Finished {
    /// The chosen candidate, fitted on all training rows.
    pub fitted: Fitted,
    /// Its calibration.
    pub calibration: Calibration,
    /// Its threshold and risk bounds.
    pub decision: DecisionRule,
    /// How the threshold was found, in words.
    pub rule: String,
}

/// Fits the chosen candidate on all training rows. The calibration and the threshold rest on the scores that its like
/// gave to rows it had not seen. Every row counts once there, whatever its weight in fitting: the rate that
/// probabilities are held against is that of users at a cutoff, as in production.
///
/// # Errors
/// If it cannot be fitted or calibrated, or the settings make no threshold.
pub fn finish(
    search: &Search,
    rows: &Rows,
    cutoffs: &[Day],
    folds: &Folds,
    settings: &TrainingSettings,
) -> Result<Finished, TrainError> {
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
    Ok(Finished { fitted, calibration, decision: DecisionRule { threshold, risk: decision.risk_bounds()? }, rule })
}
