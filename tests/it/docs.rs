//! README.md and the pages of docs/: their tables match the code, and their links and paths exist.

mod examples;
mod iam;

use churn_common::event_bus::EventSettings;
use churn_common::features::SCHEMA;
use churn_common::prices::{LAMBDA_GB_SECOND, LAMBDA_REQUEST, READ_UNIT, WRITE_UNIT};
use churn_common::settings::Settings;
use churn_common::store::names::StoreNames;
use ingest::IngestSettings;
use monitor::MonitorSettings;
use predict::{PredictSettings, ProblemType};
use retrain::{TrackingSettings, TrainingSettings};
use score::{AlertSettings, ScoreSettings};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use strum::VariantArray;

const API: &str = include_str!("../../docs/api.md");
const COST: &str = include_str!("../../docs/cost.md");
const CONFIGURATION: &str = include_str!("../../docs/configuration.md");
const FEATURES: &str = include_str!("../../docs/features.md");
const MONITORING: &str = include_str!("../../docs/monitoring.md");

/// The longest README, in lines.
const MAX_README: usize = 200;

fn variable(setting: &str) -> String {
    format!("CHURN_{}", setting.to_uppercase())
}

/// Name and default of every setting of `S`, as the page has them.
fn defaults<S: Settings>() -> Vec<(String, String)> {
    let Value::Object(fields) = serde_json::to_value(S::default()).unwrap() else { panic!("settings are an object") };
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    fields.into_iter().map(|(name, value)| (variable(&name), text(value))).collect()
}

/// Name and range of every setting of `S` that has one.
fn ranges<S: Settings>() -> Vec<(String, String)> {
    S::default().ranges().into_iter().map(|ranged| (variable(ranged.name), ranged.range)).collect()
}

/// The settings of all functions.
macro_rules! all {
    ($of:ident) => {
        [
            $of::<AlertSettings>(),
            $of::<EventSettings>(),
            $of::<StoreNames>(),
            $of::<IngestSettings>(),
            $of::<MonitorSettings>(),
            $of::<PredictSettings>(),
            $of::<ScoreSettings>(),
            $of::<TrackingSettings>(),
            $of::<TrainingSettings>(),
        ]
        .into_iter()
        .flatten()
        .collect::<BTreeSet<(String, String)>>()
    };
}

/// The cells of the rows of every table in a section of a page, without the heads.
fn rows_in<const N: usize>(page: &'static str, heading: &str) -> Vec<[&'static str; N]> {
    let section = page.split_once(heading).unwrap_or_else(|| panic!("no section {heading}")).1;
    let section = section.split("\n## ").next().unwrap_or_default();
    rows(section).into_iter().map(|cells| cells.try_into().unwrap_or_else(|cells| panic!("{cells:?}"))).collect()
}

/// The cells of every row of every table, without the heads.
fn rows(text: &'static str) -> Vec<Vec<&'static str>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |line: &str| line.starts_with('|') && !line.starts_with("|---");
    let is_head = |at: usize| lines.get(at + 1).is_some_and(|next| next.starts_with("|---"));
    let rows = lines.iter().enumerate().filter(|(at, line)| is_row(line) && !is_head(*at));
    let cells = |line: &&'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    rows.map(|(_, line)| cells(line)).collect()
}

/// Name, default and description of each setting on the page.
fn documented_settings() -> Vec<[&'static str; 3]> {
    let rows = rows(CONFIGURATION).into_iter().filter(|row| row.len() == 3);
    rows.map(|row| std::array::from_fn(|at| row[at].trim_matches('`'))).collect()
}

#[test]
fn settings_are_documented_with_their_defaults() {
    let documented: BTreeSet<_> =
        documented_settings().into_iter().map(|[name, default, _]| (name.to_owned(), default.to_owned())).collect();
    assert_eq!(documented, all!(defaults));
}

