//! The chart of what thresholds cost.

use crate::curve::OperatingCurve;
use churn_common::model::Card;
use churn_pages::chart::{Axis, Caption, FIRST, Form, Lines, MUTED, SECOND, Series};
use churn_pages::{Chart, ChartError};

pub fn all(card: &Card, curve: &OperatingCurve) -> Result<Vec<Chart>, ChartError> {
    let decision = &card.decision;
    let serving = decision.decision.threshold.get();
    let (missed, wasted) = (decision.missed_churner_cost, decision.wasted_offer_cost);
    let costs = curve.cost(missed, wasted);
    let no_offers = curve.positives as f64 * missed;
    let end = costs.iter().map(|(threshold, _)| *threshold).fold(serving, f64::max);
    let top = costs.iter().map(|(_, cost)| *cost).fold(no_offers, f64::max);
    let served = decision.trade_off.iter().find(|row| row.threshold == serving);
    let description = format!(
        "Cost on the held-out rows if offers went to everyone at or above a threshold: {missed} for each churned user \
         missed, {wasted} for each offer wasted. The lowest point was cheapest in hindsight; the dot is the threshold \
         that was fixed before."
    );
    let chart = Lines {
        caption: Caption::new("cost", "Cost by threshold", description),
        x: Axis::share("threshold, % probability of churn", (end * 1.02).min(1.0)),
        y: Axis::new("cost (units of the settings)", 0.0..top.max(1.0) * 1.05),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, no_offers), (1.0_f64.min(end * 1.02), no_offers)])
                .named("no offers"),
            Series::new(Form::Line, FIRST, costs).named("offers from the threshold on"),
            Series::new(Form::Dots, SECOND, served.map(|row| (row.threshold, row.cost)).into_iter().collect())
                .named("serves"),
        ],
    };
    Ok(vec![chart.draw()?])
}
