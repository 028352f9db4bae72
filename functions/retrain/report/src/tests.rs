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
    for id in ["daily-users", "churn-by-cutoff", "roc", "reliability", "cost", "profit", "importance", "dependence-1"] {
        assert!(ids.contains(id), "{id}");
    }
    assert!(charts.iter().all(|chart| html.contains(&chart.svg)));
    assert!(html.contains(&report.card.metrics["roc_auc"].to_string()));
    assert_eq!(report.held_out.by_group[0].recall, report.card.metrics["recall"]);
    assert!(html.contains("Label and calibration by group"), "rates by group");
    assert!(html.contains("1,200") && html.contains("3,400"), "users and sessions");
    assert!(html.contains("1,542") && html.contains("Lost events") && html.contains("333"), "overlaps");
}

/// The body as XML.
fn body(html: &str) -> &str {
    &html[html.find("<body>").unwrap()..html.rfind("</html>").unwrap()]
}

#[test]
fn every_table_is_in_a_region_that_the_keyboard_scrolls() {
    let html = made().html().unwrap();
    let document = roxmltree::Document::parse(body(&html)).unwrap();
    let tables: Vec<_> = document.descendants().filter(|node| node.has_tag_name("table")).collect();
    assert!(tables.len() >= 6, "{}", tables.len());
    for table in tables {
        let region = table.parent().unwrap();
        assert_eq!((region.attribute("role"), region.attribute("tabindex")), (Some("region"), Some("0")));
        assert!(region.attribute("aria-label").is_some_and(|label| !label.is_empty()));
        let cells = table.descendants().filter(|node| node.has_tag_name("tr")).map(|row| row.children().count());
        assert_eq!(cells.collect::<BTreeSet<_>>().len(), 1, "rows are as long as the head");
    }
}

#[test]
fn features_have_their_plain_name_and_identifier_everywhere() {
    let report = made();
    let html = report.html().unwrap();
    let active_days = "Days with activity <code>active_<wbr/>days</code>";
    assert_eq!(html.matches(active_days).count(), 2, "in the table of features and of leakage checks");
    assert!(html.contains("Days since the last activity <code>recency_<wbr/>days</code>"), "of the other check");
    let charts = report.charts().unwrap();
    let chart = |id: &str| &charts.iter().find(|chart| chart.id == id).unwrap().svg;
    for id in ["importance", "dependence-1"] {
        let texts = roxmltree::Document::parse(chart(id)).unwrap();
        let texts: Vec<String> =
            texts.descendants().filter_map(|node| node.text()).map(|text| text.trim().to_owned()).collect();
        let has = |text: &str| texts.iter().any(|found| found.starts_with(text));
        assert!(has("Days with activity") && has("active_days"), "{id}: {texts:?}");
    }
}

/// A family of many candidates used to fill pages, because each row had all parameters.
#[test]
fn table_of_candidates_fits_a_screen_and_has_the_parameters_that_differ() {
    let mut report = made();
    let candidate = report.card.candidates[1].clone();
    report.card.candidates[1].selected = false;
    report.card.candidates.extend((0..40).map(|n| churn_common::model::card::CandidateReport {
        hyper_parameters: serde_json::json!({"max_depth": 4 + n, "learning_rate": 0.1, "min_child_weight": 1.0}),
        best_of_family: false,
        selected: n == 39,
        difference_to_best: 0.001 * f64::from(n + 1),
        ..candidate.clone()
    }));
    let html = report.html().unwrap();
    let document = roxmltree::Document::parse(body(&html)).unwrap();
    let caption = "Candidates of the family gradient boosting: the best 12 of 41 and those chosen, with 95 % intervals";
    let region = document.descendants().find(|node| node.attribute("aria-label") == Some(caption)).unwrap();
    let rows: Vec<_> = region.descendants().filter(|node| node.has_tag_name("tr")).skip(1).collect();
    let depths: Vec<_> = rows.iter().map(|row| row.first_element_child().and_then(|cell| cell.text())).collect();
    assert_eq!((depths.len(), &depths[..3]), (13, &[Some("3"), Some("4"), Some("5")][..]), "best first");
    assert_eq!((depths[12], rows[12].attribute("class")), (Some("43"), Some("marked")), "the selected one");
    assert!(html.contains(">gradient boosting (selected)<"), "in the first table, too");
    assert!(rows.iter().flat_map(|row| row.descendants()).filter_map(|node| node.text()).all(|text| text.len() < 25));
    assert!(html.contains("<p><b>gradient boosting</b>: learning rate 0.1.</p>"), "{html}");
}

#[test]
fn held_out_rows_have_one_name() {
    let html = made().html().unwrap();
    let text: String = html.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect();
    for other in ["test set", "test row", "Test set", "Test row"] {
        assert!(!text.contains(other), "{other}: {text}");
    }
    assert!(text.contains("held-out rows"));
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
