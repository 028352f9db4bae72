//! Gauss-Legendre quadrature: exact integrals over 0..=1 of polynomials up to a degree.

use std::f64::consts::PI;

/// `N` points and their weights. The weighted sum of a polynomial's values at the points is its integral over 0..=1 if its
/// degree is below `2 N`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct GaussLegendre<const N: usize> {
    /// Above 0 and below 1, descending.
    pub(super) points: [f64; N],
    /// Above 0; their sum is 1.
    pub(super) weights: [f64; N],
}

impl<const N: usize> GaussLegendre<N> {
    /// The points are the roots of the Legendre polynomial of degree `N`, mapped from -1..=1 to 0..=1. They are found by
    /// Newton's method; for the initial guess see Press et al., "Numerical Recipes", section 4.6.
    pub(super) fn new() -> Self {
        let roots: [(f64, f64); N] = std::array::from_fn(|i| {
            let mut x = (PI * (i as f64 + 0.75) / (N as f64 + 0.5)).cos();
            // From this guess, the number of correct digits doubles with each step.
            for _ in 0..8 {
                let (value, slope) = legendre(N, x);
                x -= value / slope;
            }
            (x, legendre(N, x).1)
        });
        Self {
            points: roots.map(|(x, _)| (1.0 + x) / 2.0),
            weights: roots.map(|(x, slope)| 1.0 / ((1.0 - x * x) * slope * slope)),
        }
    }
}

/// Value and derivative of the Legendre polynomial of `degree` at `x`, above -1 and below 1.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut previous, mut value) = (0.0, 1.0);
    for n in 1..=degree {
        let n = n as f64;
        (previous, value) = (value, ((2.0 * n - 1.0) * x * value - (n - 1.0) * previous) / n);
    }
    (value, degree as f64 * (x * value - previous) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_powers<const N: usize>() {
        let rule = GaussLegendre::<N>::new();
        for degree in 0..2 * N {
            let sum: f64 = (0..N).map(|i| rule.weights[i] * rule.points[i].powi(degree as i32)).sum();
            let integral = 1.0 / (degree as f64 + 1.0);
            assert!((sum - integral).abs() < 1e-15 * N as f64, "{N} points, degree {degree}: {sum}");
        }
    }

    #[test]
    fn powers_below_degree_2n_are_exact() {
        check_powers::<2>();
        check_powers::<4>();
        check_powers::<8>();
        check_powers::<16>();
        check_powers::<32>();
    }
}
