//! The report of a training run: stored beside the model, true to the card, well-formed whatever the data say, and read
//! by `churn report`.

use churn_common::calendar::Timestamp;
use churn_common::metrics::{Estimate, pr_auc, roc_auc};
use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_common::store::files::ReportFile;
use churn_local::{DataDir, Stack};
use churn_report::{HeldOut, Rate, Report};
use churn_tests::{invocation, program, put, simulated, stores_in, training};
use ingest::IngestSettings;
use retrain::{Deadline, Notifiers, Outcome, Trained, TrainingSettings, handle};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

/// What a page whose text is hostile would do.
const HOSTILE: &str = "<script src=\"https://example.com/x.js\">alert('&amp;')</script>";

/// Ingests a log and trains on it.
async fn train(stack: &Stack, stores: &Stores) -> Box<Trained> {
    let record = put(stack, "log.json", simulated(200, 60, 5).unwrap(), 1).await.unwrap();
    let now = invocation("id", Timestamp::now());
    ingest::handle(json!({"Records": [record]}), stores, &IngestSettings::default(), &now).await.unwrap();
    let payload = json!({"candidates": ["logistic_regression", "gradient_boosting"], "boosting_depths": [2],
        "boosting_learning_rates": [0.1], "logistic_l2": [1000.0], "min_rows_per_class": 5, "bootstrap_resamples": 100,
        "gate_max_ece": 1.0});
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
    assert_eq!(trained.html_report, format!("s3://churn-store/{html_key}"));
    for (key, content_type) in
        [(html_key, "text/html; charset=utf-8"), (format!("models/{version}/report.json"), "application/json")]
    {
        let head = stack.s3().head_object().bucket("churn-store").key(key).send().await.unwrap();
        assert_eq!(head.content_type(), Some(content_type));
    }
    let report = the_report_is_true(&stores, &version).await;
    the_curves_have_the_areas_of_the_card(&report);
    every_chart_is_there_and_well_formed(&report);
    nothing_told_becomes_markup(report);

    // From a stack that runs, and from its data once it has stopped.
    let told = churn(&data, &[]);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains(version.as_str()) && told.contains("ROC-AUC"), "{told}");
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

/// What is stored says what the card and the log say.
async fn the_report_is_true(stores: &Stores, version: &ModelVersion) -> Report {
    let json = stores.models().report(version, ReportFile::Json).await.unwrap().unwrap();
    let report: Report = serde_json::from_slice(&json).unwrap();
    let card = stores.models().card(version).await.unwrap();
    assert_eq!(report.card, card, "with the gate's verdict");
    assert!(report.card.gate.is_some());

    let log = simulated(200, 60, 5).unwrap();
    let lines: Vec<Value> = log
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<Value>(line).unwrap())
        .filter(|event| event["userId"].as_str().is_some_and(|user| !user.is_empty()))
        .collect();
    let told = &report.exploration;
    let users: BTreeSet<&str> = lines.iter().filter_map(|event| event["userId"].as_str()).collect();
    assert_eq!((told.events + told.events_outside, told.users), (lines.len() as u64, users.len() as u64));
    let sessions: BTreeSet<_> = lines.iter().map(|e| (e["userId"].as_str(), e["sessionId"].as_u64())).collect();
    assert_eq!(told.sessions, sessions.len() as u64);
    assert_eq!(told.churn.rows as usize, card.training.rows + card.test.rows);
    assert_eq!(told.churn.positives as usize, card.training.positives + card.test.positives);
    for groups in [&told.by_level, &told.by_gender, &told.by_tenure, &told.by_cutoff] {
        let sum = |of: fn(&Rate) -> u64| groups.iter().map(|g| of(&g.churn)).sum::<u64>();
        assert_eq!((sum(|r| r.rows), sum(|r| r.positives)), (told.churn.rows, told.churn.positives));
    }

    let html = String::from_utf8(stores.models().report(version, ReportFile::Html).await.unwrap().unwrap()).unwrap();
    assert_eq!(html, report.html().unwrap());
    assert!(html.contains(&card.estimates["roc_auc"].to_string()));
    assert!(html.contains(&format!("{} of them churned", card.test.positives)));
    let gate = card.gate.as_ref().unwrap();
    let rule = format!("above {} (gate_max_ece) and above {:.3} too", gate.max_ece, gate.chance_ece);
    assert!(html.contains(&rule), "{rule}");
    intervals_are_by_user(&report);
    report
}

