//! How likely a split's feature is known, given that a row has come as far as the split.

/// For a split of feature `f`: the probability, at each quadrature point `t`, that `f` is in the coalition, given that the
/// row reached the split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coalition<const N: usize> {
    pub(super) probability: [f64; N],
    /// Derivative of `probability` with respect to the `t` of `f` alone.
    pub(super) slope: [f64; N],
}

/// Position in [`Coalition::table`] for a feature that cannot be in the coalition: an earlier split asked it, and the path
/// took the side that the row does not.
pub(super) const EXCLUDED: u32 = 0;

impl<const N: usize> Coalition<N> {
    /// One entry at [`EXCLUDED`], then one for each of `shares`: see
    /// [`PathFeature::share`](super::split::PathFeature::share).
    ///
    /// Bayes' rule: where earlier splits on `f` let a share `s` of the training weight through, on the row's own side, a row
    /// comes through with probability 1 if `f` is known (`t`), and `s` if it is not (`1 - t`).
    pub(super) fn table(points: &[f64; N], shares: &[f64]) -> Vec<Self> {
        let coalition = |share: &f64| {
            let through = points.map(|t| t + (1.0 - t) * share);
            Self {
                probability: std::array::from_fn(|q| points[q] / through[q]),
                slope: through.map(|p| share / (p * p)),
            }
        };
        let excluded = Self { probability: [0.0; N], slope: [0.0; N] };
        std::iter::once(excluded).chain(shares.iter().map(coalition)).collect()
    }
}
