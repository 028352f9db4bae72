//! The calibration slope: whether probabilities are too extreme, or too close to the mean.

use super::estimate::Estimate;
use super::{MetricsError, check};
use crate::model::scorer::logistic;
use std::collections::BTreeMap;

/// Newton steps. Ten suffice unless the classes are separable, which has no finite slope.
const MAX_STEPS: usize = 30;
/// Quantile of the normal distribution for intervals of 95 %.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// `intercept + slope · (x - mean of x)`, in log-odds.
#[derive(Clone, Copy)]
struct Line {
    intercept: f64,
    slope: f64,
}

/// A symmetric matrix of 2 x 2: `[[a, b], [b, c]]`.
#[derive(Clone, Copy, Default)]
struct Symmetric {
    a: f64,
    b: f64,
    c: f64,
}

/// The slope of the logistic regression of `labels` `(n_rows,)` on the log-odds of `probabilities` `(n_rows,)` (Cox 1958): 1
/// is best, below 1 = too extreme, above 1 = too close to the mean. The 95 % interval allows for the correlation of the rows
/// of one of the `users` `(n_rows,)` (Liang and Zeger 1986). Undefined if only one class occurs, all probabilities are equal,
/// or the classes are separable.
///
/// # Errors
/// If there is no row, the lengths differ, or a probability is outside 0..=1.
pub fn calibration_slope(labels: &[bool], probabilities: &[f64], users: &[u32]) -> Result<Estimate, MetricsError> {
    check(labels, probabilities)?;
    if users.len() != labels.len() {
        return Err(MetricsError::Length { labels: labels.len(), probabilities: users.len() });
    }
    let mut x: Vec<f64> = probabilities.iter().copied().map(log_odds).collect();
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    x.iter_mut().for_each(|x| *x -= mean);
    let y: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(*label))).collect();
    let Some(line) = fit(&x, &y) else { return Ok(Estimate::UNDEFINED) };
    let error = standard_error(line, &x, &y, users);
    let end = |sign: f64| error.map(|error| line.slope + sign * Z_95 * error);
    Ok(Estimate { value: Some(line.slope), low: end(-1.0), high: end(1.0) })
}

/// The line of maximum likelihood; `None` if there is none.
fn fit(x: &[f64], y: &[f64]) -> Option<Line> {
    let rate = y.iter().sum::<f64>() / y.len() as f64;
    let mut line = Line { intercept: (rate / (1.0 - rate)).ln(), slope: 0.0 };
    for _ in 0..MAX_STEPS {
        let (mut gradient, mut information) = ([0.0; 2], Symmetric::default());
        for (x, y) in x.iter().zip(y) {
            let off = y - line.probability(*x);
            gradient = [gradient[0] + off, gradient[1] + off * x];
            information.add(line.weight(*x), *x);
        }
        let step = information.inverse()?.times(gradient);
        line = Line { intercept: line.intercept + step[0], slope: line.slope + step[1] };
        if step.iter().all(|step| step.abs() < 1e-9) {
            return Some(line);
        }
    }
    None
}

/// `None` with fewer than two users.
fn standard_error(line: Line, x: &[f64], y: &[f64], users: &[u32]) -> Option<f64> {
    let mut information = Symmetric::default();
    let mut by_user: BTreeMap<u32, [f64; 2]> = BTreeMap::new();
    for ((x, y), user) in x.iter().zip(y).zip(users) {
        let off = y - line.probability(*x);
        information.add(line.weight(*x), *x);
        let sums = by_user.entry(*user).or_default();
        *sums = [sums[0] + off, sums[1] + off * x];
    }
    let Symmetric { b, c, .. } = information.inverse()?;
    let users = by_user.len() as f64;
    let variance: f64 = by_user.values().map(|sums| (b * sums[0] + c * sums[1]).powi(2)).sum();
    (users > 1.0).then(|| (variance * users / (users - 1.0)).sqrt())
}

/// The log-odds of a probability, finite also for 0 and 1.
pub fn log_odds(p: f64) -> f64 {
    let p = p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    (p / (1.0 - p)).ln()
}

