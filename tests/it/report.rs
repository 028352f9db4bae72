//! The training report: stored with the model, consistent with the card, well-formed for any data, and read by
//! `churn report`.

use churn_common::calendar::Timestamp;
use churn_common::metrics::{Estimate, pr_auc, roc_auc};
use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_common::store::files::ReportFile;
use churn_local::{DataDir, Stack};
use churn_report::{Exploration, HeldOut, Rate, Report};
use churn_tests::{invocation, program, put, simulated, stores_in, training};
use ingest::IngestSettings;
use retrain::{Deadline, Notifiers, Outcome, Trained, TrainingSettings, handle};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

/// Text that would run as a script if it was not escaped.
const HOSTILE: &str = "<img src=x onerror=\"alert('&amp;')\">";

/// Ingests a log and trains on it.
async fn train(stack: &Stack, stores: &Stores) -> Box<Trained> {
    let record = put(stack, "log.json", simulated(200, 60, 5).unwrap(), 1).await.unwrap();
    let now = invocation("id", Timestamp::now());
    ingest::handle(json!({"Records": [record]}), stores, &IngestSettings::default(), &now).await.unwrap();
    let payload = json!({"cutoff_interval_days": 7, "candidates": ["logistic_regression", "gradient_boosting"], "boosting_max_depths": [2],
        "boosting_learning_rates": [0.1], "logistic_l2": [1000.0], "min_rows_per_class": 5, "bootstrap_resamples": 100,
        "gate_max_ece": 1.0, "gate_max_calibration_in_the_large": 100});
    match handle(payload, stores, &TrainingSettings::default(), &Notifiers::default(), &training(Deadline::NONE))
        .await
        .unwrap()
    {
        Outcome::Trained(trained) => trained,
        other => panic!("{other:?}"),
    }
}

fn churn(data: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(program("deployed-churn").unwrap());
    command.arg("report").args(args).arg("--data").arg(data).output().unwrap()
}

fn fails(data: &Path, args: &[&str]) -> String {
    let output = churn(data, args);
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn churn_report_reads_the_report_of_a_training() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let missing = fails(&data, &[]);
    assert!(missing.contains("no data folder") && missing.contains("churn up"), "{missing}");
    assert!(!data.exists(), "a report creates no data folder");

    let (stack, stores) = stores_in(DataDir::Persistent(data.clone())).await.unwrap();
    assert!(fails(&data, &[]).contains("no champion"), "read from the running stack");
    let trained = train(&stack, &stores).await;
    let version = trained.model_version.clone();
    let html_key = format!("models/{version}/report.html");
    assert_eq!(trained.report_url, format!("s3://churn-store/{html_key}"));
    for (key, content_type) in
        [(html_key, "text/html; charset=utf-8"), (format!("models/{version}/report.json"), "application/json")]
    {
        let head = stack.s3().head_object().bucket("churn-store").key(key).send().await.unwrap();
        assert_eq!(head.content_type(), Some(content_type));
    }
    let report = stored_report_matches_card_and_log(&stores, &version).await;
    curves_have_the_areas_in_the_card(&report);
    charts_are_complete_and_well_formed(&report);
    text_is_escaped(report);

    // From a running stack, and from its data after it has stopped.
    let printed = String::from_utf8(churn(&data, &[]).stdout).unwrap();
    assert!(printed.contains(version.as_str()) && printed.contains("ROC-AUC"), "{printed}");
    let old = ModelVersion::parse("0123456789abcdef").unwrap();
    let register = |registry: &mut churn_common::store::registry::Registry| {
        registry.versions.push(old.clone());
        Ok::<_, churn_common::store::StoreError>(())
    };
    stores.registry().update(register).await.unwrap();
    stack.shutdown().await;
    exported(&data, folder.path(), &version);

    let unknown = fails(&data, &["ffffffffffffffff"]);
    assert!(unknown.contains("no model ffffffffffffffff") && unknown.contains(version.as_str()), "{unknown}");
    assert!(fails(&data, &["newest"]).contains("invalid model \"newest\""));
    assert!(fails(&data, &["challenger"]).contains("no challenger"));
    let without = fails(&data, &["0123456789abcdef"]);
    assert!(without.contains("0123456789abcdef has no report"), "{without}");
}

