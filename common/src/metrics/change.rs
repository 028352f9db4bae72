//! The change of metrics between two sets of rows, such as the rows of two cutoffs.

use super::MetricsError;
use super::estimate::EstimateParams;
use super::estimates::{Estimates, resample};
use super::ranked::{Ranked, distinct};

/// Labelled rows with predicted probabilities; all parts have the same length.
#[derive(Debug, Clone, Copy)]
pub struct ScoredRows<'a> {
    /// `(n_rows,)`, true = positive.
    pub labels: &'a [bool],
    /// `(n_rows,)`, 0..=1.
    pub probabilities: &'a [f64],
    /// `(n_rows,)`, the user of each row. Equal numbers in two sets are the same user.
    pub users: &'a [u32],
}

/// The metrics of `after` minus those of `before`, by name as in [`super::estimate()`]. A resample draws users, each with the
/// rows of both sets: the sets are paired for users in both, and independent for the others.
///
/// # Errors
/// If a set has no rows, its lengths differ, or a probability is outside 0..=1.
pub fn change(
    before: ScoredRows<'_>,
    after: ScoredRows<'_>,
    params: &EstimateParams,
) -> Result<Estimates, MetricsError> {
    let users = distinct([before.users, after.users].concat());
    let before = Ranked::of_users(before.labels, before.probabilities, before.users, &users)?;
    let after = Ranked::of_users(after.labels, after.probabilities, after.users, &users)?;
    Ok(resample(users.len(), params, |copies| {
        let pairs = after.scores(copies, params).into_iter().zip(before.scores(copies, params));
        pairs.map(|((name, after), (_, before))| (name, after.zip(before).map(|(a, b)| a - b))).collect()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: EstimateParams = EstimateParams { threshold: 0.25, k: 10, level: 0.95, resamples: 200, seed: 1 };

    struct Set {
        labels: Vec<bool>,
        probabilities: Vec<f64>,
        users: Vec<u32>,
    }

    impl Set {
        /// Rows of `users` whose labels are drawn with their probabilities, except that a share `noise` is drawn at random.
        fn draw(users: std::ops::Range<u32>, noise: f64, rng: &mut fastrand::Rng) -> Self {
            let probabilities: Vec<f64> = users.clone().map(|_| rng.f64() * 0.5).collect();
            let rate = |p: f64, rng: &mut fastrand::Rng| if rng.f64() < noise { 0.25 } else { p };
            let labels = probabilities.iter().map(|p| rate(*p, rng) > rng.f64()).collect();
            Self { labels, probabilities, users: users.collect() }
        }

        fn rows(&self) -> ScoredRows<'_> {
            ScoredRows { labels: &self.labels, probabilities: &self.probabilities, users: &self.users }
        }
    }

    #[test]
    fn equal_rows_of_the_same_users_have_no_change() {
        let set = Set::draw(0..100, 0.0, &mut fastrand::Rng::with_seed(3));
        let change = change(set.rows(), set.rows(), &PARAMS).unwrap();
        assert!(change.values().all(|metric| metric.value == Some(0.0) && metric.interval().is_none()), "{change:?}");
    }

    #[test]
    fn intervals_of_an_unchanged_process_contain_zero() {
        let mut rng = fastrand::Rng::with_seed(5);
        let excluded = |name: &str, noise, rng: &mut fastrand::Rng| {
            (0..200)
                .filter(|_| {
                    // Half of the users are in both sets.
                    let (before, after) = (Set::draw(0..200, 0.0, rng), Set::draw(100..300, noise, rng));
                    let change = change(before.rows(), after.rows(), &PARAMS).unwrap();
                    change[name].interval().is_some_and(|(_, high)| high < 0.0)
                })
                .count()
        };
        for name in ["roc_auc", "pr_auc"] {
            // Binomial: 5 ± 2.2 of 200; percentile intervals are slightly narrow.
            let alarms = excluded(name, 0.0, &mut rng);
            assert!(alarms <= 14, "{alarms} of 200 intervals of {name}");
        }
        let detected = excluded("roc_auc", 1.0, &mut rng);
        assert!(detected >= 180, "{detected} of 200 losses");
    }

    #[test]
    fn every_set_needs_rows() {
        let (set, none) = (
            Set::draw(0..3, 0.0, &mut fastrand::Rng::with_seed(1)),
            Set::draw(0..0, 0.0, &mut fastrand::Rng::with_seed(1)),
        );
        assert_eq!(change(set.rows(), none.rows(), &PARAMS), Err(MetricsError::Empty));
        assert_eq!(change(none.rows(), set.rows(), &PARAMS), Err(MetricsError::Empty));
    }
}
