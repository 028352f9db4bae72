//! The warnings of a card, and notes on how to read its metrics.

use crate::insufficient::excluded_days;
use crate::settings::TrainingSettings;
use churn_common::metrics::{Confusion, Estimate, Evaluation};
use churn_common::model::card::Exclusions;
use churn_common::model::{Calibration, Card};
use churn_common::reasons::plain_name;

/// Reasons not to rely on the model.
pub(crate) fn warnings(card: &Card) -> Vec<String> {
    let mut warnings = exclusions(&card.exclusions);
    if card.overlaps.lost_events > 0 {
        warnings.push(format!(
            "{} events are lost: a larger log file has other events with the same user, session, day and itemInSession",
            card.overlaps.lost_events
        ));
    }
    let checks = &card.leakage_checks;
    if !checks.test_score.passed {
        let (auc, limit) = (text(card.evaluation.roc_auc), checks.test_score.limit);
        warnings.push(format!(
            "a leak is likely: ROC-AUC {auc} on the held-out rows, expected below {limit} (leakage_roc_auc_limit)"
        ));
    }
    match &checks.permuted_labels {
        Some(permuted) if !permuted.passed => warnings.push(format!(
            "a leak is likely: trained on permuted labels, the model still ranks held-out rows, ROC-AUC {}",
            permuted.roc_auc.text(|x| format!("{x:.3}")).level(99)
        )),
        Some(_) => {}
        None => {
            warnings.push("permuted-label test skipped: not enough time or not enough churned rows".into());
        }
    }
    let single =
        [("in cross-validation", &checks.single_feature), ("on the held-out rows", &checks.test_single_feature)];
    for (rows, single) in single.into_iter().filter(|(_, single)| single.suspicious) {
        warnings.push(format!(
            "{rows}, the feature {} alone ranks about as well as the model (ROC-AUC {}, model {}): it leaks, or the other \
             features add little",
            feature(&single.feature),
            text(single.roc_auc),
            text(single.model_roc_auc)
        ));
    }
    let baseline = card.candidates.iter().find(|c| c.family == "prior");
    let selected = card.candidates.iter().find(|c| c.selected);
    if let (Some(baseline), Some(selected)) = (baseline, selected)
        && selected.log_loss >= baseline.log_loss
    {
        warnings.push(format!(
            "no candidate is better than the prior rate in cross-validation: log-loss {:.4}, prior rate {:.4}",
            selected.log_loss, baseline.log_loss
        ));
    }
    if matches!(card.calibration.calibration, Calibration::Platt { a, .. } if a == 0.0) {
        warnings.push(
            "in cross-validation, churn did not rise with the score: every user gets the same probability".into(),
        );
    }
    warnings.extend(miscalibration(card));
    warnings.extend(useless_label(&card.evaluation));
    warnings.extend(card.quality_warnings());
    warnings
}

fn exclusions(exclusions: &Exclusions) -> Vec<String> {
    let Exclusions { days, users, max_daily_user_events } = exclusions;
    let mut warnings = Vec::new();
    if !days.is_empty() {
        warnings.push(format!("the training leaves out {}", excluded_days(days)));
    }
    if *users > 0 {
        warnings.push(format!(
            "the training leaves out users with more than {max_daily_user_events} events on a day \
             (max_daily_user_events): {users}"
        ));
    }
    warnings
}

/// Whether the label finds fewer churned users than random choice does.
fn useless_label(evaluation: &Evaluation) -> Option<String> {
    let Confusion { tp, fp, .. } = evaluation.confusion;
    let labelled = tp + fp;
    if labelled == 0 {
        return Some("no held-out row has the label 1: the decision threshold is above all probabilities".into());
    }
    let random = labelled as f64 / evaluation.rows as f64;
    let recall = evaluation.recall.filter(|recall| *recall < random)?;
    Some(format!(
        "the label finds fewer churned users than random choice: {labelled} of {} held-out rows have the label 1, recall \
         {recall:.3}, by random choice {random:.3}",
        evaluation.rows
    ))
}

