//! The chart of the profit of a campaign by the share of the users that it contacts.

use churn_common::model::Card;
use churn_pages::chart::{Axis, Caption, FIRST, Form, Lines, MUTED, SECOND, Series};
use churn_pages::{Chart, ChartError, number};

pub fn all(card: &Card) -> Result<Vec<Chart>, ChartError> {
    let curve = &card.profit.curve;
    let points: Vec<(f64, f64)> = curve.iter().filter_map(|point| Some((point.share, point.profit.value?))).collect();
    if points.is_empty() {
        return Ok(Vec::new());
    }
    let ends: Vec<(f64, f64)> = curve
        .iter()
        .filter_map(|point| point.profit.value.map(|value| point.profit.interval().unwrap_or((value, value))))
        .collect();
    let bottom = ends.iter().map(|(low, _)| *low).fold(0.0, f64::min);
    let top = ends.iter().map(|(_, high)| *high).fold(0.0, f64::max);
    let margin = 0.05 * (top - bottom);
    let evaluation = &card.evaluation;
    let labelled = (evaluation.confusion.tp + evaluation.confusion.fp) as f64 / evaluation.rows as f64;
    let description = format!(
        "Profit for each active user if a campaign contacts this share of the users, those with the highest probabilities first. \
         Vertical lines are 95 % intervals by user. {} of the users who would churn accept the offer. The dot is the share with \
         the label 1.",
        number::percent(card.profit.mean_acceptance(), 0)
    );
    let chart = Lines {
        caption: Caption::new("profit", "Profit by the share of users contacted", description),
        x: Axis::share("users contacted, % of active users", 1.0),
        y: Axis::new("profit per active user (currency of the settings)", bottom - margin..top + margin),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, 0.0), (1.0, 0.0)]).named("no contact"),
            Series::new(Form::Line, FIRST, points.clone()).named("users with the highest probabilities"),
            Series::new(Form::Intervals(ends), FIRST, points),
            Series::new(
                Form::Dots,
                SECOND,
                card.profit.at_threshold.value.map(|profit| (labelled, profit)).into_iter().collect(),
            )
            .named("users with the label 1"),
        ],
    };
    Ok(vec![chart.draw()?])
}
