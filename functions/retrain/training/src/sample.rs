//! Samples of users, which bound the time and memory of a training. The rows of a user are kept or left out together.

use crate::dataset::Dataset;
use churn_common::random::{rng, shuffle};
use std::collections::BTreeMap;

/// Streams of random numbers.
const SEARCH: u64 = 1 << 33;
const FIT: u64 = SEARCH + 1;
/// Number of churned users in the sample of the search, if there are as many.
const CHURNED_USERS: usize = 100;
/// How much larger the sample may be because of them.
const MAX_FACTOR: f64 = 4.0;

/// The rows of users of one kind, by user, in random order.
struct Stratum(Vec<Vec<usize>>);

/// Positions of the rows of users drawn at random, ascending: about `max_rows`, or all if they are no more. Users who churn and
/// others are drawn in proportion, so that rates do not change. If few users churn, the sample is up to four times as large.
pub(crate) fn in_proportion(rows: &Dataset, max_rows: usize, seed: u64) -> Vec<usize> {
    let n = rows.labels.len();
    if n <= max_rows {
        return (0..n).collect();
    }
    let strata = strata(rows, seed, SEARCH);
    let share = max_rows as f64 / n as f64;
    let for_churned = CHURNED_USERS as f64 / strata[1].0.len().max(1) as f64;
    let share = share.max(for_churned.min(MAX_FACTOR * share)).min(1.0);
    let mut positions = Vec::with_capacity(max_rows);
    for stratum in &strata {
        positions.extend(stratum.draw((share * stratum.rows() as f64).ceil() as usize).concat());
    }
    positions.sort_unstable();
    positions
}

/// About `max_rows` rows to fit on; `None` if there are no more. Users who churn are kept, unless they alone have more than half of
/// `max_rows`. The users who are kept weigh as much as all users of their kind; penalties and minimum sizes count those who are kept.
pub(crate) fn weighted(rows: &Dataset, max_rows: usize, seed: u64) -> Option<Dataset> {
    let n = rows.labels.len();
    if n <= max_rows {
        return None;
    }
    let [others, churned] = strata(rows, seed, FIT);
    let quota = churned.rows().min(max_rows / 2);
    let mut factors = BTreeMap::new();
    for (stratum, quota) in [(&others, max_rows - quota), (&churned, quota)] {
        let kept = stratum.draw(quota);
        let factor = stratum.0.len() as f64 / kept.len().max(1) as f64;
        factors.extend(kept.concat().into_iter().map(|row| (row, factor)));
    }
    let positions: Vec<usize> = factors.keys().copied().collect();
    let mut sample = rows.select(&positions);
    for (weight, factor) in sample.weights.iter_mut().zip(factors.values()) {
        *weight = (f64::from(*weight) * factor).round() as u32;
    }
    Some(sample)
}

/// The users without a churned row, and those with one.
fn strata(rows: &Dataset, seed: u64, stream: u64) -> [Stratum; 2] {
    let mut users: BTreeMap<u32, (Vec<usize>, bool)> = BTreeMap::new();
    for (row, (user, label)) in rows.users.iter().zip(&rows.labels).enumerate() {
        let (positions, churned) = users.entry(*user).or_default();
        positions.push(row);
        *churned |= label;
    }
    let mut users: Vec<_> = users.into_values().collect();
    shuffle(&mut users, &mut rng(seed, stream));
    let (churned, others): (Vec<_>, Vec<_>) = users.into_iter().partition(|(_, churned)| *churned);
    [others, churned].map(|users| Stratum(users.into_iter().map(|(positions, _)| positions).collect()))
}

impl Stratum {
    fn rows(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// The first users with at least `quota` rows.
    fn draw(&self, quota: usize) -> &[Vec<usize>] {
        let mut drawn = 0;
        let users = self.0.iter().take_while(|rows| {
            let more = drawn < quota;
            drawn += rows.len();
            more
        });
        let n = users.count();
        &self.0[..n]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::collections::BTreeSet;

    /// 1,000 users with 1 to 4 rows; every tenth churns.
    fn rows() -> Dataset {
        let users: Vec<u32> = (0..1000u32).flat_map(|user| vec![user; 1 + user as usize % 4]).collect();
        let labels: Vec<bool> = users.iter().map(|user| user % 10 == 3).collect();
        Dataset { users: users.clone(), ..testing::rows(vec![vec![0.0]; users.len()], &labels) }
    }

    fn users(rows: &Dataset) -> [usize; 2] {
        [false, true].map(|class| {
            let of_class = rows.users.iter().zip(&rows.labels).filter(|(_, label)| **label == class);
            of_class.map(|(user, _)| *user).collect::<BTreeSet<_>>().len()
        })
    }

    #[test]
    fn sample_of_the_search_has_whole_users_in_proportion() {
        let rows = rows();
        assert_eq!(rows.labels.len(), 2500);
        assert_eq!(in_proportion(&rows, 2500, 0), (0..2500).collect::<Vec<_>>());
        let positions = in_proportion(&rows, 2000, 0);
        assert!(positions.is_sorted() && positions.len().abs_diff(2500) < 8, "100 churned users: {}", positions.len());
        let positions = in_proportion(&rows, 500, 0);
        let sample = rows.select(&positions);
        assert!(positions.is_sorted() && positions.len().abs_diff(2000) < 8, "4 times 500: {}", positions.len());
        for user in &sample.users {
            let count = |users: &[u32]| users.iter().filter(|other| *other == user).count();
            assert_eq!(count(&sample.users), count(&rows.users));
        }
        let [others, churned] = users(&sample);
        assert!(others.abs_diff(720) < 20 && churned.abs_diff(80) < 8, "{others} {churned}");
        assert_ne!(in_proportion(&rows, 500, 1), positions);
    }

    #[test]
    fn sample_to_fit_on_keeps_churned_users_and_the_weight_of_each_class() {
        let mut rows = rows();
        rows.weights = crate::dataset::weights_by_user(&rows.users);
        assert!(weighted(&rows, 2500, 0).is_none());
        let sample = weighted(&rows, 800, 0).unwrap();
        assert!(sample.labels.len().abs_diff(800) < 8);
        assert_eq!(users(&sample)[1], 100);
        for (found, expected) in sample.class_weights().into_iter().zip(rows.class_weights()) {
            assert!(found.abs_diff(expected) * 100 < expected, "{found} {expected}");
        }
        // Fewer rows than the churned users have.
        let small = weighted(&rows, 200, 0).unwrap();
        assert!(small.labels.len().abs_diff(200) < 8 && small.class_rows()[1].abs_diff(100) < 8);
    }
}
