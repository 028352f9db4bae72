//! Feature importance: the mean of the model's exact Shapley values over the held-out rows.

use churn_common::features::SCHEMA;
use churn_common::model::card::{Dependence, DependenceBin, Importance, MeanContribution};
use churn_common::model::{Explainer, Model, ScoreError};
use churn_common::snapshot::Snapshot;

/// Most rows that are explained: the mean over 10,000 is good to about 1 % of the contributions' scatter.
const MAX_ROWS: usize = 10_000;
/// Features whose dependence the card holds.
const DEPENDENCE: usize = 10;
/// Ranges of values per feature.
const BINS: usize = 10;

/// Explains `snapshots`, at least one, and averages over them.
///
/// # Errors
/// If a row cannot be explained.
pub(crate) fn importance(model: &Model, snapshots: &[Snapshot]) -> Result<Importance, ScoreError> {
    let explainer = Explainer::new(model);
    let every = snapshots.len().div_ceil(MAX_ROWS).max(1);
    let rows: Vec<&Snapshot> = snapshots.iter().step_by(every).collect();
    let explanations: Vec<_> = rows.iter().map(|s| explainer.explain(s.row.values())).collect::<Result<_, _>>()?;
    let mut order: Vec<(usize, f64)> = (0..SCHEMA.len())
        .map(|feature| {
            let sum: f64 = explanations.iter().map(|e| e.contributions[feature].abs()).sum();
            (feature, sum / rows.len() as f64)
        })
        .collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let used = order.iter().take(DEPENDENCE).filter(|(_, mean_absolute)| *mean_absolute > 0.0);
    let dependence = used.map(|&(feature, _)| {
        let values = rows.iter().map(|s| s.row.values()[feature]);
        let contributions = explanations.iter().map(|e| e.contributions[feature]);
        depend(SCHEMA[feature].name, values.zip(contributions).collect())
    });
    Ok(Importance {
        rows: rows.len(),
        explained: explainer.output(),
        base_value: explainer.base_value(),
        dependence: dependence.collect(),
        features: order
            .iter()
            .map(|&(feature, mean_absolute)| MeanContribution { name: SCHEMA[feature].name.into(), mean_absolute })
            .collect(),
    })
}

/// The dependence of the contribution on the value, from pairs of the two.
fn depend(feature: &str, pairs: Vec<(f32, f64)>) -> Dependence {
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
        mean_contribution: mean(bin),
    });
    let missing = (!missing.is_empty()).then(|| (missing.len(), mean(&missing)));
    Dependence { feature: feature.to_owned(), bins: bins.collect(), missing }
}

/// The mean contribution of some pairs, at least one.
fn mean(pairs: &[(f32, f64)]) -> f64 {
    pairs.iter().map(|(_, contribution)| contribution).sum::<f64>() / pairs.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::calendar::Day;
    use churn_common::features::{COUNT, Row, position};
    use churn_common::model::explain::ModelOutput;
    use churn_common::model::linear::{Linear, Term};
    use churn_common::model::{Calibration, DecisionRule, Probability, RiskBounds, Scorer};
    use churn_common::pseudonym::StoredUser;

    /// A linear model of two features, and rows in which one of them ascends and the other alternates.
    #[test]
    fn importance_of_a_linear_model_follows_its_weights() {
        let (songs, help) = (position("songs").unwrap(), position("help").unwrap());
        let mut terms = vec![Term { impute: 0.0, mean: 0.0, scale: 1.0, weight: 0.0 }; COUNT];
        terms[songs] = Term { impute: 500.0, mean: 100.0, scale: 1.0, weight: -0.5 };
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
        let found = importance(&model, &snapshots).unwrap();

        // Every third row: 67 of the first 200.
        assert_eq!((found.rows, found.explained, found.base_value), (6668, ModelOutput::LogOdds, -1.0));
        assert_eq!((found.features.len(), found.dependence.len()), (COUNT, 2));
        assert_eq!((found.features[0].name.as_str(), found.features[1].name.as_str()), ("songs", "help"));
        let known: f64 = (0..67).map(|i| 0.5 * f64::from(3 * i - 100).abs()).sum();
        let expected = (known + 6601.0 * 200.0) / 6668.0;
        assert!((found.features[0].mean_absolute - expected).abs() < 1e-9);
        assert_eq!(found.features[1].mean_absolute, 1.0);

        let songs = &found.dependence[0];
        assert_eq!((songs.bins.len(), songs.missing), (10, Some((6601, -200.0))));
        let first = songs.bins[0];
        assert_eq!((first.from, first.to, first.rows, first.mean_contribution), (0.0, 18.0, 7, 45.5));
        assert_eq!((songs.bins[9].to, songs.bins.iter().map(|b| b.rows).sum::<usize>()), (198.0, 67));
        // Equal values are in one range, however many they are.
        let help: Vec<_> =
            found.dependence[1].bins.iter().map(|b| (b.from, b.to, b.rows, b.mean_contribution)).collect();
        assert_eq!(help, [(0.0, 0.0, 3334, 0.0), (1.0, 1.0, 3334, 2.0)]);
    }
}
