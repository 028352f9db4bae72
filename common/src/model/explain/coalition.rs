//! The probability that a split's feature is in the coalition, given that the row reached the split.

/// For a split of feature `f`: the probability, at each quadrature point `t`, that `f` is in the coalition, given that the
/// row reached the split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coalition<const N: usize> {
    pub(super) probability: [f64; N],
    /// Derivative of `probability` with respect to the `t` of `f` alone.
    pub(super) slope: [f64; N],
}

/// Position in [`Coalition::table`] for a feature that cannot be in the coalition: an earlier split tested it, and the path
/// took the side that the row does not take.
pub(super) const EXCLUDED: u32 = 0;

impl<const N: usize> Coalition<N> {
    /// One entry at [`EXCLUDED`], then one for each of `shares`: see
    /// [`PathFeature::share`](super::split::PathFeature::share).
    ///
    /// Bayes' rule: let a share `s` of the training weight pass the earlier splits on `f`, on the side that the row takes.
    /// The row passes them with probability 1 if `f` is known (probability `t`), and with probability `s` if not (`1 - t`).
    pub(super) fn table(points: &[f64; N], shares: &[f64]) -> Vec<Self> {
        let coalition = |share: &f64| {
            let passed = points.map(|t| t + (1.0 - t) * share);
            Self { probability: std::array::from_fn(|q| points[q] / passed[q]), slope: passed.map(|p| share / (p * p)) }
        };
        let excluded = Self { probability: [0.0; N], slope: [0.0; N] };
        std::iter::once(excluded).chain(shares.iter().map(coalition)).collect()
    }
}
