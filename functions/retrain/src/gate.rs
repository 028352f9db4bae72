//! The promotion gate: decides whether a new model becomes champion.

use crate::comparison::{CompareError, CompareOutcome, compare};
use churn_common::calendar::Day;
use churn_common::metrics::Estimate;
use churn_common::model::Card;
use churn_common::model::card::{Comparison, Gate, GateReason, GateReasonKind, LeakageChecks, ModelQuality};
use churn_common::store::Stores;
use churn_common::store::registry::Registry;
use churn_training::comparison::ScoredSnapshots;
use churn_training::{QualityRule, TrainingSettings};

/// Compares a new model with the champion on the rows held out from the training of the new model. Also requires a small
/// calibration error and passed leakage checks.
///
/// # Errors
/// If the store fails, or probabilities cannot be evaluated.
pub(crate) async fn evaluate_gate(
    stores: &Stores,
    settings: &TrainingSettings,
    registry: &Registry,
    card: &Card,
    held_out: ScoredSnapshots<'_>,
    log_end: Day,
) -> Result<Gate, CompareError> {
    let mut gate = Gate {
        passed: false,
        reasons: Vec::new(),
        warnings: card.quality_warnings(),
        comparison: None,
        champion_error: None,
        ece: card.metrics.get("ece").copied().unwrap_or(Estimate::UNDEFINED),
        max_ece: settings.gate.gate_max_ece,
        null_ece_p95: card.calibration.null_ece_p95,
        calibration_in_the_large: card.metrics.get("calibration_in_the_large").copied().unwrap_or(Estimate::UNDEFINED),
        max_calibration_in_the_large: settings.gate.gate_max_calibration_in_the_large,
    };
    if let Some(champion) = &registry.champion {
        match compare(stores, settings, held_out, champion, log_end).await? {
            CompareOutcome::Compared(comparison) => {
                gate.reasons.extend(inferiority(&comparison));
                gate.comparison = Some(comparison);
            }
            CompareOutcome::InvalidChampion(error) => gate.champion_error = Some(error.to_string()),
            CompareOutcome::NotComparable(reason) => {
                let detail = format!("not comparable with the champion: {reason}");
                gate.reasons.push(GateReason { kind: GateReasonKind::NotComparable, detail });
            }
        }
    }
    let churn_rate = card.test.positives as f64 / card.test.rows as f64;
    gate.reasons.extend(miscalibration(&gate));
    gate.reasons.extend(bias(&gate, churn_rate));
    gate.reasons.extend(leakage(&card.leakage_checks));
    gate.reasons.extend(quality(settings.gate.gate_quality_rule, &mut gate.warnings));
    let rollback = registry.current_rollback().filter(|_| gate.champion_error.is_none());
    gate.reasons.extend(rollback.map(|rollback| GateReason {
        kind: GateReasonKind::RollbackHold,
        detail: format!(
            "{} rolled back to champion {} ({}), which only a manual promotion replaces",
            rollback.actor, rollback.version, rollback.reason
        ),
    }));
    gate.passed = gate.reasons.is_empty();
    Ok(gate)
}

/// The result of the gate in one sentence, for the history of the registry.
pub(crate) fn summary(gate: &Gate, quality: ModelQuality) -> String {
    if !gate.passed {
        let details: Vec<&str> = gate.reasons.iter().map(|r| r.detail.as_str()).collect();
        return details.join("; ");
    }
    let compared = match (&gate.comparison, &gate.champion_error) {
        (Some(comparison), _) => format!("ROC-AUC {}", difference(comparison)),
        (None, Some(error)) => format!("the champion is invalid ({error})"),
        (None, None) => "first model".to_owned(),
    };
    let flag = if quality.is_flagged() { format!("serves with model_quality {quality}; ") } else { String::new() };
    let passed = format!("{flag}{compared}; calibration error {}, leakage checks passed", text(gate.ece.value));
    std::iter::once(passed)
        .chain(gate.warnings.iter().map(|warning| format!("warning: {warning}")))
        .collect::<Vec<_>>()
        .join("; ")
}

fn inferiority(comparison: &Comparison) -> Option<GateReason> {
    let (champion, difference) = (&comparison.champion, difference(comparison));
    let reason = |kind, detail| Some(GateReason { kind, detail });
    match comparison.is_non_inferior() {
        Some(true) => None,
        Some(false) => reason(
            GateReasonKind::InferiorityNotExcluded,
            format!(
                "ROC-AUC may be lower than that of champion {champion} by more than {} (gate_non_inferiority_margin): \
                 {difference}",
                comparison.non_inferiority_margin
            ),
        ),
        None => reason(
            GateReasonKind::NotComparable,
            format!("not comparable with champion {champion}: ROC-AUC {difference}"),
        ),
    }
}

fn miscalibration(gate: &Gate) -> Option<GateReason> {
    let Gate { ece, max_ece, null_ece_p95, .. } = gate;
    let is_miscalibrated = ece.value.is_none_or(|ece| ece > *max_ece && ece > *null_ece_p95);
    is_miscalibrated.then(|| GateReason {
        kind: GateReasonKind::Miscalibrated,
        detail: format!(
            "miscalibrated: calibration error {ece} is above {max_ece} (gate_max_ece) and above {null_ece_p95:.3}, the 95th \
             percentile for exact probabilities"
        ),
    })
}