async fn stored_report_matches_card_and_log(stores: &Stores, version: &ModelVersion) -> Report {
    let json = stores.models().report(version, ReportFile::Json).await.unwrap().unwrap();
    let report: Report = serde_json::from_slice(&json).unwrap();
    let card = stores.models().card(version).await.unwrap();
    assert_eq!(report.card, card, "with the gate");
    assert!(report.card.gate.is_some());

    let log = simulated(200, 60, 5).unwrap();
    let lines: Vec<Value> = log
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<Value>(line).unwrap())
        .filter(|event| event["userId"].as_str().is_some_and(|user| !user.is_empty()))
        .collect();
    let exploration = &report.exploration;
    let users: BTreeSet<&str> = lines.iter().filter_map(|event| event["userId"].as_str()).collect();
    let events = exploration.events + exploration.out_of_range_events;
    assert_eq!((events, exploration.users), (lines.len() as u64, users.len() as u64));
    let sessions: BTreeSet<_> = lines.iter().map(|e| (e["userId"].as_str(), e["sessionId"].as_u64())).collect();
    assert_eq!(exploration.sessions, sessions.len() as u64);
    assert_eq!(exploration.churn.rows as usize, card.training.rows + card.test.rows);
    assert_eq!(exploration.churn.positives as usize, card.training.positives + card.test.positives);
    let Exploration { churn, by_level, by_gender, by_tenure, by_cutoff, .. } = exploration;
    for groups in [by_level, by_gender, by_tenure, by_cutoff] {
        let sum = |count: fn(&Rate) -> u64| groups.iter().map(|g| count(&g.churn)).sum::<u64>();
        assert_eq!((sum(|r| r.rows), sum(|r| r.positives)), (churn.rows, churn.positives));
    }

    let html = String::from_utf8(stores.models().report(version, ReportFile::Html).await.unwrap().unwrap()).unwrap();
    assert_eq!(html, report.html().unwrap());
    assert!(html.contains(&card.metrics["roc_auc"].to_string()));
    assert!(html.contains(&format!("{} of the rows churned", card.test.positives)));
    let gate = card.gate.as_ref().unwrap();
    let rule = format!("above {} (gate_max_ece) and above {:.3}, the 95th", gate.max_ece, gate.null_ece_p95);
    assert!(html.contains(&rule), "{rule}");
    intervals_are_by_user(&report);
    report
}

