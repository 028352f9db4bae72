//! The chart of the cost by threshold.

use crate::curve::OperatingCurve;
use churn_common::model::Card;
use churn_pages::chart::{Axis, Caption, FIRST, Form, Lines, MUTED, SECOND, Series};
use churn_pages::{Chart, ChartError};

pub fn all(card: &Card, curve: &OperatingCurve) -> Result<Vec<Chart>, ChartError> {
    let decision = &card.decision;
    let threshold = decision.decision.threshold.get();
    let (negative, positive) = (decision.false_negative_cost, decision.false_positive_cost);
    let costs = curve.cost(negative, positive);
    let no_offers = curve.positives as f64 * negative;
    let end = costs.iter().map(|(threshold, _)| *threshold).fold(threshold, f64::max);
    let top = costs.iter().map(|(_, cost)| *cost).fold(no_offers, f64::max);
    let current = decision.trade_off.iter().find(|row| row.threshold == threshold);
    let description = format!(
        "Cost on the held-out rows if every user at or above a threshold gets an offer: {negative} per false negative and \
         {positive} per false positive. The dot is the decision threshold, which was found without these rows, so the \
         lowest point of the curve can be elsewhere."
    );
    let chart = Lines {
        caption: Caption::new("cost", "Cost by threshold", description),
        x: Axis::share("threshold, % probability of churn", (end * 1.02).min(1.0)),
        y: Axis::new("cost (units of the settings)", 0.0..top.max(1.0) * 1.05),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, no_offers), (1.0_f64.min(end * 1.02), no_offers)])
                .named("no offers"),
            Series::new(Form::Line, FIRST, costs).named("offers at or above the threshold"),
            Series::new(Form::Dots, SECOND, current.map(|row| (row.threshold, row.cost)).into_iter().collect())
                .named("decision threshold"),
        ],
    };
    Ok(vec![chart.draw()?])
}
