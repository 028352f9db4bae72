//! Ranks of scores within folds. Scores of different folds come from different models and are not comparable: pooled,
//! even the prior rate would have a ROC-AUC other than 0.5 (Forman and Scholz, "Apples-to-apples in cross-validation
//! studies", 2010).

use churn_common::metrics::{EstimateParams, Estimates, MetricsError, estimate};

/// The share of values below each value, ties counting half.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = |value: &f64| {
        let (below, upto) = (sorted.partition_point(|s| s < value), sorted.partition_point(|s| s <= value));
        (below + upto) as f64 / (2 * sorted.len()) as f64
    };
    values.iter().map(rank).collect()
}

/// The rank of each value within its fold, by fold.
pub fn by_fold(folds: &[Vec<f64>]) -> Vec<Vec<f64>> {
    folds.iter().map(|values| ranks(values)).collect()
}

/// Estimates of out-of-fold probabilities. Ranking metrics are computed from `ranks` within folds.
///
/// # Errors
/// As [`estimate`].
pub fn out_of_fold(
    labels: &[bool],
    probabilities: &[f64],
    ranks: &[f64],
    users: &[u32],
    params: &EstimateParams,
) -> Result<Estimates, MetricsError> {
    let mut all = estimate(labels, probabilities, users, params)?;
    let is_ranking = |name: &String| {
        ["roc_auc", "pr_auc", "recall_at_k"].contains(&name.as_str())
            || name.starts_with("gain_")
            || name.starts_with("lift_")
    };
    all.extend(estimate(labels, ranks, users, params)?.into_iter().filter(|(name, _)| is_ranking(name)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_within_folds_and_ties_share_a_rank() {
        let folds = [vec![0.1, 0.3, 0.3, 0.2], vec![0.9, 0.9]];
        assert_eq!(by_fold(&folds).concat(), [0.125, 0.75, 0.75, 0.375, 0.5, 0.5]);
    }

    /// Two folds with different rates, and a model with one probability for all rows of a fold.
    #[test]
    fn constant_probability_per_fold_ranks_by_chance() {
        let labels: Vec<bool> = (0..200).map(|row| if row < 100 { row % 4 == 0 } else { row % 2 == 0 }).collect();
        let p: Vec<f64> = (0..200).map(|row| if row < 100 { 0.5 } else { 0.25 }).collect();
        let users: Vec<u32> = (0..200).collect();
        let params = EstimateParams { threshold: 0.5, k: 10, level: 0.95, resamples: 100, seed: 1 };
        let metric = |ranks: &[f64], name: &str| out_of_fold(&labels, &p, ranks, &users, &params).unwrap()[name].value;
        assert!(metric(&p, "roc_auc") < Some(0.45));
        let ranks = by_fold(&[p[..100].to_vec(), p[100..].to_vec()]).concat();
        assert_eq!((metric(&ranks, "roc_auc"), metric(&ranks, "lift_at_10_percent")), (Some(0.5), Some(1.0)));
        assert_eq!(metric(&ranks, "ece"), metric(&p, "ece"));
    }
}
