//! The summary that `churn report` prints.

use super::super::summary::{gate_result, metrics, ranking};
use super::super::text::{Text, count, words};
use churn_report::Report;

pub fn summary(report: &Report) -> Text {
    let Report { card, exploration, .. } = report;
    let (version, family, trained_at) = (&card.version, words(&card.family), card.created_at);
    let mut text = Text::new();
    text.line(0, format!("Model {version} ({family}), trained {trained_at}"));
    text.line(
        2,
        format!(
            "log {} to {}: {}, {}, {}, {} cancelled",
            card.data_range.0,
            card.data_range.1,
            count(exploration.events, "event"),
            count(exploration.sessions, "session"),
            count(exploration.users, "user"),
            exploration.cancelled_users
        ),
    );
    let churn = &exploration.churn;
    let rows = count(churn.rows, "row");
    text.line(2, format!("training and held-out rows: {rows}, {} churned: {}", churn.positives, churn.rate));
    text.line(2, format!("held out: {}, {} churned", count(card.test.rows as u64, "row"), card.test.positives));
    metrics(&mut text, &card.metrics);
    text.append(&ranking(&card.ranking));
    let features: Vec<&str> = card.shap_importance.features.iter().take(5).map(|f| f.name.as_str()).collect();
    text.line(2, format!("most important features: {}", features.join(", ")));
    if let Some(gate) = &card.gate {
        text.line(2, gate_result(gate, card.model_quality));
    }
    for warning in &card.warnings {
        text.line(2, format!("warning: {warning}"));
    }
    text
}