fn intervals_are_by_user(report: &Report) {
    let (exploration, card) = (&report.exploration, &report.card);
    let churn = exploration.churn;
    assert!(churn.users < churn.rows / 2, "users have rows at several cutoffs: {churn:?}");
    for rate in exploration.by_cutoff.iter().map(|group| &group.churn) {
        assert_eq!(rate.users, rate.rows, "a user has one row per cutoff");
    }
    let rates = || [&exploration.by_level, &exploration.by_gender, &exploration.by_tenure].into_iter().flatten();
    for group in rates().chain(&exploration.by_cutoff) {
        let Estimate { value: Some(rate), low: Some(low), high: Some(high) } = group.churn.rate else { panic!() };
        assert!(low <= rate && rate <= high && low < high, "{group:?}");
    }
    let HeldOut { reliability, trade_off, by_group } = &report.held_out;
    let observed: Vec<_> = reliability.iter().map(|bin| (bin.rows, bin.rate.value)).collect();
    let bins: Vec<_> = card.calibration.reliability.iter().map(|bin| (bin.rows, Some(bin.observed))).collect();
    assert_eq!(observed, bins);
    let shares: Vec<_> = trade_off.iter().map(|row| (row.threshold, row.precision.value, row.recall.value)).collect();
    let table = &card.decision.trade_off;
    assert_eq!(shares, table.iter().map(|row| (row.threshold, row.precision, row.recall)).collect::<Vec<_>>());
    let decision = trade_off.iter().find(|row| row.threshold == card.evaluation.threshold).unwrap();
    for (found, metric) in [(decision.precision, card.metrics["precision"]), (decision.recall, card.metrics["recall"])]
    {
        assert_eq!(found.value, metric.value);
        assert!(found == metric || metric.low == metric.high, "{found:?}, {metric:?}: the same resamples");
    }
    let (all, groups) = by_group.split_first().unwrap();
    assert_eq!((all.rows as usize, all.churned_users as usize), (card.test.rows, card.test.positive_users));
    for grouping in ["level", "gender", "tenure"] {
        let rows: u64 = groups.iter().filter(|group| group.grouping == grouping).map(|group| group.rows).sum();
        assert_eq!(rows, all.rows, "each row is in one group of {grouping}");
    }
    let intervals: Vec<_> = trade_off.iter().map(|row| [row.precision, row.recall, row.cost]).collect();
    assert!((0..3).all(|at| intervals.iter().any(|row| row[at].low < row[at].high)), "{intervals:?}");
}

/// The areas under the drawn curves, by trapezoids and by steps.
fn curves_have_the_areas_in_the_card(report: &Report) {
    let (curve, evaluation) = (&report.curve, &report.card.evaluation);
    assert!(curve.points.len() <= 191 && curve.distinct_probabilities >= curve.points.len() as u64);
    let roc: f64 = curve.roc().windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum();
    assert!((roc - evaluation.roc_auc.unwrap()).abs() < 0.006, "{roc}");
    // With so few rows, the curve is hardly thinned: rows reconstructed from its points have about the same metrics.
    let rows: Vec<(bool, f64)> = std::iter::once((0, 0))
        .chain(curve.points.iter().map(|p| (p.predicted_positives, p.true_positives)))
        .zip(&curve.points)
        .flat_map(|((predicted_positives, true_positives), p)| {
            let churned = p.true_positives - true_positives;
            let retained = p.predicted_positives - predicted_positives - churned;
            let row = |label| (label, p.threshold);
            std::iter::repeat_n(row(true), churned as usize).chain(std::iter::repeat_n(row(false), retained as usize))
        })
        .collect();
    let (labels, p): (Vec<bool>, Vec<f64>) = rows.into_iter().unzip();
    assert!((roc_auc(&labels, &p).unwrap().unwrap() - evaluation.roc_auc.unwrap()).abs() < 0.006);
    assert!((pr_auc(&labels, &p).unwrap().unwrap() - evaluation.pr_auc.unwrap()).abs() < 0.02);
    let decision = curve.points.iter().rfind(|p| p.threshold >= evaluation.threshold);
    let counts = decision.map_or((0, 0), |p| (p.predicted_positives, p.true_positives));
    assert_eq!(counts, (evaluation.confusion.tp + evaluation.confusion.fp, evaluation.confusion.tp));
}

