//! The section about leakage checks and the promotion gate.

use crate::feature_name::FeatureName;
use churn_common::metrics::Estimate;
use churn_common::model::Card;
use churn_common::model::card::{Comparison, Gate, ModelQuality, SingleFeature};
use churn_pages::{Column, cell, number, table};
use maud::{Markup, html};

pub fn section(card: &Card) -> Markup {
    html! {
        (table("Leakage checks", &[Column::Text("check"), Column::Number("result")], checks(card)))
        @if let Some(gate) = &card.gate { (gate_result(gate, card.model_quality)) }
    }
}

fn checks(card: &Card) -> [Vec<Markup>; 5] {
    let checks = &card.leakage_checks;
    let (score, permuted) = (&checks.test_score, &checks.permuted_labels);
    let row =
        |check: &str, result: &str, details: Markup| vec![html! { (check) " " small { (details) } }, cell(result)];
    let result = |passed: bool| if passed { "passed" } else { "FAILED" };
    let single_feature = |rows: &str, single: &SingleFeature| {
        row(
            &format!("No single feature ranks as well as the model ({rows})"),
            if single.suspicious { "WARNING" } else { "passed" },
            html! {
                (FeatureName::new(&single.feature)) ": ROC-AUC " (number::score(single.roc_auc)) ", model "
                (number::score(single.model_roc_auc))
                @if !single.suspicious && single.roc_auc > single.model_roc_auc { "; not significant" }
            },
        )
    };
    let users = number::count(checks.future_events.users as u64);
    [
        // If a feature changes, the training fails and there is no report.
        row("Events after the cutoff change no feature", "passed", cell(format!("{users} users checked"))),
        row(
            "Permuted labels: the model ranks no better than chance",
            permuted.map_or("skipped", |p| result(p.passed)),
            cell(permuted.map_or("not enough time or not enough churned rows".to_owned(), |p| {
                let roc_auc = p.roc_auc.text(|x| number::grouped(x, 3)).level(99);
                format!("ROC-AUC {roc_auc}, expected an interval that is not above 0.5")
            })),
        ),
        single_feature("cross-validation", &checks.single_feature),
        single_feature("held-out rows", &checks.test_single_feature),
        row(
            "ROC-AUC on held-out rows is plausible",
            result(score.passed),
            cell(format!("ROC-AUC {}, limit {}", number::score(card.evaluation.roc_auc), number::short(score.limit))),
        ),
    ]
}

fn gate_result(gate: &Gate, quality: ModelQuality) -> Markup {
    html! {
        h3 { "Promotion gate" }
        @if gate.passed && quality.is_flagged() {
            p {
                "No check rejected the model, so it became champion. It serves with a flag: " code { "model_quality" } " is "
                code { (quality.to_string()) } "."
            }
        }
        @else if gate.passed { p { "The model passed and became champion." } }
        @else {
            p { "The model did not pass and became challenger:" }
            ul { @for reason in &gate.reasons { li { (reason.detail) } } }
        }
        @for warning in &gate.warnings { p class="warning" { b { "Warning: " } (warning) } }
        @if let Some(comparison) = &gate.comparison { p { (compared(comparison)) } }
        @if let Some(error) = &gate.champion_error { p { "The champion is invalid: " (error) } }
        p { (calibration(gate)) }
    }
}

/// The rule for calibration, with its inputs.
fn calibration(gate: &Gate) -> String {
    format!(
        "Expected calibration error {}. A model is rejected if it is above {} (gate_max_ece) and above {}, the 95th \
         percentile for exact probabilities on as many rows. Churn rate minus mean probability {:+.4}. A model is rejected if \
         this is more than {} of the churn rate (gate_max_calibration_in_the_large) and the interval excludes 0.",
        number::estimate(&gate.ece),
        gate.max_ece,
        number::grouped(gate.null_ece_p95, 3),
        gate.calibration_in_the_large,
        gate.max_calibration_in_the_large
    )
}

fn compared(comparison: &Comparison) -> String {
    let difference = comparison.roc_auc_difference().unwrap_or(Estimate::UNDEFINED);
    format!(
        "Compared with champion {} on {} rows that neither was trained on, {} of them churned: ROC-AUC {}, champion {}, \
         difference {difference:+}. The lower end must be above -{} (gate_non_inferiority_margin).",
        comparison.champion,
        number::count(comparison.rows as u64),
        number::count(comparison.positives as u64),
        number::score(comparison.roc_auc),
        number::score(comparison.champion_roc_auc),
        comparison.non_inferiority_margin
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::model::card::{GateReason, GateReasonKind};

    fn page(passed: bool, ece: f64) -> String {
        let detail = "miscalibrated".to_owned();
        let reason = (!passed).then_some(GateReason { kind: GateReasonKind::Miscalibrated, detail });
        let gate = Gate {
            passed,
            reasons: reason.into_iter().collect(),
            warnings: Vec::new(),
            comparison: None,
            champion_error: None,
            ece: Estimate { value: Some(ece), low: Some(0.06), high: Some(0.15) },
            max_ece: 0.05,
            null_ece_p95: 0.0831,
            calibration_in_the_large: Estimate { value: Some(-0.004), low: Some(-0.012), high: Some(0.003) },
            max_calibration_in_the_large: 0.3,
        };
        gate_result(&gate, ModelQuality::Ok).into_string()
    }

    /// The page used to state another rule: that the lower end of the interval must not be above the limit.
    #[test]
    fn page_states_the_calibration_rule_of_the_gate() {
        let rule = "rejected if it is above 0.05 (gate_max_ece) and above 0.083, the 95th";
        let passed = page(true, 0.08);
        assert!(
            passed.contains("The model passed") && passed.contains("error 0.080 (95 %: 0.060 to 0.150)"),
            "{passed}"
        );
        let failed = page(false, 0.09);
        assert!(failed.contains("did not pass") && failed.contains("<li>miscalibrated</li>"), "{failed}");
        assert!(failed.contains("error 0.090 (95 %: 0.060 to 0.150)"), "{failed}");
        let in_the_large =
            "mean probability -0.0040 (95 %: -0.0120 to +0.0030). A model is rejected if this is more than 0.3 of";
        assert!(passed.contains(in_the_large), "{passed}");
        assert!([passed, failed].iter().all(|page| page.contains(rule) && !page.contains("lower end")));
    }
}
