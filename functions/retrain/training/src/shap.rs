//! SHAP importance and dependence on the held-out rows.

use churn_common::features::SCHEMA;
use churn_common::model::card::{DependenceBin, MeanAbsShap, MissingBin, ShapDependence, ShapImportance};
use churn_common::model::{Explainer, Model, ScoreError};
use churn_common::snapshot::Snapshot;

/// Maximum number of rows explained. The standard error of a mean over 10,000 is 1 % of the standard deviation.
const MAX_ROWS: usize = 10_000;
/// Number of features with a dependence in the card.
const DEPENDENCE: usize = 10;
/// Maximum number of value ranges per feature.
const BINS: usize = 10;

/// Explains `snapshots`, at least one. Returns the importance of all features, and the dependence of the most important
/// ones.
///
/// # Errors
/// If a row cannot be explained.
pub(crate) fn explain(
    model: &Model,
    snapshots: &[Snapshot],
) -> Result<(ShapImportance, Vec<ShapDependence>), ScoreError> {
    let explainer = Explainer::new(model);
    let every = snapshots.len().div_ceil(MAX_ROWS).max(1);
    let rows: Vec<&Snapshot> = snapshots.iter().step_by(every).collect();
    let explanations: Vec<_> =
        rows.iter().map(|s| explainer.explain(&model.input(&s.row))).collect::<Result<_, _>>()?;
    let mut order: Vec<(usize, f64)> = (0..SCHEMA.len())
        .map(|feature| {
            let sum: f64 = explanations.iter().map(|e| e.contributions[feature].abs()).sum();
            (feature, sum / rows.len() as f64)
        })
        .collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let used = order.iter().take(DEPENDENCE).filter(|(_, mean_abs_shap)| *mean_abs_shap > 0.0);
    let all = used.map(|&(feature, _)| {
        let values = rows.iter().map(|s| s.row.values()[feature]);
        let contributions = explanations.iter().map(|e| e.contributions[feature]);
        dependence(SCHEMA[feature].name, values.zip(contributions).collect())
    });
    let all = all.collect();
    let importance = ShapImportance {
        rows: rows.len(),
        model_output: explainer.output(),
        base_value: explainer.base_value(),
        features: order
            .iter()
            .map(|&(feature, mean_abs_shap)| MeanAbsShap { name: SCHEMA[feature].name.into(), mean_abs_shap })
            .collect(),
    };
    Ok((importance, all))
}

/// The dependence from pairs of feature value and SHAP value.
fn dependence(feature: &str, pairs: Vec<(f32, f64)>) -> ShapDependence {
    let (missing, mut known): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(value, _)| value.is_nan());
    known.sort_by(|a, b| a.0.total_cmp(&b.0));
    let full = known.len().div_ceil(BINS);
    let mut bins: Vec<Vec<(f32, f64)>> = Vec::new();
    for equals in known.chunk_by(|a, b| a.0 == b.0) {
        match bins.last_mut() {
            Some(bin) if bin.len() < full => bin.extend(equals),
            _ => bins.push(equals.to_vec()),
        }
    }
    let bins = bins.iter().map(|bin| DependenceBin {
        from: bin[0].0,
        to: bin[bin.len() - 1].0,
        rows: bin.len(),
        mean_shap: mean(bin),
    });
    let missing = (!missing.is_empty()).then(|| MissingBin { rows: missing.len(), mean_shap: mean(&missing) });
    ShapDependence { feature: feature.to_owned(), bins: bins.collect(), missing }
}

/// The mean SHAP value of pairs, at least one.
fn mean(pairs: &[(f32, f64)]) -> f64 {
    pairs.iter().map(|(_, contribution)| contribution).sum::<f64>() / pairs.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::calendar::Day;
    use churn_common::features::{COUNT, Row, position};
    use churn_common::model::explain::ModelOutput;
    use churn_common::model::linear::{Linear, Term, Transform};
    use churn_common::model::{Calibration, DecisionRule, Probability, RiskBounds, Scorer};
    use churn_common::pseudonym::StoredUser;

    /// A linear model of two features; in the rows, one of them ascends and the other alternates.
    #[test]
    fn shap_importance_of_a_linear_model_follows_its_weights() {
        let (songs, help) = (position("songs").unwrap(), position("help").unwrap());
        let (range, transform) = ((f32::MIN, f32::MAX), Transform::Identity);
        let unused = Term { impute: 0.0, range, transform, mean: 0.0, scale: 1.0, weight: 0.0 };
        let mut terms = vec![unused; COUNT];
        terms[songs] = Term { impute: 500.0, mean: 100.0, weight: -0.5, ..unused };
        terms[help].weight = 2.0;
        let decision =
            DecisionRule { threshold: Probability::new(0.5).unwrap(), risk: RiskBounds::new(0.1, 0.2, 0.3).unwrap() };
        let scorer = Scorer::Linear(Linear { intercept: -1.0, terms });
        let model = Model::new(30, b"", scorer, Calibration::None, decision).unwrap();
        let rows = 2 * MAX_ROWS + 2;
        let snapshots: Vec<Snapshot> = (0..rows)
            .map(|i| {
                let mut values = [0.0; COUNT];
                values[songs] = if i < 200 { i as f32 } else { f32::NAN };
                values[help] = f32::from(u8::from(i / 3 % 2 == 0));
                let (user, cutoff) = (StoredUser::from_stored("1").unwrap(), Day::parse("2018-10-01").unwrap());
                Snapshot { user, cutoff, row: Row::from_values(values), churned: false }
            })
            .collect();
        let (found, dependence) = explain(&model, &snapshots).unwrap();

        // Every third row: 67 of the first 200.
        assert_eq!((found.rows, found.model_output, found.base_value), (6668, ModelOutput::LogOdds, -1.0));
        assert_eq!((found.features.len(), dependence.len()), (COUNT, 2));
        assert_eq!((found.features[0].name.as_str(), found.features[1].name.as_str()), ("songs", "help"));
        let known: f64 = (0..67).map(|i| 0.5 * f64::from(3 * i - 100).abs()).sum();
        let expected = (known + 6601.0 * 200.0) / 6668.0;
        assert!((found.features[0].mean_abs_shap - expected).abs() < 1e-9);
        assert_eq!(found.features[1].mean_abs_shap, 1.0);

        let songs = &dependence[0];
        assert_eq!((songs.bins.len(), songs.missing), (10, Some(MissingBin { rows: 6601, mean_shap: -200.0 })));
        let first = songs.bins[0];
        assert_eq!((first.from, first.to, first.rows, first.mean_shap), (0.0, 18.0, 7, 45.5));
        assert_eq!((songs.bins[9].to, songs.bins.iter().map(|b| b.rows).sum::<usize>()), (198.0, 67));
        // Equal values share a range.
        let help: Vec<_> = dependence[1].bins.iter().map(|b| (b.from, b.to, b.rows, b.mean_shap)).collect();
        assert_eq!(help, [(0.0, 0.0, 3334, 0.0), (1.0, 1.0, 3334, 2.0)]);
    }
}