fn charts_are_complete_and_well_formed(report: &Report) {
    let charts = report.charts().unwrap();
    let ids: Vec<&str> = charts.iter().map(|c| c.id.as_str()).filter(|id| !id.starts_with("dependence-")).collect();
    let expected = [
        "daily-users",
        "daily-events",
        "daily-cancellations",
        "churn-by-level",
        "churn-by-gender",
        "churn-by-tenure",
        "churn-by-cutoff",
        "pages",
        "roc",
        "precision-recall",
        "reliability",
        "confusion",
        "gain",
        "lift",
        "cost",
        "profit",
        "importance",
        "candidates-log-loss",
        "candidates-roc-auc",
    ];
    assert_eq!(ids, expected);
    assert_eq!(charts.len() - ids.len(), report.card.shap_dependence.len());
    let html = report.html().unwrap();
    for chart in charts {
        let svg = roxmltree::Document::parse(&chart.svg).unwrap_or_else(|e| panic!("{}: {e}", chart.id));
        let root = svg.root_element();
        assert_eq!((root.attribute("role"), root.has_attribute("viewBox")), (Some("img"), true));
        let named: Vec<&str> = root.attribute("aria-labelledby").unwrap().split(' ').collect();
        for (id, text) in named.into_iter().zip([&chart.title, &chart.description]) {
            let node = svg.descendants().find(|n| n.attribute("id") == Some(id)).unwrap();
            assert_eq!(node.text(), Some(text.as_str()));
        }
        let drawn: Vec<&str> = svg
            .descendants()
            .filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "text")))
            .filter_map(|n| n.text())
            .map(str::trim)
            .collect();
        assert!(drawn.join(" ").contains(&chart.title) && drawn.len() > 4, "{}: {drawn:?}", chart.id);
        assert!(html.contains(&chart.svg));
    }
}

/// Names, warnings and settings are escaped in the page and in its charts.
fn text_is_escaped(mut report: Report) {
    let hostile = || HOSTILE.to_owned();
    report.exploration.page_visits[0].page = hostile();
    report.exploration.by_level[0].group = hostile();
    let card = &mut report.card;
    card.family = hostile();
    card.features[0].name = hostile();
    card.features[0].meaning = hostile();
    card.shap_importance.features[0].name = hostile();
    card.shap_dependence[0].feature = hostile();
    card.decision.threshold_rationale = hostile();
    card.leakage_checks.single_feature.feature = hostile();
    card.candidates[0].family = hostile();
    card.settings = json!({ HOSTILE: HOSTILE });
    card.warnings = vec![hostile()];
    card.notes = vec![hostile()];
    let html = report.html().unwrap();

    // The body is well-formed XML, so all text is escaped.
    let body = &html[html.find("<body>").unwrap()..html.rfind("</html>").unwrap()];
    let document = roxmltree::Document::parse(body).unwrap();
    let texts = document.descendants().filter(|n| n.is_text() && n.text().unwrap().contains(HOSTILE)).count();
    assert!(texts >= 20, "{texts}");
    for node in document.descendants().filter(|n| n.is_element()) {
        let name = node.tag_name().name();
        assert!(!["script", "link", "iframe", "object", "image", "img", "use"].contains(&name), "{name}");
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "src" && name != "style", "{name}");
            assert!(name != "href" || value.starts_with('#'), "{value}");
        }
    }
    let head = &html[..html.find("<body>").unwrap()];
    assert!(!head.contains("<link") && !head.contains("url(") && !head.contains("@import") && !head.contains("http"));
    let ids: Vec<&str> = document.descendants().filter_map(|n| n.attribute("id")).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids are unique");
    let arabic = document.descendants().filter(|n| n.attribute("lang") == Some("ar"));
    assert!(arabic.filter(|n| n.attribute("dir") == Some("rtl")).count() >= 10);
}

/// The files that `churn report` writes.
fn exported(data: &Path, folder: &Path, version: &ModelVersion) {
    let [out, json] = ["out/", "export/report.json"].map(|name| folder.join(name));
    let args = ["champion", "--out", out.to_str().unwrap(), "--json", json.to_str().unwrap()];
    for missing in [&out, &folder.join("export")] {
        assert!(fails(data, &args).contains("its folder does not exist"));
        assert!(!missing.exists(), "a report creates no folder");
        std::fs::create_dir(missing).unwrap();
    }
    let output = churn(data, &args);
    assert!(output.status.success(), "{output:?}");
    let report: Report = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(report.card.version, *version);
    assert_eq!(std::fs::read_to_string(out.join("report.html")).unwrap(), report.html().unwrap());
}
