//! The report of a training run: one HTML page for people, and the same data as JSON. Pure: card and counts in, files out.

mod charts;
mod curve;
mod exploration;
mod groups;
mod held_out;
mod page;
mod rate;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod totals;
mod user_sums;
mod visits;

pub use churn_pages::Chart;
pub use curve::{OperatingCurve, OperatingPoint};
pub use exploration::{DayActivity, Exploration};
pub use groups::GroupRate;
pub use held_out::{HeldOut, HeldOutRows, ThresholdEstimates};
pub use rate::Rate;
pub use totals::{DayTotals, Totals, UserVisits};
pub use visits::PageUse;

use charts::ReportCharts;
use churn_common::metrics::EstimateParams;
use churn_common::model::Card;
use churn_common::model::explain::ModelOutput;
use churn_common::snapshot::Snapshot;
use churn_common::store::files::ReportFiles;
use churn_pages::ChartError;
use maud::Render;
use serde::{Deserialize, Serialize};

/// The format of `report.json`; raised when a field changes its meaning or is removed.
pub const FORMAT: u32 = 1;

/// The content of `report.json`: the card, and what the card lacks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`FORMAT`].
    pub format: u32,
    /// A copy of `card.json`.
    pub card: Card,
    pub exploration: Exploration,
    /// ROC, precision and recall, gain, lift and cost on the held-out rows.
    pub curve: OperatingCurve,
    /// Intervals of the card's reliability curve and of its trade-off by threshold.
    #[serde(default)]
    pub held_out: HeldOut,
}

/// What a report adds to the card. It is made before the gate runs; the card is complete only afterwards.
#[derive(Debug, Clone, PartialEq)]
pub struct ReportData {
    exploration: Exploration,
    curve: OperatingCurve,
    held_out: HeldOut,
}

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Chart(#[from] ChartError),
    #[error("report.json: {0}")]
    Json(#[from] serde_json::Error),
}

impl ReportData {
    /// Of counts over all histories, the training rows, the held-out rows and their card.
    pub fn new(
        totals: &Totals,
        train: &[Snapshot],
        held_out: HeldOutRows<'_>,
        card: &Card,
        params: &EstimateParams,
    ) -> Self {
        let labels: Vec<bool> = held_out.snapshots.iter().map(|row| row.churned).collect();
        Self {
            exploration: Exploration::new(totals, train, held_out.snapshots, params),
            curve: OperatingCurve::new(&labels, held_out.probabilities, card.decision.decision.threshold.get()),
            held_out: HeldOut::new(held_out, &card.calibration.reliability, &card.decision, params),
        }
    }

    /// The files of the report with this card.
    ///
    /// # Errors
    /// If a chart cannot be drawn.
    pub fn files(&self, card: &Card) -> Result<ReportFiles, ReportError> {
        let Self { exploration, curve, held_out } = self.clone();
        let report = Report { format: FORMAT, card: card.clone(), exploration, curve, held_out };
        let json = serde_json::to_vec_pretty(&report)?;
        Ok(ReportFiles { html: report.html()?.into_bytes(), json })
    }
}

impl Report {
    /// The charts in the order of the page.
    ///
    /// # Errors
    /// If one cannot be drawn.
    pub fn charts(&self) -> Result<Vec<Chart>, ChartError> {
        ReportCharts::draw(self).map(ReportCharts::into_vec)
    }

    /// The page: one file that loads nothing.
    ///
    /// # Errors
    /// If a chart cannot be drawn.
    pub fn html(&self) -> Result<String, ChartError> {
        Ok(page::page(self, &ReportCharts::draw(self)?).render().into_string())
    }
}

/// The unit of SHAP values.
fn contribution_unit(card: &Card) -> &'static str {
    match card.importance.explained {
        ModelOutput::Probability => "probability",
        ModelOutput::LogOdds => "log-odds",
        ModelOutput::UncalibratedProbability => "probability before calibration",
        ModelOutput::UncalibratedLogOdds => "log-odds before calibration",
    }
}
