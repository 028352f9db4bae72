//! The final fit: the selected candidate on all training rows, its calibration and its decision threshold.

use crate::calibration::{self, CalibrationError};
use crate::candidates::{FitError, Fitted};
use crate::dataset::Dataset;
use crate::prepare::SearchRows;
use crate::sample;
use crate::search::Search;
use crate::settings::TrainingSettings;
use crate::threshold::{self, Threshold};
use churn_common::model::{Calibration, DecisionRule};
use churn_common::settings::SettingsError;

/// The parts of a served model.
#[derive(Debug)]
pub struct FinalFit {
    /// The selected candidate, fitted on all training rows.
    pub fitted: Fitted,
    pub calibration: Calibration,
    /// Number of rows that the calibration was fitted on, and of those that churned.
    pub calibration_rows: [usize; 2],
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

/// Fits the selected candidate on all training rows, or on a sample if there are more than `max_fit_rows`. Calibration and threshold
/// are fitted on the out-of-fold scores of the search, each row of weight 1: in production, probabilities are compared with the
/// churn rate of users at a cutoff. The models of the folds have all cutoffs and most users, so their scores have about the same
/// spread as those of the served model.
///
/// # Errors
/// If the candidate cannot be fitted or calibrated, or the settings give no valid threshold.
pub(crate) fn final_fit(
    search: &Search,
    rows: &Dataset,
    searched: &SearchRows,
    settings: &TrainingSettings,
) -> Result<FinalFit, FinalFitError> {
    let trial = search.selected();
    let sample = sample::weighted(rows, settings.search.max_fit_rows as usize, settings.random_seed);
    let fitted = trial.candidate.fit(sample.as_ref().unwrap_or(rows))?;
    let scores: Vec<&[f64]> = trial.repeats.iter().map(|repeat| repeat.scores.as_slice()).collect();
    let (decision, labels) = (&settings.decision, &searched.rows.labels);
    let calibration = calibration::fit(decision.calibration, decision.isotonic_min_positives, &scores, labels)?;
    let newest = searched.cutoffs.iter().max();
    // Of one repeat, so that each user counts once.
    let first = scores.first().copied().unwrap_or_default();
    let at_newest: Vec<f64> = calibration::probabilities(&calibration, &fitted.scorer, first)
        .into_iter()
        .zip(&searched.cutoffs)
        .filter(|(_, cutoff)| Some(*cutoff) == newest)
        .map(|(p, _)| p)
        .collect();
    let Threshold { value: threshold, rationale: threshold_rationale } =
        threshold::find(decision, &at_newest, searched.share(rows))?;
    let decision = DecisionRule { threshold, risk: decision.risk_bounds(threshold)? };
    let calibration_rows = [labels.len(), labels.iter().filter(|label| **label).count()];
    Ok(FinalFit { fitted, calibration, calibration_rows, decision, threshold_rationale })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidates::Family;
    use crate::dataset::weights_by_user;
    use crate::deadline::Deadline;
    use crate::folds::Folds;
    use crate::settings::{SearchSettings, SelectionMetric};
    use churn_common::calendar::Day;
    use ndarray::Array2;

    /// Rows of users at 8 weekly cutoffs. A user has rows until the churn, which the features predict weakly, so users who
    /// churn early have few rows.
    fn log(seed: u64, n_users: u32) -> (Dataset, Vec<Day>) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut features, mut labels, mut users, mut cutoffs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for user in 0..n_users {
            let hazard = 0.15 * rng.f64().powi(3) + 0.005;
            let churned = (0..20).find(|_| rng.f64() < hazard).unwrap_or(20);
            for week in 0..churned.min(8) {
                features.extend([(hazard.ln() + 2.0 * rng.f64()) as f32, rng.f32(), rng.f32()]);
                labels.push(churned <= week + 2);
                users.push(user);
                cutoffs.push(Day::from_number(17_800 + 7 * week));
            }
        }
        let features = Array2::from_shape_vec((labels.len(), 3), features).unwrap();
        (Dataset { features, labels, weights: weights_by_user(&users), users }, cutoffs)
    }

    /// Probabilities used to be a third too low: calibration was fitted to scores of models of older cutoffs.
    #[test]
    fn mean_probability_of_other_users_is_their_churn_rate() {
        for candidates in [vec![Family::LogisticRegression], vec![Family::GradientBoosting], vec![Family::RandomForest]]
        {
            let search = SearchSettings {
                candidates: candidates.clone(),
                logistic_l2: vec![10.0],
                boosting_max_depths: vec![2],
                boosting_learning_rates: vec![0.1],
                ..SearchSettings::default()
            };
            let mut settings = TrainingSettings { search, ..TrainingSettings::default() };
            settings.forest.forest_n_estimators = 20;
            let (mut predicted, mut observed) = (0.0, 0.0);
            for seed in 0..4 {
                let (rows, cutoffs) = log(seed, 600);
                let repeats = (0..2).map(|repeat| Folds::new(&rows, 5, repeat).unwrap()).collect();
                let positions = (0..rows.labels.len()).collect();
                let searched = SearchRows { positions, rows: rows.clone(), cutoffs, repeats };
                let (all, by) = (settings.candidates().unwrap(), SelectionMetric::LogLoss);
                let search = Search::run(all, false, &rows, &searched.repeats, by, Deadline::NONE).unwrap();
                let fit = final_fit(&search, &rows, &searched, &settings).unwrap();
                assert_eq!(fit.calibration_rows, [rows.labels.len(), rows.class_rows()[1] as usize]);
                let (others, _) = log(seed + 100, 3000);
                for (row, label) in others.features.rows().into_iter().zip(&others.labels) {
                    let score = fit.fitted.scorer.score(&row.to_vec()).unwrap();
                    predicted += fit.calibration.probability(&fit.fitted.scorer, score);
                    observed += f64::from(u8::from(*label));
                }
            }
            // 2,400 users, about a quarter churn: the standard error of the rate is 4 %.
            let ratio = predicted / observed;
            assert!((ratio - 1.0).abs() < 0.1, "{candidates:?}: {ratio}");
        }
    }
}
