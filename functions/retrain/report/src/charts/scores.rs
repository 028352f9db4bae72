//! Charts of how the model scores the held-out rows.

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

fn estimate(estimates: &Estimates, name: &str) -> String {
    estimates.get(name).map_or_else(|| "undefined".to_owned(), number::estimate)
}

fn roc(card: &Card, curve: &OperatingCurve) -> Result<Chart, ChartError> {
    let confusion = &card.evaluation.confusion;
    let serving = (rate(confusion.fp, confusion.fp + confusion.tn), rate(confusion.tp, confusion.tp + confusion.fn_));
    let description = format!(
        "The higher above the diagonal, the better users who churned are ranked above the others. ROC-AUC {}.",
        estimate(&card.estimates, "roc_auc")
    );
    Lines {
        caption: Caption::new("roc", "ROC curve on held-out rows", description),
        x: Axis::share("false positive rate, % of rows that stayed", 1.0),
        y: Axis::share("recall, % of rows that churned", 1.0),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, 0.0), (1.0, 1.0)]).named("chance"),
            Series::new(Form::Line, FIRST, curve.roc()).named("model"),
            Series::new(Form::Dots, SECOND, vec![serving]).named("threshold that serves"),
        ],
    }
    .draw()
}

fn precision_recall(card: &Card, curve: &OperatingCurve) -> Result<Chart, ChartError> {
    let base = rate(curve.positives, curve.rows);
    let serving = card.evaluation.recall.zip(card.evaluation.precision).into_iter().collect();
    let top = curve.pr().iter().map(|(_, precision)| *precision).fold(base, f64::max);
    let description = format!(
        "How many of those called churn really churn, as more of the churned are called. Average precision {}; chance \
         gives {}.",
        estimate(&card.estimates, "pr_auc"),
        number::grouped(base, 3)
    );
    Lines {
        caption: Caption::new("precision-recall", "Precision and recall on held-out rows", description),
        x: Axis::share("recall, % of rows that churned", 1.0),
        y: Axis::share("precision, % of rows called churn", (top * 1.05).min(1.0)),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, base), (1.0, base)]).named("chance"),
            Series::new(Form::Line, FIRST, steps(&curve.pr())).named("model"),
            Series::new(Form::Dots, SECOND, serving).named("threshold that serves"),
        ],
    }
    .draw()
}

/// Recall and precision as steps, under which the area is the average precision: straight lines would promise more
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
        "Each dot is about a tenth of the rows, its line a 95 % interval by user. On the diagonal a probability means \
         what it says; above it, more churned than predicted. Expected calibration error {}.",
        estimate(&card.estimates, "ece")
    );
    Lines {
        caption: Caption::new("reliability", "Reliability of the probabilities", description),
        x: Axis::share("mean predicted probability, %", right),
        y: Axis::share("share that churned, %", top),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, 0.0), (right, right)]).named("exact"),
            Series::new(Form::Intervals(ends), FIRST, bins.iter().map(|bin| (bin.predicted, bin.observed)).collect())
                .named("model"),
        ],
    }
    .draw()
}

fn confusion(card: &Card) -> Result<Chart, ChartError> {
    let counts = &card.evaluation.confusion;
    let description = format!(
        "Held-out rows at the threshold that serves, {}. A cell is darker, the larger its share of the row.",
        number::percent(card.evaluation.threshold, 1)
    );
    Grid {
        caption: Caption::new("confusion", "Confusion matrix", description),
        columns: ("what the model calls", ["stays", "churn"]),
        rows: ("what happened", ["stayed", "churned"]),
        cells: [
            [(counts.tn, "rightly left alone"), (counts.fp, "wasted offers")],
            [(counts.fn_, "missed"), (counts.tp, "caught")],
        ],
    }
    .draw()
}

fn gain(card: &Card, curve: &OperatingCurve) -> Result<Chart, ChartError> {
    let description = format!(
        "Of all who churned, how many are among the riskiest so many percent of rows. Among the riskiest tenth: {}.",
        card.estimates.get("gain_at_10_percent").map_or_else(|| "undefined".to_owned(), number::estimate_percent)
    );
    Lines {
        caption: Caption::new("gain", "Gain: churned users reached", description),
        x: Axis::share("rows contacted, the riskiest first, %", 1.0),
        y: Axis::share("churned rows among them, %", 1.0),
        series: vec![
            Series::new(Form::Guide, MUTED, vec![(0.0, 0.0), (1.0, 1.0)]).named("chance"),
            Series::new(Form::Line, FIRST, curve.gain()).named("model"),
        ],
    }
    .draw()
}

fn lift(card: &Card, curve: &OperatingCurve) -> Result<Chart, ChartError> {
    // Below one row in fifty, single users decide the curve.
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
            let lift = card.estimates.get(name)?;
            Some(((share, lift.value?), (lift.low?, lift.high?)))
        })
        .collect();
    let (dots, ends): (Vec<_>, Vec<_>) = lifts.into_iter().unzip();
    let top = points.iter().map(|(_, lift)| *lift).chain(ends.iter().map(|(_, high)| *high)).fold(1.5, f64::max);
    Lines {
        caption: Caption::new(
            "lift",
            "Lift over chance",
            "How many times as many churned users are among the riskiest so many percent as in a random choice. Lines \
             are 95 % intervals, at 5, 10 and 20 %.",
        ),
        x: Axis::share("rows contacted, the riskiest first, %", 1.0),
        y: Axis::new("lift, times chance", 0.0..top * 1.05),
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
    fn the_area_under_the_steps_is_the_average_precision() {
        // As `OperatingCurve`'s own test has it: 0.5 · 1 + 0.5 · 0.4.
        let drawn = steps(&[(0.5, 1.0), (0.5, 0.5), (1.0, 0.4)]);
        assert_eq!(drawn, [(0.0, 1.0), (0.5, 1.0), (0.5, 0.5), (0.5, 0.5), (0.5, 0.4), (1.0, 0.4)]);
        let area: f64 = drawn.windows(2).map(|w| (w[1].0 - w[0].0) * w[1].1).sum();
        assert!((area - 0.7).abs() < 1e-12);
    }
}
