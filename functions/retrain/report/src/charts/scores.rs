//! Charts of the evaluation on held-out rows.

use crate::curve::OperatingCurve;
use crate::held_out::HeldOut;
use churn_common::metrics::Estimates;
use churn_common::model::Card;
use churn_pages::chart::{Axis, Caption, FIRST, Form, Grid, Lines, MUTED, SECOND, Series};
use churn_pages::{Chart, ChartError, number};

pub fn all(card: &Card, curve: &OperatingCurve, held_out: &HeldOut) -> Result<Vec<Chart>, ChartError> {
    Ok(vec![
        roc(card, curve)?,
        precision_recall(card, curve)?,
        reliability(card, held_out)?,
        confusion(card)?,
        gain(card, curve)?,
        lift(card, curve)?,
    ])
}

fn metric(metrics: &Estimates, name: &str) -> String {
    metrics.get(name).map_or_else(|| "undefined".to_owned(), number::estimate)
}

fn roc(card: &Card, curve: &OperatingCurve) -> Result<Chart, ChartError> {
    let confusion = &card.evaluation.confusion;
    let current = (rate(confusion.fp, confusion.fp + confusion.tn), rate(confusion.tp, confusion.tp + confusion.fn_));
    let description = format!(
        "The further above the diagonal, the better the model ranks churned rows above retained ones. ROC-AUC {}.",
        metric(&card.metrics, "roc_auc")
    );
    Lines {
        caption: Caption::new("roc", "ROC curve on held-out rows", description),
        x: Axis::share("false positive rate, % of retained rows", 1.0),
        y: Axis::share("recall, % of churned rows", 1.0),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, 0.0), (1.0, 1.0)]).named("chance"),
            Series::new(Form::Line, FIRST, curve.roc()).named("model"),
            Series::new(Form::Dots, SECOND, vec![current]).named("decision threshold"),
        ],
    }
    .draw()
}

fn precision_recall(card: &Card, curve: &OperatingCurve) -> Result<Chart, ChartError> {
    let base = rate(curve.positives, curve.rows);
    let current = card.evaluation.recall.zip(card.evaluation.precision).into_iter().collect();
    let top = curve.pr().iter().map(|(_, precision)| *precision).fold(base, f64::max);
    let description = format!(
        "Precision by recall, over all thresholds. Average precision {}; chance {}.",
        metric(&card.metrics, "pr_auc"),
        number::grouped(base, 3)
    );
    Lines {
        caption: Caption::new("precision-recall", "Precision and recall on held-out rows", description),
        x: Axis::share("recall, % of churned rows", 1.0),
        y: Axis::share("precision, % of predicted positives", (top * 1.05).min(1.0)),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, base), (1.0, base)]).named("chance"),
            Series::new(Form::Line, FIRST, steps(&curve.pr())).named("model"),
            Series::new(Form::Dots, SECOND, current).named("decision threshold"),
        ],
    }
    .draw()
}

/// Recall and precision as steps, with average precision as the area below. Straight lines would be too optimistic
/// (Davis and Goadrich 2006).
fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let before = std::iter::once(0.0).chain(points.iter().map(|(recall, _)| *recall));
    before.zip(points).flat_map(|(before, (recall, precision))| [(before, *precision), (*recall, *precision)]).collect()
}

fn reliability(card: &Card, held_out: &HeldOut) -> Result<Chart, ChartError> {
    let bins = &card.calibration.reliability;
    let ends: Vec<(f64, f64)> = held_out.reliability.iter().filter_map(|bin| bin.rate.low.zip(bin.rate.high)).collect();
    let end = |values: &mut dyn Iterator<Item = f64>| (values.fold(0.01, f64::max) * 1.05).min(1.0);
    let right = end(&mut bins.iter().map(|bin| bin.predicted));
    let top = end(&mut ends.iter().map(|(_, high)| *high).chain(bins.iter().map(|bin| bin.observed))).max(right);
    let description = format!(
        "Each dot is about a tenth of the rows, its line a 95 % interval by user. On the diagonal, the churn rate equals the \
         predicted probability; above it, more rows churned than predicted. Expected calibration error {}.",
        metric(&card.metrics, "ece")
    );
    Lines {
        caption: Caption::new("reliability", "Reliability of the probabilities", description),
        x: Axis::share("mean predicted probability, %", right),
        y: Axis::share("churn rate, %", top),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, 0.0), (right, right)]).named("perfect calibration"),
            Series::new(Form::Intervals(ends), FIRST, bins.iter().map(|bin| (bin.predicted, bin.observed)).collect())
                .named("model"),
        ],
    }
    .draw()
}

