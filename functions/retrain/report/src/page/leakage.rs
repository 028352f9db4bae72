//! The leak checks and the gate.

use churn_common::metrics::Estimate;
use churn_common::model::Card;
use churn_common::model::card::{Comparison, Gate};
use churn_pages::{number, table};
use maud::{Markup, html};

pub fn section(card: &Card) -> Markup {
    html! {
        (table("Leak checks", &["check", "result", "details"], checks(card)))
        @if let Some(gate) = &card.gate { (verdict(gate)) }
    }
}

fn checks(card: &Card) -> [Vec<String>; 4] {
    let guards = &card.guards;
    let (single, score, permuted) = (&guards.single_feature, &guards.test_score, &guards.permuted_labels);
    let row = |check: &str, result: &str, details: String| vec![check.to_owned(), result.to_owned(), details];
    let result = |passed: bool| if passed { "passed" } else { "FAILED" };
    let users = number::count(guards.future.users as u64);
    [
        // A run in which one changes ends in an error, without a report.
        row("A made-up future changes no feature", "passed", format!("features of {users} users computed again")),
        row(
            "Nothing is learned from shuffled labels",
            permuted.map_or("not run", |p| result(p.passed)),
            permuted.map_or("no time was left, or too few rows churned for every fold to have some".to_owned(), |p| {
                let roc_auc = p.roc_auc.text(|x| number::grouped(x, 3)).level(99);
                format!("ROC-AUC {roc_auc}, an interval that must not lie above 0.5")
            }),
        ),
        row(
            "No feature alone is surely as good as the model",
            if single.near { "a hint" } else { "passed" },
            format!(
                "{}: ROC-AUC {}, the model {}{}",
                single.feature,
                number::score(single.roc_auc),
                number::score(single.model_roc_auc),
                if !single.near && single.roc_auc > single.model_roc_auc { "; chance may explain it" } else { "" }
            ),
        ),
        row(
            "The score is not too good to be true",
            result(score.passed),
            format!("ROC-AUC {}, bound {}", number::score(card.evaluation.roc_auc), number::short(score.bound)),
        ),
    ]
}

fn verdict(gate: &Gate) -> Markup {
    html! {
        h3 { "The gate" }
        @if gate.passed { p { "The model passed, and was let through to serve." } }
        @else {
            p { "The model did not pass, and waits as challenger:" }
            ul { @for reason in &gate.reasons { li { (reason.detail) } } }
        }
        @if let Some(comparison) = &gate.comparison { p { (compared(comparison)) } }
        @if let Some(unfit) = &gate.champion_unfit { p { "The champion could not be compared with: " (unfit) } }
        p { (calibration(gate)) }
    }
}

/// The gate's rule for calibration, with its inputs.
fn calibration(gate: &Gate) -> String {
    format!(
        "Calibration error {}. The gate refuses what lies above {} (gate_max_ece) and above {} too, the 95th percentile \
         of the error that true probabilities have on as many rows.",
        number::estimate(&gate.ece),
        gate.max_ece,
        number::grouped(gate.chance_ece, 3)
    )
}

fn compared(comparison: &Comparison) -> String {
    let difference = comparison.roc_auc_difference().unwrap_or(Estimate::UNDEFINED);
    format!(
        "Against champion {} on {} rows that neither was trained on, {} of which churned: ROC-AUC {} against {}, \
         difference {difference:+}; its lower end must lie above -{} (gate_margin).",
        comparison.champion,
        number::count(comparison.rows as u64),
        number::count(comparison.positives as u64),
        number::score(comparison.roc_auc),
        number::score(comparison.champion_roc_auc),
        comparison.margin
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::model::card::{GateReason, GateReasonKind};

    fn page(passed: bool, ece: f64) -> String {
        let detail = "calibration is off".to_owned();
        let reason = (!passed).then_some(GateReason { kind: GateReasonKind::Miscalibrated, detail });
        let gate = Gate {
            passed,
            reasons: reason.into_iter().collect(),
            comparison: None,
            champion_unfit: None,
            ece: Estimate { value: Some(ece), low: Some(0.06), high: Some(0.15) },
            max_ece: 0.05,
            chance_ece: 0.0831,
        };
        verdict(&gate).into_string()
    }

    /// The page once said that the interval's lower end must not lie above the limit; the first model would have failed that.
    #[test]
    fn the_page_has_the_rule_that_the_gate_applies() {
        let rule = "The gate refuses what lies above 0.05 (gate_max_ece) and above 0.083 too";
        let passed = page(true, 0.08);
        assert!(
            passed.contains("The model passed") && passed.contains("error 0.080 (95 %: 0.060 to 0.150)"),
            "{passed}"
        );
        let failed = page(false, 0.09);
        assert!(failed.contains("did not pass") && failed.contains("<li>calibration is off</li>"), "{failed}");
        assert!(failed.contains("error 0.090 (95 %: 0.060 to 0.150)"), "{failed}");
        assert!([passed, failed].iter().all(|page| page.contains(rule) && !page.contains("lower end")));
    }
}
