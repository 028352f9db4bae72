//! Gauss-Legendre quadrature: integrals of polynomials over 0..=1, exact up to a degree.

use std::f64::consts::PI;

/// `N` points and their weights. The weighted sum of a polynomial's values at the points is its integral over 0..=1 if its
/// degree is below `2 N`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct GaussLegendre<const N: usize> {
    /// Above 0 and below 1, descending.
    pub(super) points: [f64; N],
    /// Above 0; they add up to 1.
    pub(super) weights: [f64; N],
}

impl<const N: usize> GaussLegendre<N> {
    /// The points are the roots of the Legendre polynomial of degree `N`, found by Newton's method from the usual first
    /// guess (Press et al., "Numerical Recipes", section 4.6), moved from -1..=1 to 0..=1.
    pub(super) fn new() -> Self {
        let roots: [(f64, f64); N] = std::array::from_fn(|i| {
            let mut x = (PI * (i as f64 + 0.75) / (N as f64 + 0.5)).cos();
            // From this guess, the number of right digits doubles with each step.
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

/// The Legendre polynomial of `degree` and its slope at `x`, above -1 and below 1.
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (0.0, 1.0);
    for n in 1..=degree {
        let n = n as f64;
        (before, value) = (value, ((2.0 * n - 1.0) * x * value - (n - 1.0) * before) / n);
    }
    (value, degree as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integrates<const N: usize>() {
        let rule = GaussLegendre::<N>::new();
        for degree in 0..2 * N {
            let sum: f64 = (0..N).map(|i| rule.weights[i] * rule.points[i].powi(degree as i32)).sum();
            let integral = 1.0 / (degree as f64 + 1.0);
            assert!((sum - integral).abs() < 1e-15 * N as f64, "{N} points, degree {degree}: {sum}");
        }
    }

    #[test]
    fn powers_below_twice_the_number_of_points_are_exact() {
        integrates::<2>();
        integrates::<4>();
        integrates::<8>();
        integrates::<16>();
        integrates::<32>();
    }
}
