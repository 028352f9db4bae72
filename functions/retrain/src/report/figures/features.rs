//! Charts of the features that the model lives on.

use crate::report::chart::{Axis, Bars, Chart, FIRST, Form, Head, Lines, MUTED, Series};
use crate::report::{ReportError, number};
use churn_common::model::Card;
use churn_common::model::card::Dependence;

/// Features whose importance is drawn.
const IMPORTANT: usize = 15;

/// All of them.
pub fn all(card: &Card) -> Result<Vec<Chart>, ReportError> {
    let unit = super::super::explained(card);
    let importance = &card.importance;
    let bars: Vec<(String, f64)> = importance
        .features
        .iter()
        .filter(|f| f.mean_absolute > 0.0)
        .take(IMPORTANT)
        .map(|f| (f.name.clone(), f.mean_absolute))
        .collect();
    let mut charts = Vec::new();
    if let Some((_, largest)) = bars.first() {
        let reading = format!(
            "How far each feature moves a score, on average over {} held-out rows: the mean of absolute Shapley values \
             (SHAP). It says what the model uses, not what causes churn.",
            number::count(importance.rows as u64)
        );
        let x = Axis {
            format: Box::new(number::tick),
            // Room for the figure behind the longest bar.
            ..Axis::new(format!("mean |SHAP|, {unit}"), 0.0..largest * 1.2)
        };
        charts.push(Bars { head: Head::new("importance", "Importance of features", reading), x, bars }.draw()?);
    }
    for (at, dependence) in importance.dependence.iter().enumerate() {
        charts.extend(depend(card, at + 1, dependence, unit)?);
    }
    Ok(charts)
}

/// How the contribution of a feature depends on its value; `None` where no value is known.
fn depend(card: &Card, rank: usize, told: &Dependence, unit: &str) -> Result<Option<Chart>, ReportError> {
    let (Some(first), Some(last)) = (told.bins.first(), told.bins.last()) else { return Ok(None) };
    let (from, to) = (f64::from(first.from), f64::from(last.to));
    let values = told.bins.iter().map(|bin| bin.mean_contribution);
    let reach = values.chain(told.missing.map(|(_, mean)| mean)).map(f64::abs).fold(1e-6, f64::max) * 1.1;
    let feature = card.features.iter().find(|f| f.name == told.feature);
    let (of, meaning) = feature.map_or(("", ""), |f| (f.unit.as_str(), f.meaning.as_str()));
    let missing = told.missing.map_or_else(String::new, |(rows, mean)| {
        format!(" Where it is missing ({} rows): {}.", number::count(rows as u64), number::short(mean))
    });
    let reading = format!(
        "{meaning}. Mean contribution of rows by value, about a tenth of the rows at each dot: above 0 the value raises \
         the risk, below it lowers it.{missing}"
    );
    let middle = told.bins.iter().map(|bin| (f64::midpoint(bin.from.into(), bin.to.into()), bin.mean_contribution));
    let middle: Vec<(f64, f64)> = middle.collect();
    let margin = (to - from) * 0.02;
    let chart = Lines {
        head: Head::new(&format!("dependence-{rank}"), format!("Dependence on {}", told.feature), reading),
        x: Axis::new(format!("{} ({of})", told.feature), from - margin..to + margin),
        y: Axis { format: Box::new(number::tick), ..Axis::new(format!("contribution, {unit}"), -reach..reach) },
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(from - margin, 0.0), (to + margin, 0.0)]),
            Series::new(Form::Line, FIRST, middle.clone()),
            Series::new(Form::Dots, FIRST, middle),
        ],
    };
    chart.draw().map(Some)
}