/// What is told of rows rests on the users whose rows they are.
fn intervals_are_by_user(report: &Report) {
    let (told, card) = (&report.exploration, &report.card);
    assert!(told.churn.users < told.churn.rows / 2, "users have rows at several cutoffs: {:?}", told.churn);
    for rate in told.by_cutoff.iter().map(|group| &group.churn) {
        assert_eq!(rate.users, rate.rows, "a user has a row at a cutoff");
    }
    let rates = || [&told.by_level, &told.by_gender, &told.by_tenure].into_iter().flatten();
    for group in rates().chain(&told.by_cutoff) {
        let Estimate { value: Some(rate), low: Some(low), high: Some(high) } = group.churn.rate else { panic!() };
        assert!(low <= rate && rate <= high && low < high, "{group:?}");
    }
    let HeldOut { reliability, trade_off } = &report.held_out;
    let observed: Vec<_> = reliability.iter().map(|bin| (bin.rows, bin.rate.value)).collect();
    let bins: Vec<_> = card.calibration.reliability.iter().map(|bin| (bin.rows, Some(bin.observed))).collect();
    assert_eq!(observed, bins);
    let shares: Vec<_> = trade_off.iter().map(|row| (row.threshold, row.precision.value, row.recall.value)).collect();
    let table = &card.decision.trade_off;
    assert_eq!(shares, table.iter().map(|row| (row.threshold, row.precision, row.recall)).collect::<Vec<_>>());
    let serving = trade_off.iter().find(|row| row.threshold == card.evaluation.threshold).unwrap();
    for (told, score) in [(serving.precision, card.estimates["precision"]), (serving.recall, card.estimates["recall"])]
    {
        assert_eq!(told.value, score.value);
        assert!(told == score || score.low == score.high, "{told:?}, {score:?}: the same resamples");
    }
    let told: Vec<_> = trade_off.iter().map(|row| [row.precision, row.recall, row.cost]).collect();
    assert!((0..3).all(|of| told.iter().any(|row| row[of].low < row[of].high)), "{told:?}");
}

/// The areas under the drawn curves, by trapezoids and by steps.
fn the_curves_have_the_areas_of_the_card(report: &Report) {
    let (curve, scores) = (&report.curve, &report.card.evaluation);
    assert!(curve.points.len() <= 191 && curve.distinct >= curve.points.len() as u64);
    let roc: f64 = curve.roc().windows(2).map(|w| (w[1].0 - w[0].0) * (w[1].1 + w[0].1) / 2.0).sum();
    assert!((roc - scores.roc_auc.unwrap()).abs() < 0.006, "{roc}");
    // A curve of as few rows as here is kept whole in what counts: its points tell rows that score the same.
    let rows: Vec<(bool, f64)> = std::iter::once((0, 0))
        .chain(curve.points.iter().map(|p| (p.called, p.caught)))
        .zip(&curve.points)
        .flat_map(|((called, caught), p)| {
            let (churned, stayed) = (p.caught - caught, p.called - called - (p.caught - caught));
            let row = |label| (label, p.threshold);
            std::iter::repeat_n(row(true), churned as usize).chain(std::iter::repeat_n(row(false), stayed as usize))
        })
        .collect();
    let (labels, p): (Vec<bool>, Vec<f64>) = rows.into_iter().unzip();
    assert!((roc_auc(&labels, &p).unwrap().unwrap() - scores.roc_auc.unwrap()).abs() < 0.006);
    assert!((pr_auc(&labels, &p).unwrap().unwrap() - scores.pr_auc.unwrap()).abs() < 0.02);
    let served = curve.points.iter().rfind(|p| p.threshold >= scores.threshold);
    let (called, caught) = served.map_or((0, 0), |p| (p.called, p.caught));
    assert_eq!((called, caught), (scores.confusion.tp + scores.confusion.fp, scores.confusion.tp));
}

fn every_chart_is_there_and_well_formed(report: &Report) {
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
        "importance",
        "candidates-log-loss",
        "candidates-roc-auc",
    ];
    assert_eq!(ids, expected);
    assert_eq!(charts.len() - ids.len(), report.card.importance.dependence.len());
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
        assert!(drawn.contains(&chart.title.as_str()) && drawn.len() > 4, "{}: {drawn:?}", chart.id);
        assert!(html.contains(&chart.svg));
    }
}

/// Names, warnings and settings that a log or a bug could bring in stay text, in the page and in its charts.
fn nothing_told_becomes_markup(mut report: Report) {
    let hostile = || HOSTILE.to_owned();
    report.exploration.pages[0].page = hostile();
    report.exploration.by_level[0].group = hostile();
    let card = &mut report.card;
    card.family = hostile();
    card.features[0].name = hostile();
    card.features[0].meaning = hostile();
    card.importance.features[0].name = hostile();
    card.importance.dependence[0].feature = hostile();
    card.decision.rule = hostile();
    card.guards.single_feature.feature = hostile();
    card.candidates[0].family = hostile();
    card.settings = json!({ HOSTILE: HOSTILE });
    card.warnings = vec![hostile()];
    card.notes = vec![hostile()];
    let html = report.html().unwrap();

    // All but the head is well-formed XML, so that no text can have broken out of its place.
    let body = &html[html.find("<body>").unwrap()..html.rfind("</html>").unwrap()];
    let document = roxmltree::Document::parse(body).unwrap();
    let told = document.descendants().filter(|n| n.is_text() && n.text().unwrap().contains(HOSTILE)).count();
    assert!(told >= 15, "{told}");
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
    let [out, json] = ["out/", "figures/report.json"].map(|name| folder.join(name));
    let args = ["champion", "--out", out.to_str().unwrap(), "--json", json.to_str().unwrap()];
    let output = churn(data, &args);
    assert!(output.status.success(), "{output:?}");
    let report: Report = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(report.card.version, *version);
    assert_eq!(std::fs::read_to_string(out.join("report.html")).unwrap(), report.html().unwrap());
}
