//! Intervals of statistics of sums over rows, by resampling users: rows of one user are alike.

use churn_common::metrics::{Estimate, EstimateParams, Resampled, UserBootstrap};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// Units that are resampled. More users are put into so many random groups of about the same size, each resampled as if
/// it were a user: time and memory stay bounded, and groups are as independent as users. So many units give a standard
/// error to 1 in `√(2 · 10,000)`, 0.7 %.
const MAX_UNITS: usize = 10_000;
/// Separates the random numbers of the groups from other uses of the seed.
const STREAM: u64 = 0x7570;

/// What users add to some sums over rows.
#[derive(Debug, Clone, PartialEq)]
pub struct UserSums {
    /// Number of sums, 1 or more.
    width: usize,
    /// `(n_units, width)`: what each unit, a user or a group of them, adds to each sum.
    sums: Vec<f64>,
    /// `(width,)`: users who add something to a sum.
    users: Vec<u64>,
}

impl UserSums {
    /// Sums over the rows of each user; `add` adds a row to `width` sums, 1 or more.
    pub fn new<R>(users: &[&[R]], width: usize, seed: u64, add: impl Fn(&R, &mut [f64])) -> Self {
        let mut unit_of: Vec<usize> = (0..users.len()).map(|user| user % MAX_UNITS).collect();
        // Fewer users stay in order, so that resamples are those of the card's estimates.
        if users.len() > MAX_UNITS {
            shuffle(&mut unit_of, seed);
        }
        let mut all = Self { width, sums: vec![0.0; width * users.len().min(MAX_UNITS)], users: vec![0; width] };
        let mut of_user = vec![0.0; width];
        for (rows, unit) in users.iter().zip(unit_of) {
            of_user.fill(0.0);
            rows.iter().for_each(|row| add(row, &mut of_user));
            let unit = &mut all.sums[unit * width..(unit + 1) * width];
            for ((sum, users), x) in unit.iter_mut().zip(&mut all.users).zip(&of_user) {
                *sum += x;
                *users += u64::from(*x != 0.0);
            }
        }
        all
    }

    /// Users who add something to a sum.
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

    /// The sums where each unit counts `copies` times, `(width,)`.
    fn weighted(&self, copies: &[u32]) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for (copies, unit) in copies.iter().zip(self.sums.chunks_exact(self.width)).filter(|(n, _)| **n > 0) {
            sums.iter_mut().zip(unit).for_each(|(sum, x)| *sum += f64::from(*copies) * x);
        }
        sums
    }
}

/// A statistic with its interval, which is left out where all resamples agree.
pub fn estimate(resampled: &Resampled) -> Estimate {
    let Estimate { value, .. } = resampled.estimate();
    let (low, high) = resampled.estimate().interval().unzip();
    Estimate { value, low, high }
}

/// Puts items in random order (Fisher and Yates; Lemire 2019 without the rejection: biased by less than `n`/2⁶⁴).
fn shuffle(items: &mut [usize], seed: u64) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ (STREAM + 1).wrapping_mul(0xd134_2543_de82_ef95));
    for i in (1..items.len()).rev() {
        let below = (u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64;
        items.swap(i, below as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PARAMS;

    /// Rows of 1, x and y: the means of the latter two.
    fn means(users: &[Vec<[f64; 3]>]) -> Vec<Resampled> {
        let users: Vec<&[[f64; 3]]> = users.iter().map(Vec::as_slice).collect();
        let add = |row: &[f64; 3], sums: &mut [f64]| sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        UserSums::new(&users, 3, PARAMS.seed, add).statistics(2, &PARAMS, |at, sums| Some(sums[at + 1] / sums[0]))
    }

    /// Users with as many rows each, of two random columns of 0 to 1.
    fn random(users: usize, rows: usize) -> Vec<Vec<[f64; 3]>> {
        let mut random = fastrand::Rng::with_seed(1);
        (0..users).map(|_| (0..rows).map(|_| [1.0, random.f64(), random.f64()]).collect()).collect()
    }

    fn width(of: &Resampled) -> f64 {
        let Estimate { low: Some(low), high: Some(high), .. } = of.estimate() else { panic!("{of:?}") };
        high - low
    }

    #[test]
    fn one_row_a_user_has_the_standard_error_of_the_mean() {
        for (users, rows) in [(500, 1), (30_000, 1)] {
            let means = means(&random(users, rows));
            // Of a uniform distribution; the bootstrap's own error with 400 resamples is 3.5 %, of its quantiles more.
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
        // Rows taken for independent: √10 times too narrow, or about √20, as a user's two rows average out.
        assert!(width(&means(&copied)[0]) > 2.5 * width(&means(&apart)[0]));
    }

    #[test]
    fn one_user_has_no_interval() {
        let means = means(&random(1, 5));
        let mean = estimate(&means[0]);
        assert!(mean.value.is_some());
        assert_eq!((mean.low, mean.high, means[0].standard_error()), (None, None, None));
    }

    /// Numbers of the first release: others would mean that reports of the same data change.
    #[test]
    fn intervals_of_a_seed_stay_the_same() {
        let exactly = |value, low, high| Estimate { value: Some(value), low: Some(low), high: Some(high) };
        let few = means(&random(40, 3));
        assert_eq!(few[0].estimate(), exactly(0.44316456432602613, 0.40180077061330455, 0.48563646333732247));
        assert_eq!(few[0].standard_error(), Some(0.021740115316533463));
        // In groups.
        let many = means(&random(10_500, 2));
        assert_eq!(many[1].estimate(), exactly(0.494413225275114, 0.49037384939699796, 0.4981665415296855));
        assert_eq!(many[1].standard_error(), Some(0.0020237619061515082));
    }
}
