//! The sentences of a card: warnings, and notes on how to read its numbers.

use crate::settings::TrainingSettings;
use churn_common::metrics::Estimate;
use churn_common::model::{Calibration, Card};

/// Reasons not to rely on the model.
pub(crate) fn warnings(card: &Card) -> Vec<String> {
    let mut warnings = Vec::new();
    let guards = &card.guards;
    if !guards.test_score.passed {
        let (auc, bound) = (text(card.evaluation.roc_auc), guards.test_score.bound);
        warnings.push(format!("a leak is likely: ROC-AUC {auc} on the held-out rows reaches {bound} (leak_roc_auc)"));
    }
    match &guards.permuted_labels {
        Some(permuted) if !permuted.passed => warnings.push(format!(
            "a leak is likely: trained on shuffled labels, the model still ranks rows it has not seen, ROC-AUC {}",
            permuted.roc_auc.text(|x| format!("{x:.3}")).level(99)
        )),
        Some(_) => {}
        None => {
            warnings.push("permuted-label test skipped: not enough time, or not enough rows that churned".into());
        }
    }
    let single = &guards.single_feature;
    if single.near {
        warnings.push(format!(
            "{} alone ranks about as well as the whole model (ROC-AUC {} against {}): it leaks, or little else was \
             learned",
            single.feature,
            text(single.roc_auc),
            text(single.model_roc_auc)
        ));
    }
    let baseline = card.candidates.iter().find(|c| c.family == "prior");
    let chosen = card.candidates.iter().find(|c| c.chosen);
    if let (Some(baseline), Some(chosen)) = (baseline, chosen)
        && chosen.log_loss >= baseline.log_loss
    {
        warnings.push(format!(
            "no candidate beats the prior rate in cross-validation: log-loss {:.4} against {:.4}",
            chosen.log_loss, baseline.log_loss
        ));
    }
    if matches!(card.calibration.calibration, Calibration::Platt { a, .. } if a == 0.0) {
        warnings
            .push("in cross-validation higher scores did not go with more churn: every user gets the same rate".into());
    }
    let auc = card.estimates.get("roc_auc");
    if auc.and_then(|auc| auc.low).is_some_and(|low| low <= 0.5) {
        warnings
            .push("on the held-out rows the model may rank no better than chance: see the ROC-AUC's interval".into());
    }
    warnings
}

/// What a reader should know before relying on the numbers.
pub(crate) fn notes(card: &Card, settings: &TrainingSettings) -> Vec<String> {
    let validation = &card.validation;
    let mut notes = vec![format!(
        "ROC-AUC {} rests on {} churned rows of {}, of {} users, who are resampled",
        card.estimates.get("roc_auc").unwrap_or(&Estimate::UNDEFINED),
        card.test.positives,
        card.test.rows,
        card.test.users,
    )];
    if validation.time_blocks == 0 {
        notes.push(
            "the log is too short to hold out later cutoffs in cross-validation: only users were held out, so \
             scores in cross-validation are slightly optimistic; the held-out test rows are later than all others"
                .into(),
        );
    } else if validation.time_blocks < usize::from(settings.search.time_blocks) {
        notes.push(format!(
            "{} of {} blocks of cutoffs were held out in cross-validation: the older ones have too few rows of a class \
             before them",
            validation.time_blocks, settings.search.time_blocks
        ));
    }
    if validation.skipped > 0 {
        notes.push(format!("{} candidates were not tried for lack of time", validation.skipped));
    }
    if settings.min_log_days < settings.window_days {
        notes.push(format!(
            "cutoffs begin {} days into the log, so the oldest observation windows are shorter than {} days",
            settings.min_log_days, settings.window_days
        ));
    }
    notes
}

fn text(score: Option<f64>) -> String {
    score.map_or("undefined".to_owned(), |x| format!("{x:.3}"))
}
