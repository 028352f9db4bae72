//! Shares of rows with 95 % intervals by user.

use super::by_user::ByUser;
use churn_common::metrics::{Estimate, EstimateParams};
use serde::{Deserialize, Serialize};

/// The 97.5th percentile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A share of rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Rows.
    pub rows: u64,
    /// Rows among them that count, such as those that churned.
    pub positives: u64,
    /// Users whose rows they are; 0 in reports from before users were counted.
    #[serde(default)]
    pub users: u64,
    /// Their share, 0..=1, with its 95 % interval: the percentile bootstrap over users, whose rows are alike. Where all
    /// resamples tell the same share, as where no row counts, or all do, or there is one user, it is Wilson's interval
    /// (1927) of that share with the number of users for the number of trials: a user's rows tell no more than one.
    pub rate: Estimate,
}

impl Rate {
    /// The share of each pair of sums: of rows, and of those among them that count. Undefined where there is no row.
    pub fn all(by_user: &ByUser, pairs: &[(usize, usize)], params: &EstimateParams) -> Vec<Self> {
        let totals = by_user.totals();
        let share = |at: usize, sums: &[f64]| {
            let (rows, positives) = pairs[at];
            (sums[rows] > 0.0).then(|| sums[positives] / sums[rows])
        };
        let rate = |(resampled, (rows, positives)): (super::by_user::Resampled, &(usize, usize))| {
            let (told, users) = (resampled.estimate(), by_user.users(*rows));
            let rate = told.value.filter(|_| told.low.is_none()).map_or(told, |share| wilson(share, users));
            Self { rows: totals[*rows] as u64, positives: totals[*positives] as u64, users, rate }
        };
        by_user.figures(pairs.len(), params, share).into_iter().zip(pairs).map(rate).collect()
    }
}

/// A share of 0..=1 with Wilson's interval of `trials`, 1 or more.
fn wilson(share: f64, trials: u64) -> Estimate {
    let (n, p) = (trials as f64, share);
    let shrink = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / shrink;
    let half = Z / shrink * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    Estimate { value: Some(p), low: Some((centre - half).clamp(0.0, p)), high: Some((centre + half).clamp(p, 1.0)) }
}

#[cfg(test)]
mod tests {
    use super::super::by_user::tests::PARAMS;
    use super::*;
    use churn_common::metrics::estimate;
    use proptest::prelude::*;

    /// The share of true among the rows of users.
    fn rate(users: &[Vec<bool>]) -> Rate {
        let users: Vec<&[bool]> = users.iter().map(Vec::as_slice).collect();
        let add = |row: &bool, sums: &mut [f64]| {
            sums[0] += 1.0;
            sums[1] += f64::from(u8::from(*row));
        };
        Rate::all(&ByUser::of(&users, 2, PARAMS.seed, add), &[(0, 1)], &PARAMS)[0]
    }

    /// 15 of 148, as Newcombe (1998, table I, method 3) has it: 0.0624 to 0.1605.
    #[test]
    fn intervals_where_resampling_tells_nothing_are_wilsons() {
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
    fn of_one_row_a_user_the_interval_is_about_the_binomial_s() {
        let told = rate(&(0..1000).map(|user| vec![user % 5 == 0]).collect::<Vec<_>>()).rate;
        let exact = wilson(0.2, 1000);
        for (told, exact) in [(told.low, exact.low), (told.high, exact.high)] {
            // A fifth of the half width, 0.025: the error of a quantile of 400 resamples.
            assert!((told.unwrap() - exact.unwrap()).abs() < 0.005, "{told:?} {exact:?}");
        }
    }

    proptest! {
        /// Precision, where every row is called, is the share of rows that count: the same users are resampled.
        #[test]
        fn intervals_are_those_of_the_card_s_estimates(
            users in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 1..6), 1..40),
        ) {
            let told = rate(&users);
            let rows = || (0u32..).zip(&users).flat_map(|(user, rows)| rows.iter().map(move |row| (user, *row)));
            let (users, labels): (Vec<u32>, Vec<bool>) = rows().unzip();
            let scored = estimate(&labels, &vec![1.0; labels.len()], &users, &PARAMS).unwrap()["precision"];
            prop_assert_eq!(told.rate.value, scored.value);
            if scored.low < scored.high {
                prop_assert_eq!(told.rate, scored);
            } else {
                prop_assert!(told.rate.low < told.rate.high, "{:?}", told);
            }
        }
    }
}