impl Line {
    fn probability(self, x: f64) -> f64 {
        logistic(self.intercept + self.slope * x)
    }

    fn weight(self, x: f64) -> f64 {
        let p = self.probability(x);
        p * (1.0 - p)
    }
}

impl Symmetric {
    fn add(&mut self, weight: f64, x: f64) {
        *self = Self { a: self.a + weight, b: self.b + weight * x, c: self.c + weight * x * x };
    }

    /// `None` if the matrix is singular, or not finite.
    fn inverse(self) -> Option<Self> {
        let determinant = self.a * self.c - self.b * self.b;
        let is_regular = determinant > 1e-12 * self.a * self.c && determinant.is_finite();
        is_regular.then(|| Self { a: self.c / determinant, b: -self.b / determinant, c: self.a / determinant })
    }

    fn times(self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.a * x + self.b * y, self.b * x + self.c * y]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of 500 users with 3 rows each, whose labels are drawn with the probabilities.
    fn exact(seed: u64) -> (Vec<bool>, Vec<f64>, Vec<u32>) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let p: Vec<f64> = (0..1500).map(|_| logistic(3.0 * rng.f64() - 3.5)).collect();
        let labels = p.iter().map(|p| rng.f64() < *p).collect();
        (labels, p, (0..1500).map(|row| row / 3).collect())
    }

    #[test]
    fn slope_of_distorted_log_odds_is_the_inverse_of_the_factor() {
        let (labels, p, users) = exact(1);
        let slope = |factor: f64| {
            let distorted: Vec<f64> = p.iter().map(|p| logistic(factor * (p / (1.0 - p)).ln() + 0.7)).collect();
            calibration_slope(&labels, &distorted, &users).unwrap()
        };
        let once = slope(1.0);
        let (low, high) = once.interval().unwrap();
        assert!(low < 1.0 && 1.0 < high && high - low < 0.6, "{once}");
        for factor in [0.5, 2.0] {
            let found = slope(factor);
            assert!((found.value.unwrap() * factor - once.value.unwrap()).abs() < 1e-6, "{found}");
            let (low, high) = found.interval().unwrap();
            assert!(high < 1.0 || 1.0 < low, "{found}");
        }
    }

    #[test]
    fn interval_contains_one_as_often_as_its_level_and_allows_for_equal_rows() {
        let contains = |e: &Estimate| e.interval().is_some_and(|(low, high)| low <= 1.0 && 1.0 <= high);
        let found: Vec<Estimate> = (0..200)
            .map(|seed| {
                let (labels, p, users) = exact(seed);
                calibration_slope(&labels, &p, &users).unwrap()
            })
            .collect();
        // Binomial: 190 ± 3 of 200.
        let within = found.iter().filter(|e| contains(e)).count();
        assert!((179..=200).contains(&within), "{within}");
        // Copies of each row, by the same user, add no information.
        let (labels, p, _) = exact(1);
        let users: Vec<u32> = (0..1500).collect();
        let once = calibration_slope(&labels, &p, &users).unwrap();
        let copied = calibration_slope(&labels.repeat(4), &p.repeat(4), &users.repeat(4)).unwrap();
        assert!((once.low.unwrap() - copied.low.unwrap()).abs() < 1e-6, "{once} {copied}");
    }

    #[test]
    fn slope_is_undefined_without_spread_or_with_separable_classes() {
        let users = [0, 1, 2, 3];
        for (labels, p) in [
            ([false; 4], [0.1, 0.2, 0.3, 0.4]),
            ([true; 4], [0.1, 0.2, 0.3, 0.4]),
            ([false, true, false, true], [0.2; 4]),
            ([false, false, true, true], [0.1, 0.2, 0.3, 0.4]),
        ] {
            assert_eq!(calibration_slope(&labels, &p, &users), Ok(Estimate::UNDEFINED), "{labels:?} {p:?}");
        }
        assert!(calibration_slope(&[true], &[0.5], &[]).is_err());
        let certain = calibration_slope(&[true, false, true, false], &[0.0, 0.5, 1.0, 0.5], &users).unwrap();
        assert!(certain.value.is_some(), "probabilities of 0 and 1 are clipped");
    }
}
