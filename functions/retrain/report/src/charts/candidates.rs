//! Charts of the candidates.

use churn_common::model::Card;
use churn_pages::chart::{Axis, Caption, Mark, Whiskers};
use churn_pages::{Chart, ChartError, number};

/// Id, title, metric and axis label of each chart.
const CHARTS: [(&str, &str, &str, &str); 2] = [
    (
        "candidates-log-loss",
        "Candidates: log-loss in cross-validation",
        "log_loss",
        "log-loss, nats per row (lower is better)",
    ),
    (
        "candidates-roc-auc",
        "Candidates: ROC-AUC in cross-validation",
        "roc_auc",
        "ROC-AUC, 0.5 = chance (higher is better)",
    ),
];

const DESCRIPTION: &str = "The candidate chosen from each family, in the first repeat of cross-validation. Horizontal lines are \
                           95 % intervals that resample users; the vertical line is the baseline without features. All \
                           candidates are evaluated on the same users, so a difference can be significant although the \
                           intervals overlap.";

pub fn all(card: &Card) -> Result<Vec<Chart>, ChartError> {
    CHARTS.iter().filter_map(|chart| draw(card, chart)).collect()
}

/// `None` if no candidate has the metric.
fn draw(card: &Card, (id, title, metric, label): &(&str, &str, &str, &str)) -> Option<Result<Chart, ChartError>> {
    let best = card.candidates.iter().filter(|c| c.best_of_family);
    let marks: Vec<Mark> = best
        .filter_map(|candidate| {
            let value = *candidate.metrics.get(*metric)?;
            let selected = if candidate.selected { ", selected" } else { "" };
            let name = candidate.family.replace('_', " ");
            Some(Mark { name, value, note: format!("{}{selected}", number::score(value.value)) })
        })
        .collect();
    let ends = || marks.iter().flat_map(|m| [m.value.value, m.value.low, m.value.high]).flatten();
    let (low, high) = (ends().fold(f64::INFINITY, f64::min), ends().fold(f64::NEG_INFINITY, f64::max));
    let margin = 0.06 * (high - low).max(1e-3);
    (low <= high).then(|| {
        Whiskers {
            caption: Caption::new(id, *title, DESCRIPTION),
            x: Axis::new(*label, low - margin..high + margin),
            marks,
            guide: if *metric == "roc_auc" { Some(0.5) } else { baseline(card) },
        }
        .draw()
    })
}

/// The log-loss of the prior rate.
fn baseline(card: &Card) -> Option<f64> {
    card.candidates.iter().find(|c| c.family == "prior").map(|c| c.log_loss)
}
