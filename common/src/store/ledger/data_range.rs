//! The days of the log, derived from the users of each day.

use super::UserSample;
use crate::calendar::Day;
use std::collections::BTreeMap;

/// Smallest fraction of a typical day's users with which a day belongs to the log.
const MIN_DAY_FRACTION: f64 = 0.01;
/// Up to this number of users on a typical day, a day with one user belongs to the log.
const MAX_SMALL_DAY_USERS: f64 = 10.0;

/// The days of the log.
///
/// They are those from the first to the last day with at least 1 % of a typical day's users, and with more than one user
/// if a typical day has more than 10. Without this limit, a user with a clock that is years off would move every cutoff and
/// make labels appear complete. Users are counted, not events, so that no single user decides, whatever its volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataRange {
    pub first: Day,
    /// May be incomplete.
    pub last: Day,
    /// Days with events outside of the range, ascending.
    pub excluded_days: Vec<Day>,
}

impl DataRange {
    /// The days up to `today`. `None` if there are none.
    pub(super) fn new(days: &BTreeMap<Day, UserSample>, today: Day) -> Option<Self> {
        let mut counts: Vec<(Day, f64)> = days.iter().map(|(day, users)| (*day, users.users())).collect();
        counts.retain(|(day, _)| *day <= today);
        let min_users = min_users(counts.iter().map(|(_, users)| *users).collect());
        let is_day = |(day, users): &(Day, f64)| (*users >= min_users).then_some(*day);
        let first = counts.iter().find_map(is_day)?;
        let last = counts.iter().rev().find_map(is_day)?;
        let excluded_days = counts.iter().map(|(day, _)| *day).filter(|day| !(first..=last).contains(day)).collect();
        Some(Self { first, last, excluded_days })
    }

    /// The first and the last day.
    pub fn days(&self) -> (Day, Day) {
        (self.first, self.last)
    }
}

/// The number of users with which a day belongs to the log. A typical day is that of the median user, so that many days
/// with a single stray user do not change it.
fn min_users(mut counts: Vec<f64>) -> f64 {
    counts.sort_by(f64::total_cmp);
    let total: f64 = counts.iter().sum();
    let mut passed = 0.0;
    let is_median = |users: &f64| {
        passed += users;
        2.0 * passed >= total
    };
    let typical = counts.into_iter().find(is_median).unwrap_or(0.0);
    let more_than_one = if typical > MAX_SMALL_DAY_USERS { 2.0 } else { 1.0 };
    f64::max(more_than_one, MIN_DAY_FRACTION * typical)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pseudonym::StoredUser;

    fn day(n: i32) -> Day {
        Day::from_number(17_800 + n)
    }

    fn users(n: u64) -> UserSample {
        let mut sample = UserSample::default();
        (0..n).for_each(|user| sample.add(&StoredUser::from_stored(&user.to_string()).unwrap()));
        sample
    }

    fn range(days: &BTreeMap<Day, UserSample>) -> Option<(Day, Day)> {
        DataRange::new(days, day(3000)).map(|range| range.days())
    }

    #[test]
    fn stray_users_do_not_extend_the_range() {
        let mut days: BTreeMap<Day, UserSample> = (0..60).map(|n| (day(n), users(1000 + n as u64))).collect();
        assert_eq!(range(&days), Some((day(0), day(59))));
        let stray = [Day::from_number(17), day(90), day(2000)];
        days.extend(stray.iter().zip(1..).map(|(day, n)| (*day, users(n))));
        assert_eq!(range(&days), Some((day(0), day(59))));
        assert_eq!(DataRange::new(&days, day(3000)).unwrap().excluded_days, stray);
        days.extend((0..500).map(|n| (Day::from_number(1000 + 7 * n), users(1))));
        assert_eq!(range(&days), Some((day(0), day(59))));
    }

    #[test]
    fn one_user_does_not_extend_the_range_of_a_small_log() {
        let mut days: BTreeMap<Day, UserSample> = (0..60).map(|n| (day(n), users(30))).collect();
        days.extend([(day(70), users(1)), (day(-9), users(1))]);
        assert_eq!(range(&days), Some((day(0), day(59))));
    }

    #[test]
    fn each_user_of_a_tiny_log_counts() {
        let days = BTreeMap::from([(day(0), users(1)), (day(1), users(3)), (day(5), users(1))]);
        assert_eq!(range(&days), Some((day(0), day(5))));
        assert_eq!(range(&BTreeMap::from([(day(3), users(1))])), Some((day(3), day(3))));
        assert_eq!(range(&BTreeMap::new()), None);
    }

    #[test]
    fn days_in_the_future_do_not_count() {
        let days: BTreeMap<Day, UserSample> = (0..20).map(|n| (day(n), users(30))).collect();
        let range = DataRange::new(&days, day(17)).unwrap();
        assert_eq!((range.days(), range.excluded_days), ((day(0), day(17)), vec![]));
    }
}
