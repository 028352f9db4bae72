//! The summary that `churn report` prints.

use churn_common::metrics::Estimate;
use churn_report::Report;
use std::io::{self, Write};

pub fn print(out: &mut impl Write, report: &Report) -> io::Result<()> {
    let Report { card, exploration, .. } = report;
    writeln!(out, "Model {} ({}), trained {}", card.version, card.family.replace('_', " "), card.created_at)?;
    writeln!(
        out,
        "  log {} to {}: {} events, {} sessions, {} users, {} cancelled",
        card.data_range.0,
        card.data_range.1,
        exploration.events,
        exploration.sessions,
        exploration.users,
        exploration.cancelled_users
    )?;
    let churn = &exploration.churn;
    writeln!(out, "  training and test set: {} rows, {} churned: {}", churn.rows, churn.positives, churn.rate)?;
    writeln!(out, "  test set: {} rows, {} churned", card.test.rows, card.test.positives)?;
    for (name, metric) in [
        ("ROC-AUC", "roc_auc"),
        ("PR-AUC", "pr_auc"),
        ("calibration error", "ece"),
        ("observed - predicted", "calibration_in_the_large"),
        ("lift at 10 %", "lift_at_10_percent"),
    ] {
        writeln!(out, "    {name:<20} {}", card.metrics.get(metric).unwrap_or(&Estimate::UNDEFINED))?;
    }
    let features: Vec<&str> = card.shap_importance.features.iter().take(5).map(|f| f.name.as_str()).collect();
    writeln!(out, "  most important features: {}", features.join(", "))?;
    if let Some(gate) = &card.gate {
        writeln!(out, "  gate: {}", if gate.passed { "passed" } else { "rejected" })?;
    }
    for warning in &card.warnings {
        writeln!(out, "  warning: {warning}")?;
    }
    Ok(())
}
