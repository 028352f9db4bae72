//! The bootstrap over users: rows of one user are correlated, so users are resampled and not rows.

use super::estimate::{Estimate, EstimateParams};

/// Draws as many users as there are, with replacement. The draws depend only on the number of users and the seed, so all
/// statistics of the same users are computed on the same resamples.
#[derive(Debug, Clone, Copy)]
pub struct UserBootstrap {
    users: usize,
    resamples: u32,
    seed: u64,
    level: f64,
}

/// A statistic of all users, and of each resample in which it is defined.
#[derive(Debug, Clone, PartialEq)]
pub struct Resampled {
    estimate: Estimate,
    /// In ascending order.
    resamples: Vec<f64>,
}

impl UserBootstrap {
    pub fn new(users: usize, params: &EstimateParams) -> Self {
        let EstimateParams { resamples, seed, level, .. } = *params;
        Self { users, resamples, seed, level }
    }

    /// Resamples statistics. `statistics` computes them, always in the same order, from the number of times that each
    /// user occurs, `(n_users,)`; `None` = undefined.
    pub fn run(&self, mut statistics: impl FnMut(&[u32]) -> Vec<Option<f64>>) -> Vec<Resampled> {
        let values = statistics(&vec![1; self.users]);
        let mut resampled: Vec<Vec<f64>> = vec![Vec::new(); values.len()];
        let mut rng = fastrand::Rng::with_seed(self.seed);
        let mut copies = vec![0u32; self.users];
        for _ in 0..self.resamples {
            copies.fill(0);
            for _ in 0..self.users {
                if let Some(copies) = copies.get_mut(rng.usize(..self.users)) {
                    *copies += 1;
                }
            }
            for (all, value) in resampled.iter_mut().zip(statistics(&copies)) {
                all.extend(value);
            }
        }
        values.into_iter().zip(resampled).map(|(value, all)| self.summarise(value, all)).collect()
    }

    /// The percentile interval (Efron 1979), which excludes the same share of resamples at either end. It is undefined
    /// if the statistic is undefined in half of the resamples or more.
    fn summarise(&self, value: Option<f64>, mut resamples: Vec<f64>) -> Resampled {
        resamples.sort_unstable_by(f64::total_cmp);
        let enough = 2 * resamples.len() > self.resamples as usize;
        let quantile = |q: f64| {
            let at = (q * resamples.len().saturating_sub(1) as f64).round() as usize;
            resamples.get(at).copied().filter(|_| enough)
        };
        let (low, high) = (quantile((1.0 - self.level) / 2.0), quantile((1.0 + self.level) / 2.0));
        Resampled { estimate: Estimate { value, low, high }, resamples }
    }
}

impl Resampled {
    /// The value and its percentile interval.
    pub fn estimate(&self) -> Estimate {
        self.estimate
    }

    /// The standard deviation over resamples. `None` if the interval is undefined or has zero width.
    pub fn standard_error(&self) -> Option<f64> {
        self.estimate.interval()?;
        let n = self.resamples.len() as f64;
        let mean = self.resamples.iter().sum::<f64>() / n;
        Some((self.resamples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(resamples: u32) -> EstimateParams {
        EstimateParams { threshold: 0.5, k: 1, level: 0.95, resamples, seed: 7 }
    }

    /// The mean of `values`, one per user.
    fn mean(values: &[f64], params: &EstimateParams) -> Resampled {
        let mean = |copies: &[u32]| {
            let sum: f64 = values.iter().zip(copies).map(|(x, n)| x * f64::from(*n)).sum();
            vec![Some(sum / values.len() as f64)]
        };
        UserBootstrap::new(values.len(), params).run(mean).remove(0)
    }

    #[test]
    fn every_resample_has_as_many_users() {
        let mut calls = 0;
        let all = UserBootstrap::new(17, &params(50)).run(|copies| {
            calls += 1;
            vec![Some(f64::from(copies.iter().sum::<u32>()))]
        });
        assert_eq!(calls, 51, "all users once, and each resample");
        assert_eq!(all[0].estimate(), Estimate { value: Some(17.0), low: Some(17.0), high: Some(17.0) });
        assert_eq!(all[0].standard_error(), None, "all resamples agree");
    }

    #[test]
    fn standard_error_of_a_mean_equals_the_formula() {
        let mut rng = fastrand::Rng::with_seed(1);
        let values: Vec<f64> = (0..500).map(|_| rng.f64()).collect();
        // Uniform: variance 1/12. 400 resamples give the standard error to 3.5 %; 15 % is four times that.
        let expected = (1.0 / 12.0 / 500.0_f64).sqrt();
        let error = mean(&values, &params(400)).standard_error().unwrap();
        assert!((error / expected - 1.0).abs() < 0.15, "{error} {expected}");
    }

    #[test]
    fn interval_is_undefined_if_most_resamples_are() {
        let mut call = 0;
        // Defined for all users, and for 24 of 50 resamples.
        let run = UserBootstrap::new(3, &params(50)).run(|_| {
            call += 1;
            vec![(call <= 25).then(|| f64::from(call))]
        });
        assert_eq!(run[0].estimate(), Estimate { value: Some(1.0), low: None, high: None });
        assert_eq!(run[0].standard_error(), None);
    }
}