/// What is wrong with the probabilities of the held-out rows, beyond what chance explains.
fn miscalibration(card: &Card) -> Vec<String> {
    let mut warnings = Vec::new();
    let excludes =
        |estimate: &Estimate, value: f64| estimate.interval().is_some_and(|(low, high)| value < low || high < value);
    let metric = |name: &str| card.metrics.get(name).unwrap_or(&Estimate::UNDEFINED);
    let in_the_large = metric("calibration_in_the_large");
    if excludes(in_the_large, 0.0) {
        let rate = card.test.positives as f64 / card.test.rows as f64;
        let direction = if in_the_large.value > Some(0.0) { "low" } else { "high" };
        warnings.push(format!(
            "probabilities are too {direction}: on the held-out rows, the churn rate {rate:.4} minus the mean probability is \
             {in_the_large:+.4}"
        ));
    }
    let slope = &card.calibration.slope;
    if excludes(slope, 1.0) {
        let off = if slope.value < Some(1.0) { "too extreme" } else { "too close to their mean" };
        warnings.push(format!("probabilities are {off}: on the held-out rows, the calibration slope is {slope:.2}"));
    }
    let (ece, null) = (metric("ece"), card.calibration.null_ece_p95);
    if ece.value > Some(null) {
        warnings.push(format!(
            "the calibration error {ece} on the held-out rows is more than chance explains: exact probabilities have at most \
             {null:.3} in 95 % of cases"
        ));
    }
    warnings
}

/// How to read the metrics.
pub(crate) fn notes(card: &Card, settings: &TrainingSettings) -> Vec<String> {
    let validation = &card.validation;
    let mut notes = vec![format!(
        "ROC-AUC {} is computed from {} rows, {} of them churned; its interval resamples {} users",
        card.metrics.get("roc_auc").unwrap_or(&Estimate::UNDEFINED),
        card.test.rows,
        card.test.positives,
        card.test.users,
    )];
    if card.overlaps.duplicate_events > 0 {
        notes.push(format!(
            "{} events are in more than one log file or chunk; each counts once",
            card.overlaps.duplicate_events
        ));
    }
    notes.push(
        "cross-validation holds out users at all cutoffs, so the metrics of candidates are slightly optimistic; the held-out \
         rows are newer than all training rows"
            .into(),
    );
    if validation.rows < card.training.rows {
        notes.push(format!(
            "candidates are compared and calibrated on {} of {} training rows: a sample of users (max_search_rows)",
            validation.rows, card.training.rows
        ));
    }
    if card.training.rows > settings.search.max_fit_rows as usize {
        notes.push(format!(
            "the model is fitted to about {} of {} training rows: a sample of users with weights (max_fit_rows)",
            settings.search.max_fit_rows, card.training.rows
        ));
    }
    if validation.repeats < usize::from(settings.search.cv_repeats) {
        notes.push(format!(
            "cross-validation was repeated {} of {} times, because the time was up",
            validation.repeats, settings.search.cv_repeats
        ));
    }
    if card.clipped.values > 0 {
        notes.push(format!(
            "{} of {} held-out rows have values outside of the range of the training rows, {} in total; logistic regression \
             clips them",
            card.clipped.rows, card.test.rows, card.clipped.values
        ));
    }
    if validation.skipped_candidates > 0 {
        let skipped = validation.skipped_candidates;
        notes.push(format!("{skipped} candidates were not tried because the time was up"));
    }
    if settings.min_history_days < settings.window_days {
        notes.push(format!(
            "the first cutoffs are {} days after the start of the log, so the oldest observation windows are shorter than \
             {} days",
            settings.min_history_days, settings.window_days
        ));
    }
    notes
}

/// Such as `"Days since registration" (tenure_days)`.
fn feature(name: &str) -> String {
    plain_name(name).map_or_else(|| name.to_owned(), |plain| format!("\"{plain}\" ({name})"))
}

fn text(score: Option<f64>) -> String {
    score.map_or("undefined".to_owned(), |x| format!("{x:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 rows with the label 1 of 100, `found` of 10 churned rows among them.
    fn label(found: usize) -> Option<String> {
        let labels: Vec<bool> = (0..100).map(|row| row < found || (50..60 - found).contains(&row)).collect();
        let probabilities: Vec<f64> = (0..100).map(|row| if row < 20 { 0.3 } else { 0.1 }).collect();
        useless_label(&Evaluation::new(&labels, &probabilities, 0.2).unwrap())
    }

    #[test]
    fn feature_has_its_plain_name_and_identifier() {
        assert_eq!(feature("tenure_days"), "\"Days since registration\" (tenure_days)");
        assert_eq!(feature("shoe_size"), "shoe_size");
    }

    #[test]
    fn label_that_is_worse_than_random_choice_is_a_warning() {
        assert_eq!((label(2), label(9)), (None, None));
        let expected = "20 of 100 held-out rows have the label 1, recall 0.100, by random choice 0.200";
        assert!(label(1).unwrap().ends_with(expected), "{:?}", label(1));
        let above = Evaluation::new(&[true, false], &[0.1, 0.2], 0.3).unwrap();
        assert!(useless_label(&above).unwrap().starts_with("no held-out row has the label 1"));
    }
}
