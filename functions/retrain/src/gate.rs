//! The gate: whether a new model may become champion.

use crate::comparison::{CompareError, CompareOutcome, compare};
use churn_common::calendar::Day;
use churn_common::metrics::{Estimate, chance_calibration_error};
use churn_common::model::Card;
use churn_common::model::card::{Comparison, Gate, GateReason, GateReasonKind, Guards};
use churn_common::store::Stores;
use churn_common::store::registry::Registry;
use churn_training::TrainingSettings;
use churn_training::comparison::ScoredSnapshots;

/// Compares a new model with the registry's champion, on the rows held out from the new model's training, and checks its
/// calibration and its leak guards.
///
/// # Errors
/// If the store fails, or probabilities cannot be scored.
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
        champion_unfit: None,
        ece: card.estimates.get("ece").copied().unwrap_or(Estimate::UNDEFINED),
        max_ece: settings.gate.gate_max_ece,
        chance_ece: chance_calibration_error(
            held_out.probabilities,
            0.95,
            settings.decision.bootstrap_resamples,
            settings.forest.seed,
        )?,
    };
    if let Some(champion) = &registry.champion {
        match compare(stores, settings, held_out, champion, log_end).await? {
            CompareOutcome::Compared(comparison) => {
                gate.reasons.extend(inferiority(&comparison));
                gate.comparison = Some(comparison);
            }
            CompareOutcome::ChampionUnfit(error) => gate.champion_unfit = Some(error.to_string()),
            CompareOutcome::NotComparable(why) => {
                let detail = format!("it cannot be compared: {why}");
                gate.reasons.push(GateReason { kind: GateReasonKind::NotComparable, detail });
            }
        }
    }
    gate.reasons.extend(miscalibration(&gate));
    gate.reasons.extend(leak(&card.guards));
    let rolled_back = registry.rolled_back().filter(|_| gate.champion_unfit.is_none());
    gate.reasons.extend(rolled_back.map(|back| GateReason {
        kind: GateReasonKind::RolledBack,
        detail: format!(
            "{} rolled back to champion {} by hand ({}): only a promotion by hand replaces it",
            back.by, back.version, back.why
        ),
    }));
    gate.passed = gate.reasons.is_empty();
    Ok(gate)
}

/// The gate in one sentence, for the registry's history.
pub(crate) fn summary(gate: &Gate) -> String {
    if !gate.passed {
        let details: Vec<&str> = gate.reasons.iter().map(|r| r.detail.as_str()).collect();
        return details.join("; ");
    }
    let compared = match (&gate.comparison, &gate.champion_unfit) {
        (Some(comparison), _) => format!("ROC-AUC {}", difference(comparison)),
        (None, Some(unfit)) => format!("the champion is not fit to serve ({unfit})"),
        (None, None) => "the first model".to_owned(),
    };
    format!("{compared}; calibration error {}, leak guards passed", text(gate.ece.value))
}

fn inferiority(comparison: &Comparison) -> Option<GateReason> {
    let (champion, difference) = (&comparison.champion, difference(comparison));
    let reason = |kind, detail| Some(GateReason { kind, detail });
    match comparison.not_worse() {
        Some(true) => None,
        Some(false) => reason(
            GateReasonKind::MayBeWorse,
            format!(
                "it may rank worse than champion {champion} by more than {} (gate_margin): ROC-AUC {difference}",
                comparison.margin
            ),
        ),
        None => reason(GateReasonKind::NotComparable, format!("against champion {champion}: ROC-AUC {difference}")),
    }
}

fn miscalibration(gate: &Gate) -> Option<GateReason> {
    let Gate { ece, max_ece, chance_ece, .. } = gate;
    let off = ece.value.is_none_or(|ece| ece > *max_ece && ece > *chance_ece);
    off.then(|| GateReason {
        kind: GateReasonKind::Miscalibrated,
        detail: format!(
            "miscalibrated: calibration error {ece} is above {max_ece} (gate_max_ece) and above the {chance_ece:.3} that \
             chance explains"
        ),
    })
}

fn leak(guards: &Guards) -> Option<GateReason> {
    if guards.passed() {
        return None;
    }
    let detail = match (&guards.permuted_labels, guards.test_score.passed) {
        (_, false) => format!("its ROC-AUC on held-out rows reaches {} (leak_roc_auc)", guards.test_score.bound),
        (None, true) => "permuted-label test skipped: not enough time, or not enough rows that churned".to_owned(),
        (Some(_), true) => "trained on shuffled labels it still ranks rows it has not seen".to_owned(),
    };
    Some(GateReason { kind: GateReasonKind::LeakGuard, detail })
}

/// Such as `0.731 against 0.728, difference +0.003 (95 %: -0.004 to +0.011)`.
fn difference(comparison: &Comparison) -> String {
    format!(
        "{} against {}, difference {:+} on {} rows, {} churned",
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
