//! What the label finds in groups of users, and how far their probabilities are off, on the held-out rows.

use super::groups::Group;
use super::rate::Rate;
use super::user_sums::{UserSums, estimate};
use churn_common::metrics::{Estimate, EstimateParams};
use churn_common::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Minimum number of churned and of retained users of a group with metrics.
pub const MIN_GROUP_USERS: u64 = 10;

/// The metrics of a group at the decision threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupMetrics {
    /// `all`, `level`, `gender` or `tenure`.
    pub grouping: String,
    pub group: String,
    pub rows: u64,
    /// Distinct users.
    pub users: u64,
    /// Distinct users with a row that churned.
    pub churned_users: u64,
    /// Whether fewer than 10 users churned, or fewer than 10 stayed. The metrics are then undefined.
    pub is_too_small: bool,
    /// Share of the churned rows with the label 1.
    pub recall: Estimate,
    /// Share of the rows with the label 1 that churned; undefined if there are none.
    pub precision: Estimate,
    /// The churn rate minus the mean probability; 0 is best.
    pub calibration_in_the_large: Estimate,
}

/// Sums over the rows of a group, in this order.
const ROWS: usize = 0;
const CHURNED: usize = 1;
const RETAINED: usize = 2;
const LABELLED: usize = 3;
const FOUND: usize = 4;
const PROBABILITY: usize = 5;
const SUMS: usize = 6;

/// The metrics of all rows, and of each group that has rows. `users` are the rows of each user with their probabilities.
pub(crate) fn by_group(users: &[&[(&Snapshot, f64)]], params: &EstimateParams) -> Vec<GroupMetrics> {
    let rows = users.iter().flat_map(|rows| rows.iter());
    let mut at: BTreeMap<Group, usize> = rows.flat_map(|(row, _)| groups(row)).map(|group| (group, 0)).collect();
    // Position 0 is for all rows.
    at.values_mut().zip(1..).for_each(|(at, position)| *at = position);

    let sums = UserSums::new(users, SUMS * (1 + at.len()), params.seed, |(row, p), sums| {
        let is = |condition| f64::from(u8::from(condition));
        let is_labelled = *p >= params.threshold;
        let added = [1.0, is(row.churned), is(!row.churned), is(is_labelled), is(is_labelled && row.churned), *p];
        for at in groups(row).filter_map(|group| at.get(&group).copied()).chain([0]) {
            let of_group = sums.iter_mut().skip(SUMS * at);
            of_group.zip(added).for_each(|(sum, x)| *sum += x);
        }
    });
    let pairs = |of: usize, part: usize| -> Vec<(usize, usize)> {
        (0..=at.len()).map(|group| (SUMS * group + of, SUMS * group + part)).collect()
    };
    let recalls = Rate::all(&sums, &pairs(CHURNED, FOUND), params);
    let precisions = Rate::all(&sums, &pairs(LABELLED, FOUND), params);
    let calibrations = sums.statistics(1 + at.len(), params, |group, sums| {
        let of_group = |sum: usize| sums.get(SUMS * group + sum).copied().filter(|_| sums[SUMS * group] > 0.0);
        Some((of_group(CHURNED)? - of_group(PROBABILITY)?) / of_group(ROWS)?)
    });

    let totals = sums.totals();
    let names =
        std::iter::once(("all", "rows".to_owned())).chain(at.keys().map(|group| (group.grouping(), group.name())));
    let metrics = recalls.iter().zip(&precisions).zip(&calibrations);
    let group = |((at, (grouping, group)), ((recall, precision), calibration))| {
        let (grouping, group): (&str, String) = (grouping, group);
        let (recall, precision): (&Rate, &Rate) = (recall, precision);
        let users = |sum: usize| sums.users(SUMS * at + sum);
        let is_too_small = users(CHURNED).min(users(RETAINED)) < MIN_GROUP_USERS;
        let unless_small = |metric: Estimate| if is_too_small { Estimate::UNDEFINED } else { metric };
        GroupMetrics {
            grouping: grouping.to_owned(),
            group,
            rows: totals[SUMS * at + ROWS] as u64,
            users: users(ROWS),
            churned_users: users(CHURNED),
            is_too_small,
            recall: unless_small(recall.rate),
            precision: unless_small(precision.rate),
            calibration_in_the_large: unless_small(estimate(calibration)),
        }
    };
    names.enumerate().zip(metrics).map(group).collect()
}

