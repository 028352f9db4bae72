//! The chart of what thresholds cost.

use crate::report::ReportError;
use crate::report::chart::{Axis, Chart, FIRST, Form, Head, Lines, MUTED, SECOND, Series};
use crate::report::curve::OperatingCurve;
use churn_common::model::Card;

/// All of them.
pub fn all(card: &Card, curve: &OperatingCurve) -> Result<Vec<Chart>, ReportError> {
    let decision = &card.decision;
    let (missed, wasted) = (decision.missed_churner_cost, decision.wasted_offer_cost);
    let costs = curve.cost(missed, wasted);
    let nobody = curve.positives as f64 * missed;
    let end = costs.iter().map(|(threshold, _)| *threshold).fold(decision.decision.threshold.get(), f64::max);
    let top = costs.iter().map(|(_, cost)| *cost).fold(nobody, f64::max);
    let served = decision.trade_off.iter().find(|row| row.threshold == decision.decision.threshold.get());
    let reading = format!(
        "Cost on the held-out rows if offers went to everyone at or above a threshold: {missed} for each churned user \
         missed, {wasted} for each offer wasted. The lowest point was cheapest in hindsight; the dot is the threshold \
         that was fixed before."
    );
    let chart = Lines {
        head: Head::new("cost", "Cost by threshold", reading),
        x: Axis::share("threshold, % probability of churn", (end * 1.02).min(1.0)),
        y: Axis::new("cost (units of the settings)", 0.0..top.max(1.0) * 1.05),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, nobody), (1.0_f64.min(end * 1.02), nobody)]).named("no offers"),
            Series::new(Form::Line, FIRST, costs).named("offers from the threshold on"),
            Series::new(Form::Dots, SECOND, served.map(|row| (row.threshold, row.cost)).into_iter().collect())
                .named("serves"),
        ],
    };
    Ok(vec![chart.draw()?])
}
