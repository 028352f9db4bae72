//! Charts of the features that the model uses.

use crate::contribution_unit;
use churn_common::model::Card;
use churn_common::model::card::Dependence;
use churn_pages::chart::{Axis, Bars, Caption, FIRST, Form, Lines, MUTED, Series};
use churn_pages::{Chart, ChartError, number};

/// Features in the chart of importance.
const MAX_FEATURES: usize = 15;

pub fn all(card: &Card) -> Result<Vec<Chart>, ChartError> {
    let unit = contribution_unit(card);
    let mut charts = Vec::new();
    charts.extend(importance(card, unit)?);
    for (at, dependence) in card.importance.dependence.iter().enumerate() {
        charts.extend(depend(card, at + 1, dependence, unit)?);
    }
    Ok(charts)
}

/// `None` where no feature contributes.
fn importance(card: &Card, unit: &str) -> Result<Option<Chart>, ChartError> {
    let features = card.importance.features.iter().filter(|f| f.mean_absolute > 0.0).take(MAX_FEATURES);
    let bars: Vec<(String, f64)> = features.map(|f| (f.name.clone(), f.mean_absolute)).collect();
    let Some((_, largest)) = bars.first() else { return Ok(None) };
    let description = format!(
        "How far each feature moves a score, on average over {} held-out rows: the mean of absolute Shapley values \
         (SHAP). It says what the model uses, not what causes churn.",
        number::count(card.importance.rows as u64)
    );
    let x = Axis {
        format: Box::new(number::tick),
        // Space for the number beside the longest bar.
        ..Axis::new(format!("mean |SHAP|, {unit}"), 0.0..largest * 1.2)
    };
    Bars { caption: Caption::new("importance", "Importance of features", description), x, bars }.draw().map(Some)
}

/// How the contribution of a feature depends on its value; `None` where no value is known.
fn depend(card: &Card, rank: usize, dependence: &Dependence, unit: &str) -> Result<Option<Chart>, ChartError> {
    let (Some(first), Some(last)) = (dependence.bins.first(), dependence.bins.last()) else { return Ok(None) };
    let (from, to) = (f64::from(first.from), f64::from(last.to));
    let values = dependence.bins.iter().map(|bin| bin.mean_contribution);
    let reach = values.chain(dependence.missing.map(|(_, mean)| mean)).map(f64::abs).fold(1e-6, f64::max) * 1.1;
    let feature = card.features.iter().find(|f| f.name == dependence.feature);
    let (feature_unit, meaning) = feature.map_or(("", ""), |f| (f.unit.as_str(), f.meaning.as_str()));
    let missing = dependence.missing.map_or_else(String::new, |(rows, mean)| {
        format!(" Where it is missing ({} rows): {}.", number::count(rows as u64), number::short(mean))
    });
    let description = format!(
        "{meaning}. Mean contribution of rows by value, about a tenth of the rows at each dot: above 0 the value raises \
         the risk, below it lowers it.{missing}"
    );
    let means =
        dependence.bins.iter().map(|bin| (f64::midpoint(bin.from.into(), bin.to.into()), bin.mean_contribution));
    let means: Vec<(f64, f64)> = means.collect();
    let margin = (to - from) * 0.02;
    let title = format!("Dependence on {}", dependence.feature);
    let chart = Lines {
        caption: Caption::new(&format!("dependence-{rank}"), title, description),
        x: Axis::new(format!("{} ({feature_unit})", dependence.feature), from - margin..to + margin),
        y: Axis { format: Box::new(number::tick), ..Axis::new(format!("contribution, {unit}"), -reach..reach) },
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(from - margin, 0.0), (to + margin, 0.0)]),
            Series::new(Form::Line, FIRST, means.clone()),
            Series::new(Form::Dots, FIRST, means),
        ],
    };
    chart.draw().map(Some)
}