/// The groups of a row, without its cutoff.
fn groups(row: &Snapshot) -> impl Iterator<Item = Group> + use<> {
    Group::for_row(row).into_iter().filter(|group| !matches!(group, Group::Cutoff(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PARAMS;
    use churn_common::calendar::Day;
    use churn_common::features::{COUNT, Row, position};
    use churn_common::metrics;
    use churn_common::pseudonym::StoredUser;

    /// Users with two rows each; `is_female`, whether they churn, and their probability.
    fn rows(users: &[(f32, bool, f64)]) -> Vec<(Snapshot, f64)> {
        let row = |(number, &(is_female, churned, p)): (usize, &(f32, bool, f64))| {
            let mut values = [f32::NAN; COUNT];
            values[position("is_female").unwrap()] = is_female;
            let row = move |cutoff| Snapshot {
                user: StoredUser::from_stored(&format!("{number:03}")).unwrap(),
                cutoff: Day::from_number(cutoff),
                row: Row::from_values(values),
                churned,
            };
            [(row(1), p), (row(2), p)]
        };
        users.iter().enumerate().flat_map(row).collect()
    }

    fn made(rows: &[(Snapshot, f64)]) -> Vec<GroupMetrics> {
        let rows: Vec<(&Snapshot, f64)> = rows.iter().map(|(row, p)| (row, *p)).collect();
        let users: Vec<&[(&Snapshot, f64)]> = rows.chunk_by(|(a, _), (b, _)| a.user == b.user).collect();
        by_group(&users, &PARAMS)
    }

    fn find<'a>(all: &'a [GroupMetrics], grouping: &str, group: &str) -> &'a GroupMetrics {
        all.iter().find(|g| (g.grouping.as_str(), g.group.as_str()) == (grouping, group)).unwrap()
    }

    /// 40 women: 20 churn, and 15 of these have the label 1. 40 men: 5 churn.
    fn users() -> Vec<(f32, bool, f64)> {
        let women = (0..40).map(|n| (1.0, n < 20, if (15..35).contains(&n) { 0.2 } else { 0.8 }));
        let men = (0..40).map(|n| (0.0, n < 5, 0.3));
        women.chain(men).collect()
    }

    #[test]
    fn metrics_of_a_group_are_those_of_its_rows() {
        let groups = made(&rows(&users()));
        let women = find(&groups, "gender", "female");
        assert_eq!((women.rows, women.users, women.churned_users, women.is_too_small), (80, 40, 20, false));
        assert_eq!((women.recall.value, women.precision.value), (Some(0.75), Some(0.75)));
        let calibration = women.calibration_in_the_large.value.unwrap();
        assert!((calibration - (0.5 - 0.5)).abs() < 1e-12, "{calibration}");
        assert!(women.recall.low < women.recall.value && women.recall.value < women.recall.high);

        let all = find(&groups, "all", "rows");
        let rows = rows(&users());
        let labels: Vec<bool> = rows.iter().map(|(row, _)| row.churned).collect();
        let p: Vec<f64> = rows.iter().map(|(_, p)| *p).collect();
        let numbers: Vec<u32> = (0..160).map(|row| row / 2).collect();
        let expected = metrics::estimate(&labels, &p, &numbers, &PARAMS).unwrap();
        assert_eq!((all.recall, all.precision), (expected["recall"], expected["precision"]), "as in the card");
        let (found, card) = (all.calibration_in_the_large, expected["calibration_in_the_large"]);
        for (found, card) in [(found.value, card.value), (found.low, card.low), (found.high, card.high)] {
            assert!((found.unwrap() - card.unwrap()).abs() < 1e-12, "{found:?} {card:?}");
        }
        // Of each row: level, gender and tenure, which are unknown here but for the gender.
        let names: Vec<(&str, &str)> = groups.iter().map(|g| (g.grouping.as_str(), g.group.as_str())).collect();
        let expected =
            [("all", "rows"), ("level", "unknown"), ("gender", "female"), ("gender", "male"), ("tenure", "unknown")];
        assert_eq!(names, expected);
    }

    #[test]
    fn group_with_few_churned_or_retained_users_has_no_metrics() {
        let groups = made(&rows(&users()));
        let men = find(&groups, "gender", "male");
        assert_eq!((men.users, men.churned_users, men.is_too_small), (40, 5, true));
        assert_eq!([men.recall, men.precision, men.calibration_in_the_large], [Estimate::UNDEFINED; 3]);
        let churned: Vec<(f32, bool, f64)> = (0..20).map(|n| (1.0, n < 11, 0.5)).collect();
        assert!(find(&made(&rows(&churned)), "gender", "female").is_too_small, "9 stayed");
    }
}
