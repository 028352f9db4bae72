//! Shares of rows with 95 % intervals by user.

use super::user_sums::{UserSums, estimate};
use churn_common::metrics::{Estimate, EstimateParams, Resampled, Z_95};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    pub rows: u64,
    /// Rows that count, such as churned rows.
    pub positives: u64,
    /// Distinct users of the rows.
    pub users: u64,
    /// `positives / rows`, 0..=1, with its 95 % interval by the percentile bootstrap over users. If all resamples have
    /// the same share (no row counts, all rows count, or there is one user), Wilson's interval (1927) with the number
    /// of users as trials.
    pub rate: Estimate,
}

impl Rate {
    /// The rate of each pair of sums, of rows and of rows that count; undefined without rows.
    pub(crate) fn all(sums: &UserSums, pairs: &[(usize, usize)], params: &EstimateParams) -> Vec<Self> {
        let totals = sums.totals();
        let share = |at: usize, sums: &[f64]| {
            let (rows, positives) = pairs[at];
            (sums[rows] > 0.0).then(|| sums[positives] / sums[rows])
        };
        let rate = |(resampled, (rows, positives)): (Resampled, &(usize, usize))| {
            let (bootstrap, users) = (estimate(&resampled), sums.users(*rows));
            let alike = bootstrap.value.filter(|_| bootstrap.low.is_none());
            let rate = alike.map_or(bootstrap, |share| wilson(share, users));
            Self { rows: totals[*rows] as u64, positives: totals[*positives] as u64, users, rate }
        };
        sums.statistics(pairs.len(), params, share).into_iter().zip(pairs).map(rate).collect()
    }
}

/// A share, 0..=1, with Wilson's interval for `trials`, 1 or more.
fn wilson(share: f64, trials: u64) -> Estimate {
    let (n, p) = (trials as f64, share);
    let shrink = 1.0 + Z_95 * Z_95 / n;
    let centre = (p + Z_95 * Z_95 / (2.0 * n)) / shrink;
    let half = Z_95 / shrink * (p * (1.0 - p) / n + Z_95 * Z_95 / (4.0 * n * n)).sqrt();
    Estimate { value: Some(p), low: Some((centre - half).clamp(0.0, p)), high: Some((centre + half).clamp(p, 1.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PARAMS;
    use churn_common::metrics;
    use proptest::prelude::*;

    /// The share of true among the rows of users.
    fn rate(users: &[Vec<bool>]) -> Rate {
        let users: Vec<&[bool]> = users.iter().map(Vec::as_slice).collect();
        let add = |row: &bool, sums: &mut [f64]| {
            sums[0] += 1.0;
            sums[1] += f64::from(u8::from(*row));
        };
        Rate::all(&UserSums::new(&users, 2, PARAMS.seed, add), &[(0, 1)], &PARAMS)[0]
    }

    /// 15 of 148: 0.0624 to 0.1605 (Newcombe 1998, table I, method 3).
    #[test]
    fn equal_resamples_give_wilson_intervals() {
        let Estimate { low: Some(low), high: Some(high), .. } = wilson(15.0 / 148.0, 148) else { panic!() };
        assert!((low - 0.0624).abs() < 5e-5 && (high - 0.1605).abs() < 5e-5, "{low} {high}");
        // None of ten: by hand z² / (10 + z²) = 0.2775.
        let none = rate(&vec![vec![false]; 10]).rate;
        assert!(none.low == Some(0.0) && (none.high.unwrap() - 0.2775).abs() < 5e-5, "{none:?}");
        let copied = rate(&vec![vec![false; 10]; 10]);
        assert_eq!((copied.rows, copied.positives, copied.users, copied.rate), (100, 0, 10, none));
        let all = rate(&vec![vec![true; 3]; 10]).rate;
        assert!(all.high == Some(1.0) && (all.low.unwrap() - 0.7225).abs() < 5e-5, "{all:?}");
        let one = rate(&[vec![true, false]]).rate;
        assert!(one.low.unwrap() < 0.1 && one.high.unwrap() > 0.9, "{one:?}");
        assert_eq!(rate(&[]).rate, Estimate { value: None, low: None, high: None });
    }

    #[test]
    fn one_row_per_user_gives_about_the_binomial_interval() {
        let bootstrap = rate(&(0..1000).map(|user| vec![user % 5 == 0]).collect::<Vec<_>>()).rate;
        let exact = wilson(0.2, 1000);
        for (end, exact) in [(bootstrap.low, exact.low), (bootstrap.high, exact.high)] {
            // A fifth of the half width, 0.025: the error of a quantile of 400 resamples.
            assert!((end.unwrap() - exact.unwrap()).abs() < 0.005, "{end:?} {exact:?}");
        }
    }

    proptest! {
        /// If every row is predicted positive, precision is the same rate, on the same resamples.
        #[test]
        fn intervals_equal_those_of_the_metrics(
            users in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 1..6), 1..40),
        ) {
            let share = rate(&users);
            let rows = || (0u32..).zip(&users).flat_map(|(user, rows)| rows.iter().map(move |row| (user, *row)));
            let (users, labels): (Vec<u32>, Vec<bool>) = rows().unzip();
            let scored = metrics::estimate(&labels, &vec![1.0; labels.len()], &users, &PARAMS).unwrap()["precision"];
            prop_assert_eq!(share.rate.value, scored.value);
            if scored.low < scored.high {
                prop_assert_eq!(share.rate, scored);
            } else {
                prop_assert!(share.rate.low < share.rate.high, "{:?}", share);
            }
        }
    }
}
