//! Charts of SHAP importance and dependence.

use crate::contribution_unit;
use crate::feature_name::FeatureName;
use churn_common::model::Card;
use churn_common::model::card::{MeanAbsShap, ShapDependence};
use churn_pages::chart::{Axis, Bar, Bars, Caption, FIRST, Form, Lines, MUTED, Series};
use churn_pages::{Chart, ChartError, number};

/// Maximum number of features in the chart of importance.
const MAX_FEATURES: usize = 15;

pub fn all(card: &Card) -> Result<Vec<Chart>, ChartError> {
    let unit = contribution_unit(card);
    let mut charts = Vec::new();
    charts.extend(importance(card, unit)?);
    for (at, dependence) in card.shap_dependence.iter().enumerate() {
        charts.extend(dependence_chart(card, at + 1, dependence, unit)?);
    }
    Ok(charts)
}

/// `None` if the model uses no feature.
fn importance(card: &Card, unit: &str) -> Result<Option<Chart>, ChartError> {
    let features = card.shap_importance.features.iter().filter(|f| f.mean_abs_shap > 0.0).take(MAX_FEATURES);
    let bar = |feature: &MeanAbsShap| {
        let name = FeatureName::new(&feature.name);
        let detail = name.identifier().map(str::to_owned);
        Bar { name: name.title().to_owned(), detail, value: feature.mean_abs_shap }
    };
    let bars: Vec<Bar> = features.map(bar).collect();
    let Some(Bar { value: largest, .. }) = bars.first() else { return Ok(None) };
    let description = format!(
        "Mean |SHAP| over {} held-out rows: how much each feature changes the model output on average. It shows what the \
         model uses, not what causes churn.",
        number::count(card.shap_importance.rows as u64)
    );
    let x = Axis {
        format: Box::new(number::tick),
        // Space for the number next to the longest bar.
        ..Axis::new(format!("mean |SHAP|, {unit}"), 0.0..largest * 1.2)
    };
    Bars { caption: Caption::new("importance", "Feature importance", description), x, bars }.draw().map(Some)
}

/// `None` if the feature has no value in any row.
fn dependence_chart(
    card: &Card,
    rank: usize,
    dependence: &ShapDependence,
    unit: &str,
) -> Result<Option<Chart>, ChartError> {
    let (Some(first), Some(last)) = (dependence.bins.first(), dependence.bins.last()) else { return Ok(None) };
    let (from, to) = (f64::from(first.from), f64::from(last.to));
    let values = dependence.bins.iter().map(|bin| bin.mean_shap);
    let reach =
        values.chain(dependence.missing.map(|missing| missing.mean_shap)).map(f64::abs).fold(1e-6, f64::max) * 1.1;
    let feature = card.features.iter().find(|f| f.name == dependence.feature);
    let (feature_unit, meaning) = feature.map_or(("", ""), |f| (f.unit.as_str(), f.meaning.as_str()));
    let missing = dependence.missing.map_or_else(String::new, |missing| {
        let (rows, mean) = (number::count(missing.rows as u64), number::short(missing.mean_shap));
        format!(" Missing values ({rows} rows): {mean}.")
    });
    let description = format!(
        "{meaning}. Mean SHAP value by feature value; each dot is about a tenth of the rows. Above 0, the value raises the \
         risk; below 0, it lowers it.{missing}"
    );
    let means = dependence.bins.iter().map(|bin| (f64::midpoint(bin.from.into(), bin.to.into()), bin.mean_shap));
    let means: Vec<(f64, f64)> = means.collect();
    let margin = (to - from) * 0.02;
    let name = FeatureName::new(&dependence.feature);
    let chart = Lines {
        caption: Caption::new(&format!("dependence-{rank}"), name.title(), description),
        x: Axis::new(format!("{} ({feature_unit})", dependence.feature), from - margin..to + margin),
        y: Axis { format: Box::new(number::tick), ..Axis::new(format!("SHAP value, {unit}"), -reach..reach) },
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(from - margin, 0.0), (to + margin, 0.0)]),
            Series::new(Form::Line, FIRST, means.clone()),
            Series::new(Form::Dots, FIRST, means),
        ],
    };
    chart.draw().map(Some)
}
