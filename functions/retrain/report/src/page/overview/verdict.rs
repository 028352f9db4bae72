//! What a report says about a model at first sight. All answers of the summary are derived from one [`Verdict`], so that
//! they do not contradict each other.

use crate::Report;
use churn_common::metrics::Estimate;
use churn_common::model::card::OfferCosts;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    pub gate: GateResult,
    pub ranking: Ranking,
    pub offers: Offers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateResult {
    NotRun,
    Passed,
    Rejected,
}

/// How the model ranks the held-out rows, by the interval of ROC-AUC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranking {
    /// A leakage check failed: the metrics are not credible.
    Leaking,
    /// There are too few rows for an interval.
    Unknown,
    /// The interval contains 0.5, or is below it.
    NoBetterThanChance,
    BetterThanChance,
}

/// What offers to the held-out rows with the label 1 bring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Offers {
    /// No row has the label 1, or the card lacks the costs at the decision threshold.
    None,
    Lose,
    /// The cost is that without offers.
    Even,
    /// The interval of the saving contains 0, or the ranking is not credible.
    MaySave,
    Save,
}

impl Verdict {
    pub fn new(report: &Report) -> Self {
        let card = &report.card;
        let gate = match &card.gate {
            None => GateResult::NotRun,
            Some(gate) if gate.passed => GateResult::Passed,
            Some(_) => GateResult::Rejected,
        };
        let is_leaking = card.leakage_checks.leak_is_likely();
        let ranking = match card.metrics.get("roc_auc").and_then(Estimate::interval) {
            _ if is_leaking => Ranking::Leaking,
            None => Ranking::Unknown,
            Some((low, _)) if low <= 0.5 => Ranking::NoBetterThanChance,
            Some(_) => Ranking::BetterThanChance,
        };
        let is_certain =
            ranking == Ranking::BetterThanChance && saving(report).interval().is_some_and(|(low, _)| low > 0.0);
        let offers = match card.decision.offer_costs() {
            None | Some(OfferCosts { offers: 0, .. }) => Offers::None,
            Some(OfferCosts { by_model, without, .. }) if by_model > without => Offers::Lose,
            Some(OfferCosts { by_model, without, .. }) if by_model == without => Offers::Even,
            Some(_) if is_certain => Offers::Save,
            Some(_) => Offers::MaySave,
        };
        Self { gate, ranking, offers }
    }
}

/// What offers at the decision threshold save on the held-out rows.
pub fn saving(report: &Report) -> Estimate {
    let threshold = report.card.decision.decision.threshold.get();
    let row = report.held_out.trade_off.iter().find(|row| row.threshold == threshold);
    row.map_or(Estimate::UNDEFINED, |row| row.saving)
}
