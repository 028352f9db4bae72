//! What p-values are worth when many are looked at.

use super::StatsError;

/// Adjusts p-values, each in 0..=1, for their number (Benjamini & Hochberg 1995), in the order given. Calling drift
/// where an adjusted value is at or below α keeps the expected share of false calls among all calls at or below α, and
/// where no feature has drifted the probability of *any* call: one batch raises a false alarm with probability α,
/// however many features there are. It holds for independent and for positively dependent tests; features are mostly
/// the latter.
///
/// Chosen over Holm's method, which gives the same promise where nothing drifts and finds less where something does.
///
/// # Errors
/// If a p-value is NaN or outside 0..=1.
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    if let Some(&value) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatsError::Range { what: "p-value", value, accepted: "in 0..=1" });
    }
    let mut from_largest: Vec<usize> = (0..p_values.len()).collect();
    from_largest.sort_by(|&a, &b| p_values[b].total_cmp(&p_values[a]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut smallest = 1.0f64;
    for (above, at) in from_largest.into_iter().enumerate() {
        let rank = p_values.len() - above;
        smallest = smallest.min(p_values[at] * p_values.len() as f64 / rank as f64);
        adjusted[at] = smallest;
    }
    Ok(adjusted)
}
