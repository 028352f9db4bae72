//! The whole report of a small card.

use super::*;
use crate::testing::report;
use std::collections::BTreeSet;

/// Text that would run as a script if it was not escaped.
const HOSTILE: &str = "<script>alert('&amp;')</script>";

fn made() -> Report {
    let (card, data) = report();
    serde_json::from_slice(&data.files(&card).unwrap().json).unwrap()
}

#[test]
fn report_json_contains_the_card_and_renders_the_page() {
    let (card, data) = report();
    let files = data.files(&card).unwrap();
    let report: Report = serde_json::from_slice(&files.json).unwrap();
    assert_eq!((report.format, &report.card), (FORMAT, &card));
    assert_eq!(String::from_utf8(files.html).unwrap(), report.html().unwrap());
}

#[test]
fn page_has_every_chart_and_metric() {
    let report = made();
    let html = report.html().unwrap();
    let charts = report.charts().unwrap();
    let ids: BTreeSet<&str> = charts.iter().map(|chart| chart.id.as_str()).collect();
    assert_eq!(ids.len(), charts.len(), "ids are unique");
    for id in ["daily-users", "churn-by-cutoff", "roc", "reliability", "cost", "importance", "dependence-1"] {
        assert!(ids.contains(id), "{id}");
    }
    assert!(charts.iter().all(|chart| html.contains(&chart.svg)));
    assert!(html.contains(&report.card.metrics["roc_auc"].to_string()));
    assert!(html.contains("1,200") && html.contains("3,400"), "users and sessions");
    assert!(html.contains("1,542") && html.contains("Lost events") && html.contains("333"), "overlaps");
}

#[test]
fn all_text_is_escaped() {
    let mut report = made();
    let hostile = || HOSTILE.to_owned();
    report.exploration.by_cutoff[0].group = hostile();
    let card = &mut report.card;
    (card.family, card.decision.threshold_rationale) = (hostile(), hostile());
    (card.warnings, card.notes) = (vec![hostile()], vec![hostile()]);
    card.shap_dependence[0].feature = hostile();
    let html = report.html().unwrap();
    assert!(!html.contains("<script"), "{html}");
    assert!(html.matches("&lt;script&gt;alert('&amp;amp;')&lt;/script&gt;").count() >= 5);
}
