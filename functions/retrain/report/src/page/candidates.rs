//! The section about the candidates.

use super::hyper_parameters::{HyperParameters, words};
use crate::charts::ReportCharts;
use churn_common::metrics::Estimate;
use churn_common::model::Card;
use churn_common::model::card::CandidateReport;
use churn_pages::{Column, Row, cell, charts, estimate_cell, number, table};
use maud::{Markup, html};

/// Maximum number of rows in the table of a family, so that it fits the screen of a phone.
const MAX_ROWS: usize = 12;

pub fn section(card: &Card, drawn: &ReportCharts) -> Markup {
    let validation = &card.validation;
    html! {
        p {
            (number::count(card.candidates.len() as u64)) " candidates, compared on "
            (number::count(validation.rows as u64)) " rows held out in cross-validation with "
            (validation.user_groups) " groups of users"
            @if validation.repeats > 1 {
                ", " (validation.repeats) " times, each time with other groups. The first time has all candidates, each further one \
                the better half of each family; metrics and charts are those of the first"
            }
            ". The model was selected by " (validation.selection_metric.replace('_', " ")) ": " (validation.selection_rule) "."
            @if validation.skipped_candidates > 0 {
                " " (number::count(validation.skipped_candidates as u64)) " candidates were not tried because the time was \
                up."
            }
        }
        (charts(&drawn.candidates))
        (best(&card.candidates))
        @for family in families(&card.candidates) { (family_table(&family)) }
    }
}

/// Of its family, or as the model: the two rules can choose different candidates of one family.
fn is_chosen(candidate: &CandidateReport) -> bool {
    candidate.best_of_family || candidate.selected
}

/// The candidates that were chosen.
fn best(candidates: &[CandidateReport]) -> Markup {
    let row = |candidate: &CandidateReport| {
        let selected = if candidate.selected { " (selected)" } else { "" };
        let mut cells = vec![cell(format!("{}{selected}", words(&candidate.family)))];
        cells.extend(metrics(candidate));
        cells.push(cell(format!("{} s", number::grouped(candidate.cv_seconds, 1))));
        Row { is_highlighted: candidate.selected, cells }
    };
    table(
        "Candidate chosen from each family, with 95 % intervals",
        &[
            Column::Text("family"),
            Column::Estimate("log-loss"),
            Column::Estimate("ROC-AUC"),
            Column::Estimate("average precision"),
            Column::Estimate("worse than the best by"),
            Column::Number("duration"),
        ],
        candidates.iter().filter(|candidate| is_chosen(candidate)).map(row),
    )
}

/// The candidates of each family, best first.
fn families(candidates: &[CandidateReport]) -> Vec<Vec<&CandidateReport>> {
    let mut families: Vec<Vec<&CandidateReport>> = Vec::new();
    for candidate in candidates {
        match families.iter_mut().find(|family| family.iter().any(|other| other.family == candidate.family)) {
            Some(family) => family.push(candidate),
            None => families.push(vec![candidate]),
        }
    }
    for family in &mut families {
        family.sort_by(|a, b| a.difference_to_best.total_cmp(&b.difference_to_best));
    }
    families
}

/// The parameters that all candidates of a family share, and a table of those that differ.
fn family_table(family: &[&CandidateReport]) -> Markup {
    let Some(first) = family.first() else { return html! {} };
    let HyperParameters { common, differing } = HyperParameters::new(family);
    let row = |candidate: &&CandidateReport| {
        let mut cells: Vec<Markup> = differing.iter().map(|name| cell(name.value(candidate))).collect();
        cells.extend(metrics(candidate));
        Row { is_highlighted: candidate.selected, cells }
    };
    let names: Vec<String> = differing.iter().map(|name| words(name.0)).collect();
    let parameters = names.iter().map(|name| Column::Number(name));
    let columns: Vec<Column<'_>> = parameters
        .chain(["log-loss", "ROC-AUC", "average precision"].map(Column::Estimate))
        .chain([Column::Estimate("worse than the best by")])
        .collect();
    let shown = family.iter().enumerate().filter(|(at, candidate)| *at < MAX_ROWS || is_chosen(candidate));
    let shown = shown.map(|(_, candidate)| candidate);
    let (name, n) = (words(&first.family), number::count(family.len() as u64));
    let caption = match family.len() {
        0..=MAX_ROWS => format!("Candidates of the family {name}: {n}, best first, with 95 % intervals"),
        _ => {
            format!("Candidates of the family {name}: the best {MAX_ROWS} of {n} and those chosen, with 95 % intervals")
        }
    };
    html! {
        @if !common.is_empty() { p { b { (name) } ": " (common.join(", ")) "." } }
        @if family.len() > 1 { (table(&caption, &columns, shown.map(row))) }
    }
}

fn metrics(candidate: &CandidateReport) -> [Markup; 4] {
    let estimate = |name: &str| {
        estimate_cell(candidate.metrics.get(name).unwrap_or(&Estimate::UNDEFINED), |x| number::grouped(x, 3))
    };
    [estimate("log_loss"), estimate("roc_auc"), estimate("pr_auc"), cell(difference(candidate))]
}

/// Such as `0.0012 ± 0.0020`, with the standard error.
fn difference(candidate: &CandidateReport) -> String {
    let error = candidate.difference_standard_error.map(|error| format!(" ±\u{a0}{error:.4}"));
    format!("{:.4}{}", candidate.difference_to_best, error.unwrap_or_default())
}
