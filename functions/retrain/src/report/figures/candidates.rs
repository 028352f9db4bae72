//! Charts of the candidates that competed.

use crate::report::chart::{Axis, Chart, Head, Mark, Whiskers};
use crate::report::{ReportError, number};
use churn_common::model::Card;

/// All of them.
pub fn all(card: &Card) -> Result<Vec<Chart>, ReportError> {
    let charts = [
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
    let best = || card.candidates.iter().filter(|c| c.best_of_family);
    let drawn = charts.into_iter().filter_map(|(id, title, metric, label)| {
        let marks: Vec<Mark> = best()
            .filter_map(|candidate| {
                let value = *candidate.estimates.get(metric)?;
                let chosen = if candidate.chosen { ", chosen" } else { "" };
                let name = candidate.family.replace('_', " ");
                Some(Mark { name, value, note: format!("{}{chosen}", number::score(value.value)) })
            })
            .collect();
        let ends = || marks.iter().flat_map(|m| [m.value.value, m.value.low, m.value.high]).flatten();
        let (low, high) = (ends().fold(f64::INFINITY, f64::min), ends().fold(f64::NEG_INFINITY, f64::max));
        let margin = 0.06 * (high - low).max(1e-3);
        let reading = "The best of each family, scored on rows that it had not seen; lines are 95 % intervals, users \
                       resampled, the vertical line is what needs no features. Intervals of different candidates rest on the same users, so a small difference may \
                       be surer than overlapping lines suggest.";
        (low <= high).then(|| {
            Whiskers {
                head: Head::new(id, title, reading),
                x: Axis::new(label, low - margin..high + margin),
                marks,
                guide: if metric == "roc_auc" { Some(0.5) } else { floor(card) },
            }
            .draw()
        })
    });
    drawn.collect()
}

/// The log-loss of the prior rate, the floor.
fn floor(card: &Card) -> Option<f64> {
    card.candidates.iter().find(|c| c.family == "prior").map(|c| c.log_loss)
}