fn confusion(card: &Card) -> Result<Chart, ChartError> {
    let counts = &card.evaluation.confusion;
    let description = format!(
        "Held-out rows at the decision threshold, {}. Darker cells have a larger share of their row.",
        number::percent(card.evaluation.threshold, 1)
    );
    Grid {
        caption: Caption::new("confusion", "Confusion matrix", description),
        columns: ("predicted", ["retained", "churned"]),
        rows: ("actual", ["retained", "churned"]),
        cells: [
            [(counts.tn, "true negatives"), (counts.fp, "false positives")],
            [(counts.fn_, "false negatives"), (counts.tp, "true positives")],
        ],
    }
    .draw()
}

fn gain(card: &Card, curve: &OperatingCurve) -> Result<Chart, ChartError> {
    let description = format!(
        "Share of all churned rows that are among the rows with the highest probabilities. In the top 10 %: {}.",
        card.metrics.get("gain_at_10_percent").map_or_else(|| "undefined".to_owned(), number::estimate_percent)
    );
    Lines {
        caption: Caption::new("gain", "Cumulative gain", description),
        x: Axis::share("rows by descending probability, %", 1.0),
        y: Axis::share("share of all churned rows, %", 1.0),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, 0.0), (1.0, 1.0)]).named("chance"),
            Series::new(Form::Line, FIRST, curve.gain()).named("model"),
        ],
    }
    .draw()
}

fn lift(card: &Card, curve: &OperatingCurve) -> Result<Chart, ChartError> {
    // Below 2 % of the rows, single users dominate the curve.
    let points: Vec<(f64, f64)> = curve
        .gain()
        .into_iter()
        .filter(|(share, _)| *share >= 0.02)
        .map(|(share, gain)| (share, gain / share))
        .collect();
    let lifts = [(0.05, "lift_at_5_percent"), (0.1, "lift_at_10_percent"), (0.2, "lift_at_20_percent")];
    let lifts: Vec<((f64, f64), (f64, f64))> = lifts
        .into_iter()
        .filter_map(|(share, name)| {
            let lift = card.metrics.get(name)?;
            Some(((share, lift.value?), (lift.low?, lift.high?)))
        })
        .collect();
    let (dots, ends): (Vec<_>, Vec<_>) = lifts.into_iter().unzip();
    let top = points.iter().map(|(_, lift)| *lift).chain(ends.iter().map(|(_, high)| *high)).fold(1.5, f64::max);
    Lines {
        caption: Caption::new(
            "lift",
            "Lift",
            "Churn rate among the rows with the highest probabilities, divided by the churn rate of all rows. Lines are 95 % \
             intervals, at 5, 10 and 20 %.",
        ),
        x: Axis::share("rows by descending probability, %", 1.0),
        y: Axis::new("lift (1 = chance)", 0.0..top * 1.05),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, 1.0), (1.0, 1.0)]).named("chance"),
            Series::new(Form::Line, FIRST, points).named("model"),
            Series::new(Form::Intervals(ends), SECOND, dots).named("95 % interval"),
        ],
    }
    .draw()
}

fn rate(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_under_the_steps_is_the_average_precision() {
        // As in the test of `OperatingCurve`: 0.5 · 1 + 0.5 · 0.4.
        let drawn = steps(&[(0.5, 1.0), (0.5, 0.5), (1.0, 0.4)]);
        assert_eq!(drawn, [(0.0, 1.0), (0.5, 1.0), (0.5, 0.5), (0.5, 0.5), (0.5, 0.4), (1.0, 0.4)]);
        let area: f64 = drawn.windows(2).map(|w| (w[1].0 - w[0].0) * w[1].1).sum();
        assert!((area - 0.7).abs() < 1e-12);
    }
}