#[test]
fn settings_are_documented_with_their_ranges() {
    for (name, range) in all!(ranges) {
        let rows: Vec<_> = documented_settings().into_iter().filter(|row| row[0] == name).collect();
        assert!(!rows.is_empty(), "{name} is not documented");
        for [_, _, description] in rows {
            assert!(description.contains(&range), "{name}: expected {range} in: {description}");
        }
    }
}

/// The metrics of a function, as CloudWatch has them.
fn metrics<M: VariantArray + Copy + Into<&'static str>>(function: &'static str) -> Vec<[&'static str; 2]> {
    M::VARIANTS.iter().map(|metric| [function, (*metric).into()]).collect()
}

#[test]
fn all_metrics_are_documented() {
    let documented: BTreeSet<[&str; 2]> = rows_in(MONITORING, "\n## Metrics\n")
        .into_iter()
        .map(|[function, metric, _, _]| [function.trim_matches('`'), metric.trim_matches('`')])
        .collect();
    let written = [
        metrics::<ingest::Metric>("ingest"),
        metrics::<monitor::Metric>("monitor"),
        metrics::<predict::Metric>("predict"),
        metrics::<retrain::Metric>("retrain"),
        metrics::<score::Metric>("score"),
    ];
    assert_eq!(documented, written.concat().into_iter().collect());
}

#[test]
fn all_problem_types_are_documented_with_their_statuses() {
    let documented: BTreeSet<(String, String)> = rows_in(API, "\n## Errors\n")
        .into_iter()
        .map(|[status, name, _]| (status.to_owned(), name.trim_matches('`').to_owned()))
        .collect();
    let types = ProblemType::VARIANTS.iter().map(|problem| {
        let name: &str = problem.into();
        (problem.status().as_u16().to_string(), name.to_owned())
    });
    assert_eq!(documented, types.collect());
}

#[test]
fn all_features_are_documented() {
    let documented: Vec<_> = rows(FEATURES).into_iter().map(|cells| cells.join("|")).collect();
    let sentence = |text: &str| format!("{}{}.", text[..1].to_uppercase(), &text[1..]);
    let features = SCHEMA.iter().map(|f| format!("`{}`|{}|{}", f.name, f.unit, sentence(f.meaning)));
    assert_eq!(documented, features.collect::<Vec<_>>());
}

/// README.md and the pages of docs/, each with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let read = |path: PathBuf| (path.clone(), fs::read_to_string(path).unwrap());
    [root.join("README.md")].into_iter().chain(docs).map(read).collect()
}

/// The targets of the links and images of a page, without those on other hosts.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://"))
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let keeps = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let anchor = |heading: &str| heading.to_lowercase().chars().filter(keeps).collect::<String>().replace(' ', "-");
    headings.map(anchor).collect()
}

#[test]
fn links_between_pages_resolve() {
    for (page, text) in pages() {
        for link in links(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link} does not exist", page.display());
            if !anchor.is_empty() {
                let found = anchors(&fs::read_to_string(&target).unwrap());
                assert!(found.contains(anchor), "{}: {link} is not among {found:?}", page.display());
            }
        }
    }
}

#[test]
fn the_readme_is_short_and_links_every_page() {
    let pages = pages();
    let ((_, readme), docs) = pages.split_first().unwrap();
    assert!(readme.lines().count() <= MAX_README, "README.md has more than {MAX_README} lines");
    for (page, _) in docs {
        let link = format!("docs/{}", page.file_name().unwrap().to_str().unwrap());
        assert!(links(readme).any(|target| target == link), "README.md does not link {link}");
    }
}

#[test]
fn prices_of_the_code_are_those_of_the_page() {
    let rows = rows_in::<3>(COST, "## Prices");
    for (name, price) in [
        ("read_unit", READ_UNIT),
        ("write_unit", WRITE_UNIT),
        ("lambda_gb_second", LAMBDA_GB_SECOND),
        ("lambda_request", LAMBDA_REQUEST),
    ] {
        let row = rows.iter().find(|[cell, ..]| cell.trim_matches('`') == name);
        assert_eq!(row.map(|[_, usd, _]| usd.parse()), Some(Ok(price)), "{name}");
    }
}
