//! Every chart of a report.

mod candidates;
mod data;
mod decision;
mod features;
mod profit;
mod scores;

use super::Report;
use churn_pages::{Chart, ChartError};

/// Every chart of a report, by section.
#[derive(Debug)]
pub struct ReportCharts {
    pub daily: Vec<Chart>,
    pub groups: Vec<Chart>,
    pub pages: Vec<Chart>,
    pub scores: Vec<Chart>,
    pub decision: Vec<Chart>,
    pub profit: Vec<Chart>,
    pub features: Vec<Chart>,
    pub candidates: Vec<Chart>,
}

impl ReportCharts {
    pub fn draw(report: &Report) -> Result<Self, ChartError> {
        let Report { card, exploration, curve, held_out, .. } = report;
        Ok(Self {
            daily: data::daily(exploration)?,
            groups: data::groups(exploration)?,
            pages: data::pages(exploration)?,
            scores: scores::all(card, curve, held_out)?,
            decision: decision::all(card, curve)?,
            profit: profit::all(card)?,
            features: features::all(card)?,
            candidates: candidates::all(card)?,
        })
    }

    /// In the order of the page.
    pub fn into_vec(self) -> Vec<Chart> {
        let Self { daily, groups, pages, scores, decision, profit, features, candidates } = self;
        [daily, groups, pages, scores, decision, profit, features, candidates].into_iter().flatten().collect()
    }
}
