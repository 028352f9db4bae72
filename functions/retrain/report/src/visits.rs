//! Page visits before the cutoff, by churned and by retained users.

use super::totals::UserVisits;
use super::user_sums::{UserSums, estimate};
use churn_common::event::Page;
use churn_common::metrics::{Estimate, EstimateParams, Resampled};
use serde::{Deserialize, Serialize};

/// Visits of a page per active day: means over rows with 95 % intervals (percentile bootstrap over users). An interval
/// is undefined if all users of a class have the same value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageVisits {
    /// The page, as logs name it.
    pub page: String,
    /// Churned rows.
    pub churned: Estimate,
    /// Retained rows.
    pub retained: Estimate,
    /// `churned / retained`; undefined if either is 0.
    pub ratio: Estimate,
}

/// Sums of a class: the number of rows, and the visits of each page.
const SUMS: usize = 1 + Page::COUNT;
/// Statistics of a page: the mean of either class, their ratio and their difference.
const STATISTICS: usize = 4;

/// The visits of every visited page, most significant difference first.
pub(crate) fn page_visits(visits: &[UserVisits], params: &EstimateParams) -> Vec<PageVisits> {
    let mut visits: Vec<&UserVisits> = visits.iter().collect();
    // Histories are read in any order.
    visits.sort_by(|a, b| a.user.cmp(&b.user));
    let users: Vec<&[&UserVisits]> = visits.chunks(1).collect();
    let user_sums = UserSums::new(&users, 2 * SUMS, params.seed, |user, sums| {
        for ((sums, rows), pages) in sums.chunks_exact_mut(SUMS).zip(user.rows).zip(&user.per_active_day) {
            let values = std::iter::once(f64::from(rows)).chain(pages.iter().copied().map(f64::from));
            sums.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
        }
    });
    let totals = user_sums.totals();
    let visited = |page: &Page| totals[1 + page.index()] > 0.0 || totals[SUMS + 1 + page.index()] > 0.0;
    let visited: Vec<Page> = Page::ALL.iter().copied().filter(visited).collect();
    let statistics = user_sums.statistics(STATISTICS * visited.len(), params, |at, sums| {
        let page = 1 + visited[at / STATISTICS].index();
        let mean = |class: usize| {
            let rows = sums[class * SUMS];
            (rows > 0.0).then(|| sums[class * SUMS + page] / rows)
        };
        let (churned, retained) = (mean(0), mean(1));
        match at % STATISTICS {
            0 => churned,
            1 => retained,
            2 => churned
                .zip(retained)
                .filter(|(_, retained)| *retained > 0.0)
                .map(|(churned, retained)| churned / retained),
            _ => churned.zip(retained).map(|(churned, retained)| churned - retained),
        }
    });
    // The variance of a class needs two users.
    let comparable = user_sums.users(0) > 1 && user_sums.users(SUMS) > 1;
    let pages = visited.iter().zip(statistics.chunks_exact(STATISTICS));
    let mut all: Vec<(f64, PageVisits)> =
        pages.map(|(page, of_page)| page_statistics(*page, of_page, comparable)).collect();
    all.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.page.cmp(&y.page)));
    all.into_iter().map(|(_, page)| page).collect()
}

/// The visits of a page, and the difference of the means in standard errors; 0 if unknown.
fn page_statistics(page: Page, statistics: &[Resampled], comparable: bool) -> (f64, PageVisits) {
    let [churned, retained, ratio, difference] = [0, 1, 2, 3].map(|at| estimate(&statistics[at]));
    let difference = difference.value.zip(statistics[3].standard_error()).filter(|_| comparable);
    let has_interval = comparable && ratio.value > Some(0.0);
    let ratio = Estimate {
        value: ratio.value.filter(|ratio| *ratio > 0.0),
        low: ratio.low.filter(|_| has_interval),
        high: ratio.high.filter(|_| has_interval),
    };
    let page = PageVisits { page: page.name().to_owned(), churned, retained, ratio };
    (difference.map_or(0.0, |(difference, error)| difference.abs() / error), page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PARAMS;
    use churn_common::pseudonym::StoredUser;

    /// A user with one row of this class, and visits of Home and Help.
    fn visits(name: usize, class: usize, home: f32, help: f32) -> UserVisits {
        let mut visits = UserVisits::new(StoredUser::from_stored(&format!("{name:04}")).unwrap());
        visits.rows[class] = 1;
        visits.per_active_day[class][Page::Home.index()] = home;
        visits.per_active_day[class][Page::Help.index()] = help;
        visits
    }

    /// The classes differ by 2 in Home and by 0.1 in Help, but users of a class differ much in Home and little in Help.
    fn both() -> Vec<UserVisits> {
        let user = |n: usize| {
            let spread = (n % 20) as f32 / 20.0;
            let class = n / 100;
            let [home, help] = [[5.0, 0.3], [3.0, 0.2]][class];
            visits(n, class, home + 20.0 * (spread - 0.5), help + 0.1 * (spread - 0.5))
        };
        (0..200).map(user).collect()
    }

    #[test]
    fn pages_are_ordered_by_significance() {
        let mut users = both();
        let uses = page_visits(&users, &PARAMS);
        assert_eq!(uses.iter().map(|p| p.page.as_str()).collect::<Vec<_>>(), ["Help", "Home"]);
        users.reverse();
        assert_eq!(page_visits(&users, &PARAMS), uses);
    }

    #[test]
    fn intervals_match_the_delta_method_and_copies_do_not_narrow_them() {
        let users = both();
        let uses = page_visits(&users, &PARAMS);
        let home = &uses[1];
        // A uniform spread over 20 steps of 1: variance (20² - 1) / 12, of 100 users.
        let error = (399.0f64 / 12.0 / 100.0).sqrt();
        let half = |e: &Estimate| (e.high.unwrap() - e.low.unwrap()) / 2.0;
        for mean in [&home.churned, &home.retained] {
            assert!((half(mean) / (1.96 * error) - 1.0).abs() < 0.2, "{mean:?} {error}");
        }
        let (a, b) = (home.churned.value.unwrap(), home.retained.value.unwrap());
        assert!((home.ratio.value.unwrap() - a / b).abs() < 1e-12);
        let log = Estimate { low: home.ratio.low.map(f64::ln), high: home.ratio.high.map(f64::ln), value: None };
        assert!((half(&log) / (1.96 * (error / a).hypot(error / b)) - 1.0).abs() < 0.25, "{log:?}");

        let mut copied = users;
        for user in &mut copied {
            user.rows = user.rows.map(|rows| 10 * rows);
            user.per_active_day.iter_mut().flatten().for_each(|x| *x *= 10.0);
        }
        for (once, copied) in uses.iter().zip(page_visits(&copied, &PARAMS)) {
            assert!((half(&once.churned) - half(&copied.churned)).abs() < 1e-5 * half(&once.churned));
            assert!((half(&once.ratio) - half(&copied.ratio)).abs() < 1e-5 * half(&once.ratio));
        }
    }
}