/// Whether the mean probability is too far from the churn rate, and not by chance.
fn bias(gate: &Gate, churn_rate: f64) -> Option<GateReason> {
    let Gate { calibration_in_the_large: difference, max_calibration_in_the_large: max, .. } = gate;
    let is_large = difference.value.is_none_or(|value| value.abs() > max * churn_rate);
    let may_be_chance = difference.interval().is_some_and(|(low, high)| low <= 0.0 && 0.0 <= high);
    (is_large && !may_be_chance).then(|| GateReason {
        kind: GateReasonKind::Miscalibrated,
        detail: format!(
            "miscalibrated: the churn rate {churn_rate:.4} minus the mean probability is {difference:+.4}, more than {max} of \
             the churn rate (gate_max_calibration_in_the_large)"
        ),
    })
}

/// The warnings about the quality of the model become reasons if the rule is to reject it.
fn quality(rule: QualityRule, warnings: &mut Vec<String>) -> Vec<GateReason> {
    if rule == QualityRule::Flag {
        return Vec::new();
    }
    let reason = |warning| GateReason {
        kind: GateReasonKind::ModelQuality,
        detail: format!("{warning} (gate_quality_rule is reject)"),
    };
    warnings.drain(..).map(reason).collect()
}

fn leakage(checks: &LeakageChecks) -> Option<GateReason> {
    if checks.passed() {
        return None;
    }
    let detail = match (&checks.permuted_labels, checks.test_score.passed) {
        (_, false) => {
            format!("ROC-AUC on the held-out rows is not below {} (leakage_roc_auc_limit)", checks.test_score.limit)
        }
        (None, true) => "permuted-label test skipped: not enough time or not enough churned rows".to_owned(),
        (Some(_), true) => {
            "permuted-label test failed: trained on permuted labels, the model still ranks held-out rows".to_owned()
        }
    };
    Some(GateReason { kind: GateReasonKind::LeakageCheck, detail })
}

/// Such as `0.731, champion 0.728, difference +0.003 (95 %: -0.004 to +0.011) on 900 rows, 80 of them churned`.
fn difference(comparison: &Comparison) -> String {
    format!(
        "{}, champion {}, difference {:+} on {} rows, {} of them churned",
        text(comparison.roc_auc),
        text(comparison.champion_roc_auc),
        comparison.roc_auc_difference().unwrap_or(Estimate::UNDEFINED),
        comparison.rows,
        comparison.positives
    )
}

fn text(score: Option<f64>) -> String {
    score.map_or("undefined".to_owned(), |x| format!("{x:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(value: f64, low: f64, high: f64) -> Gate {
        let ece = Estimate { value: Some(value.abs()), low: None, high: None };
        Gate {
            passed: false,
            reasons: Vec::new(),
            warnings: Vec::new(),
            comparison: None,
            champion_error: None,
            ece,
            max_ece: 0.05,
            null_ece_p95: 0.02,
            calibration_in_the_large: Estimate { value: Some(value), low: Some(low), high: Some(high) },
            max_calibration_in_the_large: 0.3,
        }
    }

    /// A first model no better than chance used to pass without a word about it.
    #[test]
    fn model_no_better_than_chance_is_flagged_or_rejected() {
        let warning = "the model may rank no better than chance".to_owned();
        let passed = Gate { passed: true, warnings: vec![warning.clone()], ..gate(0.0, -0.01, 0.01) };
        assert_eq!(
            summary(&passed, ModelQuality::NoBetterThanChance),
            format!(
                "serves with model_quality no_better_than_chance; first model; calibration error 0.000, leakage checks \
                 passed; warning: {warning}"
            )
        );
        assert!(summary(&Gate { warnings: Vec::new(), ..passed }, ModelQuality::Ok).starts_with("first model; "));

        let mut warnings = vec![warning.clone()];
        assert_eq!((quality(QualityRule::Flag, &mut warnings), warnings.len()), (Vec::new(), 1));
        let reasons = quality(QualityRule::Reject, &mut warnings);
        let detail = format!("{warning} (gate_quality_rule is reject)");
        assert_eq!(reasons, [GateReason { kind: GateReasonKind::ModelQuality, detail }]);
        assert!(warnings.is_empty(), "no sentence twice");
    }

    /// A model that returns 0.01 for every user used to pass at a churn rate of 0.059.
    #[test]
    fn mean_probability_must_be_near_the_churn_rate() {
        let constant = gate(0.049, 0.043, 0.055);
        assert_eq!(miscalibration(&constant), None);
        let reason = bias(&constant, 0.059).unwrap();
        assert_eq!(reason.kind, GateReasonKind::Miscalibrated);
        let expected =
            "churn rate 0.0590 minus the mean probability is +0.0490 (95 %: +0.0430 to +0.0550), more than 0.3 of";
        assert!(reason.detail.contains(expected), "{}", reason.detail);
        assert!(bias(&gate(-0.03, -0.04, -0.02), 0.059).is_some(), "too high");
        assert_eq!(bias(&gate(0.017, 0.01, 0.024), 0.059), None, "within the limit");
        assert_eq!(bias(&gate(0.03, -0.01, 0.07), 0.059), None, "may be chance");
        assert!(bias(&Gate { calibration_in_the_large: Estimate::UNDEFINED, ..constant }, 0.059).is_some());
    }
}
