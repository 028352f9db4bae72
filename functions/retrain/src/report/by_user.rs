//! Intervals of figures that are made from sums over rows, by resampling users: rows of one user are alike.

use crate::random::{rng, shuffle};
use churn_common::metrics::{Estimate, EstimateParams};

/// Most units that are resampled. Of more users, random groups of as many each are resampled as if each were a user, so
/// that time and memory stay bounded: users are independent, and so are groups. From so many, a standard error is known
/// to 1 in `√(2 · 10,000)`, 0.7 %.
const UNITS: usize = 10_000;
/// The random numbers that put users into groups, among those of other uses.
const STREAM: u64 = 0x7570;

/// What users add to some sums over rows.
#[derive(Debug, Clone, PartialEq)]
pub struct ByUser {
    /// Sums, 1 or more.
    width: usize,
    /// `(n_units, width)`: what each unit, a user or a group of them, adds to each sum.
    sums: Vec<f64>,
    /// `(width,)`: users who add something to a sum.
    users: Vec<u64>,
}

/// A figure of all users, and of each resample in which it is defined.
#[derive(Debug, Clone, PartialEq)]
pub struct Resampled {
    /// Of all users; `None` where undefined.
    value: Option<f64>,
    /// Of resamples, ascending.
    resampled: Vec<f64>,
    /// Its interval's ends.
    ends: Option<(f64, f64)>,
}

impl ByUser {
    /// Of the rows of each user; `add` adds a row to `width` sums, 1 or more.
    pub fn of<R>(users: &[&[R]], width: usize, seed: u64, add: impl Fn(&R, &mut [f64])) -> Self {
        let mut unit_of: Vec<usize> = (0..users.len()).map(|user| user % UNITS).collect();
        // As few as these stay in order, so that resamples are those of the card's estimates.
        if users.len() > UNITS {
            shuffle(&mut unit_of, &mut rng(seed, STREAM));
        }
        let mut all = Self { width, sums: vec![0.0; width * users.len().min(UNITS)], users: vec![0; width] };
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
        let mut totals = vec![0.0; self.width];
        self.sums.chunks_exact(self.width).for_each(|unit| add(&mut totals, unit, 1.0));
        totals
    }

    /// `count` figures, of which `figure` tells each from the sums, with what resamples of as many users as there are,
    /// with replacement, make of them: those that [`churn_common::metrics::estimate`] makes of the same users, as long as
    /// there are no more than 10,000 of them.
    pub fn figures(
        &self,
        count: usize,
        params: &EstimateParams,
        figure: impl Fn(usize, &[f64]) -> Option<f64>,
    ) -> Vec<Resampled> {
        let units = self.sums.len() / self.width;
        let mut resampled: Vec<Vec<f64>> = vec![Vec::new(); count];
        let mut rng = fastrand::Rng::with_seed(params.seed);
        let (mut copies, mut sums) = (vec![0u32; units], vec![0.0; self.width]);
        for _ in 0..params.resamples {
            copies.fill(0);
            (0..units).for_each(|_| copies[rng.usize(..units)] += 1);
            sums.fill(0.0);
            for (copies, unit) in copies.iter().zip(self.sums.chunks_exact(self.width)).filter(|(n, _)| **n > 0) {
                add(&mut sums, unit, f64::from(*copies));
            }
            resampled.iter_mut().enumerate().for_each(|(at, all)| all.extend(figure(at, &sums)));
        }
        let totals = self.totals();
        let told = |(at, all)| Resampled::of(figure(at, &totals), all, params);
        resampled.into_iter().enumerate().map(told).collect()
    }
}

fn add(sums: &mut [f64], unit: &[f64], copies: f64) {
    sums.iter_mut().zip(unit).for_each(|(sum, x)| *sum += copies * x);
}

impl Resampled {
    fn of(value: Option<f64>, mut resampled: Vec<f64>, params: &EstimateParams) -> Self {
        resampled.sort_unstable_by(f64::total_cmp);
        let enough = value.is_some() && 2 * resampled.len() > params.resamples as usize;
        let quantile = |q: f64| resampled.get((q * resampled.len().saturating_sub(1) as f64).round() as usize).copied();
        let ends = quantile((1.0 - params.level) / 2.0).zip(quantile((1.0 + params.level) / 2.0));
        // Where all resamples tell the same, as where there is one user, they tell nothing of how sure it is.
        let ends = ends.filter(|(low, high)| enough && low < high);
        Self { value, resampled, ends }
    }

    /// It and its percentile interval; no interval where most resamples leave it undefined, or all tell the same.
    pub fn estimate(&self) -> Estimate {
        Estimate { value: self.value, low: self.ends.map(|(low, _)| low), high: self.ends.map(|(_, high)| high) }
    }

    /// The standard deviation over resamples: its standard error. `None` as for the interval.
    pub fn deviation(&self) -> Option<f64> {
        self.ends?;
        let n = self.resampled.len() as f64;
        let mean = self.resampled.iter().sum::<f64>() / n;
        Some((self.resampled.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub const PARAMS: EstimateParams = EstimateParams { threshold: 0.5, k: 1, level: 0.95, resamples: 400, seed: 7 };

    /// Rows of 1, x and y: the means of the latter two.
    fn means(users: &[Vec<[f64; 3]>]) -> Vec<Resampled> {
        let users: Vec<&[[f64; 3]]> = users.iter().map(Vec::as_slice).collect();
        let add = |row: &[f64; 3], sums: &mut [f64]| sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        ByUser::of(&users, 3, PARAMS.seed, add).figures(2, &PARAMS, |at, sums| Some(sums[at + 1] / sums[0]))
    }

    /// So many users with as many rows each, of two random columns of 0 to 1.
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
            let told = means(&random(users, rows));
            // Of a uniform distribution; the bootstrap's own error with 400 resamples is 3.5 %, of its quantiles more.
            let error = (1.0 / 12.0 / users as f64).sqrt();
            for of in &told {
                assert!((of.deviation().unwrap() / error - 1.0).abs() < 0.15, "{users}: {:?} {error}", of.deviation());
                assert!((width(of) / (2.0 * 1.96 * error) - 1.0).abs() < 0.2, "{users}: {:?} {error}", of.estimate());
            }
        }
    }

    #[test]
    fn copies_of_a_user_s_rows_make_nothing_surer() {
        let once = random(300, 2);
        let copied: Vec<_> = once.iter().map(|rows| rows.repeat(10)).collect();
        for (a, b) in means(&once).iter().zip(&means(&copied)) {
            assert!((width(a) - width(b)).abs() < 1e-12);
        }
        let apart: Vec<_> = copied.iter().flatten().map(|row| vec![*row]).collect();
        // As rows for independent had it: √10 times too sure, or about √20 as a user's two rows average out.
        assert!(width(&means(&copied)[0]) > 2.5 * width(&means(&apart)[0]));
    }

    #[test]
    fn one_user_tells_nothing_of_others() {
        let told = means(&random(1, 5));
        assert!(told[0].value.is_some());
        assert_eq!((told[0].estimate().low, told[0].deviation()), (None, None));
    }
}
