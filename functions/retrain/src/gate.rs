//! The promotion gate: decides whether a new model becomes champion.

use crate::comparison::{CompareError, CompareOutcome, compare};
use churn_common::calendar::Day;
use churn_common::metrics::{Estimate, null_calibration_error};
use churn_common::model::Card;
use churn_common::model::card::{Comparison, Gate, GateReason, GateReasonKind, LeakageChecks};
use churn_common::store::Stores;
use churn_common::store::registry::Registry;
use churn_training::TrainingSettings;
use churn_training::comparison::ScoredSnapshots;

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
        comparison: None,
        champion_error: None,
        ece: card.metrics.get("ece").copied().unwrap_or(Estimate::UNDEFINED),
        max_ece: settings.gate.gate_max_ece,
        null_ece_p95: null_calibration_error(
            held_out.probabilities,
            0.95,
            settings.decision.bootstrap_resamples,
            settings.random_seed,
        )?,
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
    gate.reasons.extend(miscalibration(&gate));
    gate.reasons.extend(leakage(&card.leakage_checks));
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
pub(crate) fn summary(gate: &Gate) -> String {
    if !gate.passed {
        let details: Vec<&str> = gate.reasons.iter().map(|r| r.detail.as_str()).collect();
        return details.join("; ");
    }
    let compared = match (&gate.comparison, &gate.champion_error) {
        (Some(comparison), _) => format!("ROC-AUC {}", difference(comparison)),
        (None, Some(error)) => format!("the champion cannot serve ({error})"),
        (None, None) => "first model".to_owned(),
    };
    format!("{compared}; calibration error {}, leakage checks passed", text(gate.ece.value))
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
