//! Bootstrap intervals over users, for statistics that are functions of sums over rows.

use churn_common::metrics::{Estimate, EstimateParams, Resampled, UserBootstrap};
use churn_common::random::{rng, shuffle};

/// Maximum number of resampled units. More users are assigned to this many random groups of about the same size, and
/// groups are resampled instead of users, so that time and memory are bounded. The relative error of a standard error
/// is then `1 / √(2 · 10,000)`, 0.7 %.
const MAX_UNITS: usize = 10_000;
/// Separates the random numbers of the groups from other uses of the seed.
const STREAM: u64 = 0x7570;

/// Sums over rows, by user or group of users.
#[derive(Debug, Clone, PartialEq)]
pub struct UserSums {
    /// Number of sums, 1 or more.
    width: usize,
    /// `(n_units, width)`; a unit is a user or a group of users.
    sums: Vec<f64>,
    /// `(width,)`, number of users with a nonzero contribution to the sum.
    users: Vec<u64>,
}

impl UserSums {
    /// Sums over the rows of each user; `add` adds a row to `width` sums, 1 or more.
    pub fn new<R>(users: &[&[R]], width: usize, seed: u64, add: impl Fn(&R, &mut [f64])) -> Self {
        let mut unit_of: Vec<usize> = (0..users.len()).map(|user| user % MAX_UNITS).collect();
        // With fewer users, the resamples are those of the card's metrics.
        if users.len() > MAX_UNITS {
            shuffle(&mut unit_of, &mut rng(seed, STREAM));
        }
        let mut all = Self { width, sums: vec![0.0; width * users.len().min(MAX_UNITS)], users: vec![0; width] };
        let mut user_sums = vec![0.0; width];
        for (rows, unit) in users.iter().zip(unit_of) {
            user_sums.fill(0.0);
            rows.iter().for_each(|row| add(row, &mut user_sums));
            let unit = &mut all.sums[unit * width..(unit + 1) * width];
            for ((sum, users), x) in unit.iter_mut().zip(&mut all.users).zip(&user_sums) {
                *sum += x;
                *users += u64::from(*x != 0.0);
            }
        }
        all
    }

    /// Number of users with a nonzero contribution to the sum.
    pub fn users(&self, sum: usize) -> u64 {
        self.users[sum]
    }

    /// The sums over all users, `(width,)`.
    pub fn totals(&self) -> Vec<f64> {
        self.weighted(&vec![1; self.sums.len() / self.width])
    }

    /// Resamples `count` statistics of the sums. Up to 10,000 users, the resamples are those of
    /// [`churn_common::metrics::estimate`].
    pub fn statistics(
        &self,
        count: usize,
        params: &EstimateParams,
        statistic: impl Fn(usize, &[f64]) -> Option<f64>,
    ) -> Vec<Resampled> {
        UserBootstrap::new(self.sums.len() / self.width, params).run(|copies| {
            let sums = self.weighted(copies);
            (0..count).map(|at| statistic(at, &sums)).collect()
        })
    }

    /// The sums with each unit counted `copies` times, `(width,)`.
    fn weighted(&self, copies: &[u32]) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for (copies, unit) in copies.iter().zip(self.sums.chunks_exact(self.width)).filter(|(n, _)| **n > 0) {
            sums.iter_mut().zip(unit).for_each(|(sum, x)| *sum += f64::from(*copies) * x);
        }
        sums
    }
}

/// A statistic with its interval; no interval if all resamples are equal.
pub fn estimate(resampled: &Resampled) -> Estimate {
    let Estimate { value, .. } = resampled.estimate();
    let (low, high) = resampled.estimate().interval().unzip();
    Estimate { value, low, high }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PARAMS;

    /// Rows are `[1, x, y]`; returns the means of x and y.
    fn means(users: &[Vec<[f64; 3]>]) -> Vec<Resampled> {
        let users: Vec<&[[f64; 3]]> = users.iter().map(Vec::as_slice).collect();
        let add = |row: &[f64; 3], sums: &mut [f64]| sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        UserSums::new(&users, 3, PARAMS.seed, add).statistics(2, &PARAMS, |at, sums| Some(sums[at + 1] / sums[0]))
    }

    /// Users with `rows` rows each, of two random columns in 0..1.
    fn random(users: usize, rows: usize) -> Vec<Vec<[f64; 3]>> {
        let mut random = fastrand::Rng::with_seed(1);
        (0..users).map(|_| (0..rows).map(|_| [1.0, random.f64(), random.f64()]).collect()).collect()
    }

    fn width(of: &Resampled) -> f64 {
        let Estimate { low: Some(low), high: Some(high), .. } = of.estimate() else { panic!("{of:?}") };
        high - low
    }

    #[test]
    fn one_row_per_user_has_the_standard_error_of_the_mean() {
        for (users, rows) in [(500, 1), (30_000, 1)] {
            let means = means(&random(users, rows));
            // Uniform distribution. With 400 resamples, the error of the bootstrap is 3.5 %, that of its quantiles
            // larger.
            let error = (1.0 / 12.0 / users as f64).sqrt();
            for mean in &means {
                let standard_error = mean.standard_error().unwrap();
                assert!((standard_error / error - 1.0).abs() < 0.15, "{users}: {standard_error} {error}");
                assert!(
                    (width(mean) / (2.0 * 1.96 * error) - 1.0).abs() < 0.2,
                    "{users}: {:?} {error}",
                    mean.estimate()
                );
            }
        }
    }

    #[test]
    fn copies_of_rows_do_not_narrow_intervals() {
        let once = random(300, 2);
        let copied: Vec<_> = once.iter().map(|rows| rows.repeat(10)).collect();
        for (a, b) in means(&once).iter().zip(&means(&copied)) {
            assert!((width(a) - width(b)).abs() < 1e-12);
        }
        let apart: Vec<_> = copied.iter().flatten().map(|row| vec![*row]).collect();
        // Treated as independent rows, the interval would be √10 to √20 times narrower.
        assert!(width(&means(&copied)[0]) > 2.5 * width(&means(&apart)[0]));
    }

    #[test]
    fn one_user_has_no_interval() {
        let means = means(&random(1, 5));
        let mean = estimate(&means[0]);
        assert!(mean.value.is_some());
        assert_eq!((mean.low, mean.high, means[0].standard_error()), (None, None, None));
    }

    /// Other values would change the reports of the same data.
    #[test]
    fn intervals_depend_on_the_seed_only() {
        let exactly = |value, low, high| Estimate { value: Some(value), low: Some(low), high: Some(high) };
        let few = means(&random(40, 3));
        assert_eq!(few[0].estimate(), exactly(0.44316456432602613, 0.40180077061330455, 0.48563646333732247));
        assert_eq!(few[0].standard_error(), Some(0.021740115316533463));
        // With users in groups.
        let many = means(&random(10_500, 2));
        assert_eq!(many[1].estimate(), exactly(0.494413225275114, 0.49037384939699796, 0.4981665415296855));
        assert_eq!(many[1].standard_error(), Some(0.0020237619061515082));
    }
}
