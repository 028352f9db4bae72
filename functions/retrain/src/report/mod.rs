//! The report of a training run: one HTML page for people, and the same figures as JSON.

mod by_user;
mod chart;
mod curve;
mod exploration;
mod figures;
mod groups;
mod held_out;
mod number;
mod page;
mod rate;
mod totals;
mod visits;

pub use chart::Chart;
pub use curve::{OperatingCurve, OperatingPoint};
pub use exploration::{DayActivity, Exploration};
pub use groups::GroupRate;
pub use held_out::{HeldOut, ThresholdEstimates};
pub use rate::Rate;
pub(crate) use totals::Totals;
pub use visits::PageUse;

use crate::comparison::Scored;
use crate::snapshots::labels;
use churn_common::metrics::EstimateParams;
use churn_common::model::Card;
use churn_common::model::explain::Explained;
use churn_common::snapshot::Snapshot;
use churn_common::store::models::ReportFiles;
use figures::Figures;
use serde::{Deserialize, Serialize};

/// The form of `report.json`; raised when a field changes its meaning or goes away.
pub const FORMAT: u32 = 1;

/// What `report.json` holds: the card, and what the card lacks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// The model card, as it is stored beside.
    pub card: Card,
    /// What the log and the rows look like.
    pub exploration: Exploration,
    /// What each threshold would have led to on the held-out rows: ROC, precision and recall, gain, lift and cost.
    pub curve: OperatingCurve,
    /// How sure the card's reliability curve and its trade-off by threshold are.
    #[serde(default)]
    pub held_out: HeldOut,
}

/// What a report tells besides the card, which is known only once the model has been judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    /// What the log and the rows look like.
    pub exploration: Exploration,
    /// What each threshold would have led to.
    pub curve: OperatingCurve,
    /// How sure the card's reliability curve and its trade-off are.
    pub held_out: HeldOut,
}

/// A report cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// A chart cannot be drawn.
    #[error("chart {id}: {why}")]
    Chart {
        /// The chart.
        id: String,
        /// What the library says.
        why: String,
    },
    /// It cannot be told as JSON.
    #[error("report.json: {0}")]
    Json(String),
}

impl Draft {
    /// Of what was counted, the rows trained on, and the held-out rows with what the model told of them, of which the card
    /// tells as well.
    pub fn of(totals: &Totals, train: &[Snapshot], held_out: Scored<'_>, card: &Card, params: &EstimateParams) -> Self {
        let Scored { snapshots: test, probabilities, threshold, .. } = held_out;
        let reliability = &card.calibration.reliability;
        Self {
            exploration: Exploration::of(totals, train, test, params),
            curve: OperatingCurve::of(&labels(test), probabilities, threshold.get()),
            held_out: HeldOut::of(test, probabilities, reliability, &card.decision, params),
        }
    }

    /// The files of the report, with this card.
    ///
    /// # Errors
    /// If a chart cannot be drawn.
    pub fn files(&self, card: &Card) -> Result<ReportFiles, ReportError> {
        let Self { exploration, curve, held_out } = self.clone();
        let report = Report { format: FORMAT, card: card.clone(), exploration, curve, held_out };
        let json = serde_json::to_vec_pretty(&report).map_err(|e| ReportError::Json(e.to_string()))?;
        Ok(ReportFiles { html: report.html()?.into_bytes(), json })
    }
}

impl Report {
    /// The charts of the page, in its order.
    ///
    /// # Errors
    /// If one cannot be drawn.
    pub fn charts(&self) -> Result<Vec<Chart>, ReportError> {
        Figures::of(self).map(Figures::all)
    }

    /// The page: one file that loads nothing.
    ///
    /// # Errors
    /// If a chart cannot be drawn.
    pub fn html(&self) -> Result<String, ReportError> {
        Ok(page::page(self, &Figures::of(self)?).into_string())
    }
}

/// The unit of contributions.
fn explained(card: &Card) -> &'static str {
    match card.importance.explained {
        Explained::Probability => "probability",
        Explained::LogOdds => "log-odds",
        Explained::ProbabilityBeforeCalibration => "probability before calibration",
        Explained::LogOddsBeforeCalibration => "log-odds before calibration",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A colour that a page does not know would stay as on paper in the dark.
    #[test]
    fn the_page_knows_every_colour_of_charts() {
        for colour in [chart::INK, chart::MUTED, chart::GRID, chart::PAPER, chart::FIRST, chart::SECOND] {
            let rule = format!("svg [fill=\"#{:02X}{:02X}{:02X}\"]", colour.0, colour.1, colour.2);
            assert!(page::STYLE.contains(&rule), "{rule}");
        }
    }
}
