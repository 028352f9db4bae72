//! Correction of p-values for multiple tests.

use super::StatsError;

/// Adjusts p-values, each in 0..=1, for the number of tests (Benjamini & Hochberg 1995). The order is kept.
///
/// If drift is reported where the adjusted p-value is at most α, the expected share of false reports (false discovery rate)
/// is at most α. If no feature has drifted, the probability of any report is at most α, for any number of features. Both
/// hold for independent and for positively dependent tests. Holm's method has the same guarantee when nothing drifts, but
/// detects less when something does.
///
/// # Errors
/// A p-value is NaN or outside 0..=1.
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, StatsError> {
    if let Some(&value) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatsError::Range { name: "p-value", value, expected: "0 to 1" });
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
