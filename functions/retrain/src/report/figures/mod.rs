//! Every chart of a report.

mod candidates;
mod data;
mod decision;
mod features;
mod scores;

use super::chart::Chart;
use super::{Report, ReportError};

/// Every chart of a report, by the section that it stands in.
#[derive(Debug)]
pub struct Figures {
    /// What happened on each day.
    pub daily: Vec<Chart>,
    /// Churn by group.
    pub groups: Vec<Chart>,
    /// Pages visited before the cutoff.
    pub pages: Vec<Chart>,
    /// Scores on the held-out rows.
    pub scores: Vec<Chart>,
    /// The threshold and its cost.
    pub decision: Vec<Chart>,
    /// Features.
    pub features: Vec<Chart>,
    /// Candidates.
    pub candidates: Vec<Chart>,
}

impl Figures {
    /// Draws them.
    ///
    /// # Errors
    /// If one cannot be drawn.
    pub fn of(report: &Report) -> Result<Self, ReportError> {
        let Report { card, exploration, curve, held_out, .. } = report;
        Ok(Self {
            daily: data::daily(exploration)?,
            groups: data::groups(exploration)?,
            pages: data::pages(exploration)?,
            scores: scores::all(card, curve, held_out)?,
            decision: decision::all(card, curve)?,
            features: features::all(card)?,
            candidates: candidates::all(card)?,
        })
    }

    /// All of them in the order of the page.
    pub fn all(self) -> Vec<Chart> {
        let Self { daily, groups, pages, scores, decision, features, candidates } = self;
        [daily, groups, pages, scores, decision, features, candidates].into_iter().flatten().collect()
    }
}
