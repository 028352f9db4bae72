//! The training report: an HTML page for people, and the same data as JSON. Pure: takes the card and counts, returns
//! files.

mod charts;
mod curve;
mod exploration;
mod feature_name;
mod group_metrics;
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
pub use group_metrics::GroupMetrics;
pub use groups::GroupRate;
pub use held_out::{HeldOut, HeldOutRows, ThresholdEstimates};
pub use rate::Rate;
pub use totals::{DayTotals, Totals, UserVisits};
pub use visits::PageVisits;

use charts::ReportCharts;
use churn_common::metrics::EstimateParams;
use churn_common::model::Card;
use churn_common::model::explain::ModelOutput;
use churn_common::snapshot::Snapshot;
use churn_common::store::files::ReportFiles;
use churn_pages::ChartError;
use maud::Render;
use serde::{Deserialize, Serialize};

/// Version of the format of `report.json`, incremented when a field is removed or changes its meaning.
pub const FORMAT: u32 = 1;

/// The content of `report.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the format: [`FORMAT`].
    pub format: u32,
    /// A copy of `card.json`.
    pub card: Card,
    pub exploration: Exploration,
    /// On the held-out rows.
    pub curve: OperatingCurve,
    pub held_out: HeldOut,
}

/// The content of a report besides the card, which is complete only after the gate.
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

    /// `report.html` and `report.json` with this card.
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

    /// The page: one file without external resources.
    ///
    /// # Errors
    /// If a chart cannot be drawn.
    pub fn html(&self) -> Result<String, ChartError> {
        Ok(page::page(self, &ReportCharts::draw(self)?).render().into_string())
    }
}

/// The unit of SHAP values.
fn contribution_unit(card: &Card) -> &'static str {
    match card.shap_importance.model_output {
        ModelOutput::Probability => "probability",
        ModelOutput::LogOdds => "log-odds",
        ModelOutput::UncalibratedProbability => "probability before calibration",
        ModelOutput::UncalibratedLogOdds => "log-odds before calibration",
    }
}
