//! Ranks of scores within folds. Scores of different folds are of different models: they do not compare, and pooled they
//! would give even the prior rate a ROC-AUC other than 0.5 (Forman and Scholz, "Apples-to-apples in cross-validation
//! studies", 2010).

use churn_common::metrics::{EstimateParams, Estimates, MetricsError, estimate};

/// The share of values below each one, ties counting half.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = |value: &f64| {
        let (below, upto) = (sorted.partition_point(|s| s < value), sorted.partition_point(|s| s <= value));
        (below + upto) as f64 / (2 * sorted.len()) as f64
    };
    values.iter().map(rank).collect()
}

/// The rank of each value within its fold, fold by fold.
pub fn within_folds(folds: &[Vec<f64>]) -> Vec<f64> {
    folds.iter().flat_map(|values| ranks(values)).collect()
}

/// Estimates of out-of-fold probabilities; those that depend on the order alone are computed from `ranks` within folds.
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
    let of_order = |name: &String| {
        ["roc_auc", "pr_auc", "recall_at_k"].contains(&name.as_str())
            || name.starts_with("gain_")
            || name.starts_with("lift_")
    };
    all.extend(estimate(labels, ranks, users, params)?.into_iter().filter(|(name, _)| of_order(name)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_within_folds_and_ties_share_a_rank() {
        let folds = [vec![0.1, 0.3, 0.3, 0.2], vec![0.9, 0.9]];
        assert_eq!(within_folds(&folds), [0.125, 0.75, 0.75, 0.375, 0.5, 0.5]);
    }

    /// Two folds whose rates differ, and a model with one probability for all rows of a fold.
    #[test]
    fn a_constant_ranks_by_chance_though_its_folds_differ() {
        let labels: Vec<bool> = (0..200).map(|row| if row < 100 { row % 4 == 0 } else { row % 2 == 0 }).collect();
        let p: Vec<f64> = (0..200).map(|row| if row < 100 { 0.5 } else { 0.25 }).collect();
        let users: Vec<u32> = (0..200).collect();
        let params = EstimateParams { threshold: 0.5, k: 10, level: 0.95, resamples: 100, seed: 1 };
        let of = |ranks: &[f64], name: &str| out_of_fold(&labels, &p, ranks, &users, &params).unwrap()[name].value;
        assert!(of(&p, "roc_auc") < Some(0.45));
        let ranks = within_folds(&[p[..100].to_vec(), p[100..].to_vec()]);
        assert_eq!((of(&ranks, "roc_auc"), of(&ranks, "lift_at_10_percent")), (Some(0.5), Some(1.0)));
        assert_eq!(of(&ranks, "ece"), of(&p, "ece"));
    }
}
