//! Ranking metrics, which need no threshold. Rows of equal probability are ties, whatever their order in the input.

use super::{MetricsError, check};

/// Area under the ROC curve: the probability that a positive row ranks above a negative one, ties counting half
/// (the Mann-Whitney U statistic over `n_pos · n_neg`; Hanley & McNeil 1982). In 0..=1; 0.5 is chance; `None` if
/// only one class occurs.
///
/// # Errors
/// If there is no row, the lengths differ, or a probability is outside 0..=1.
pub fn roc_auc(labels: &[bool], probabilities: &[f64]) -> Result<Option<f64>, MetricsError> {
    check(labels, probabilities)?;
    // Pairs won count 2 and tied pairs 1, so that the sum is an exact integer.
    let (mut twice_won, mut positives, mut negatives) = (0u128, 0u128, 0u128);
    for tie in ties_from_best(labels, probabilities) {
        twice_won += tie.negatives * (2 * positives + tie.positives);
        positives += tie.positives;
        negatives += tie.negatives;
    }
    let pairs = positives * negatives;
    Ok((pairs > 0).then(|| twice_won as f64 / (2 * pairs) as f64))
}

/// Average precision, the step-wise area under the precision-recall curve, as scikit-learn's
/// `average_precision_score`: `Σ (recall_k - recall_{k-1}) · precision_k` over the distinct probabilities in
/// descending order. In 0..=1; chance is the share of positives; `None` if no row is positive.
///
/// # Errors
/// If there is no row, the lengths differ, or a probability is outside 0..=1.
pub fn pr_auc(labels: &[bool], probabilities: &[f64]) -> Result<Option<f64>, MetricsError> {
    check(labels, probabilities)?;
    let (mut area, mut positives, mut rows) = (0.0, 0u128, 0u128);
    for tie in ties_from_best(labels, probabilities) {
        positives += tie.positives;
        rows += tie.positives + tie.negatives;
        area += tie.positives as f64 * (positives as f64 / rows as f64);
    }
    Ok((positives > 0).then(|| area / positives as f64))
}

/// Rows of one probability, by label.
struct Tie {
    positives: u128,
    negatives: u128,
}

/// Groups rows of equal probability, the highest first.
fn ties_from_best(labels: &[bool], probabilities: &[f64]) -> Vec<Tie> {
    let mut rows: Vec<(f64, bool)> = probabilities.iter().copied().zip(labels.iter().copied()).collect();
    rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    rows.chunk_by(|a, b| a.0 == b.0)
        .map(|tie| {
            let positives = tie.iter().filter(|row| row.1).count() as u128;
            Tie { positives, negatives: tie.len() as u128 - positives }
        })
        .collect()
}
