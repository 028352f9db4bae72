//! Pages that users who churned visited before, against the others.

use super::totals::UserVisits;
use super::user_sums::{UserSums, estimate};
use churn_common::event::Page;
use churn_common::metrics::{Estimate, EstimateParams, Resampled};
use serde::{Deserialize, Serialize};

/// How often a page is visited per active day: the mean over rows, with 95 % intervals (the percentile bootstrap over
/// users), which are undefined where all users of a class are alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageUse {
    /// The page, as logs name it.
    pub page: String,
    /// By rows that churned.
    pub churned: Estimate,
    /// By the others.
    pub others: Estimate,
    /// `churned / others`; undefined where either is 0.
    pub ratio: Estimate,
}

/// A class's sums, of the row sum first and then of each page.
const SUMS: usize = 1 + Page::COUNT;
/// Statistics of a page: the means of either class, their ratio and their difference.
const STATISTICS: usize = 4;

/// The use of pages visited by either class. Pages come first whose difference chance explains least.
pub(crate) fn pages(visits: &[UserVisits], params: &EstimateParams) -> Vec<PageUse> {
    let mut visits: Vec<&UserVisits> = visits.iter().collect();
    // Histories come in any order.
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
        let (churned, others) = (mean(0), mean(1));
        match at % STATISTICS {
            0 => churned,
            1 => others,
            2 => churned.zip(others).filter(|(_, others)| *others > 0.0).map(|(churned, others)| churned / others),
            _ => churned.zip(others).map(|(churned, others)| churned - others),
        }
    });
    // One user of a class does not show how much users of that class differ.
    let comparable = user_sums.users(0) > 1 && user_sums.users(SUMS) > 1;
    let pages = visited.iter().zip(statistics.chunks_exact(STATISTICS));
    let mut uses: Vec<(f64, PageUse)> = pages.map(|(page, of_page)| page_use(*page, of_page, comparable)).collect();
    uses.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.page.cmp(&y.page)));
    uses.into_iter().map(|(_, page)| page).collect()
}

/// A page's use, and the difference of its means in standard errors; 0 where that is unknown.
fn page_use(page: Page, statistics: &[Resampled], comparable: bool) -> (f64, PageUse) {
    let [churned, others, ratio, difference] = [0, 1, 2, 3].map(|at| estimate(&statistics[at]));
    let difference = difference.value.zip(statistics[3].standard_error()).filter(|_| comparable);
    let has_interval = comparable && ratio.value > Some(0.0);
    let ratio = Estimate {
        value: ratio.value.filter(|ratio| *ratio > 0.0),
        low: ratio.low.filter(|_| has_interval),
        high: ratio.high.filter(|_| has_interval),
    };
    let page = PageUse { page: page.name().to_owned(), churned, others, ratio };
    (difference.map_or(0.0, |(difference, error)| difference.abs() / error), page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PARAMS;
    use churn_common::pseudonym::StoredUser;

    /// A user with one row, who is of this class and visited Home and Help so often.
    fn visits(name: usize, class: usize, home: f32, help: f32) -> UserVisits {
        let mut visits = UserVisits::new(StoredUser::from_stored(&format!("{name:04}")).unwrap());
        visits.rows[class] = 1;
        visits.per_active_day[class][Page::Home.index()] = home;
        visits.per_active_day[class][Page::Help.index()] = help;
        visits
    }

    /// Home differs by 2, but as much among users of a class; help by 0.1, and hardly among them.
    fn both() -> Vec<UserVisits> {
        let of = |n: usize| {
            let spread = (n % 20) as f32 / 20.0;
            let class = n / 100;
            let [home, help] = [[5.0, 0.3], [3.0, 0.2]][class];
            visits(n, class, home + 20.0 * (spread - 0.5), help + 0.1 * (spread - 0.5))
        };
        (0..200).map(of).collect()
    }

    #[test]
    fn pages_are_in_order_of_significance_whatever_the_order_of_users() {
        let mut users = both();
        let uses = pages(&users, &PARAMS);
        assert_eq!(uses.iter().map(|p| p.page.as_str()).collect::<Vec<_>>(), ["Help", "Home"]);
        users.reverse();
        assert_eq!(pages(&users, &PARAMS), uses);
    }

    #[test]
    fn intervals_are_those_of_the_delta_method_and_copies_of_rows_do_not_narrow_them() {
        let users = both();
        let uses = pages(&users, &PARAMS);
        let home = &uses[1];
        // A uniform spread over 20 steps of 1: variance (20² - 1) / 12, of 100 users.
        let error = (399.0f64 / 12.0 / 100.0).sqrt();
        let half = |e: &Estimate| (e.high.unwrap() - e.low.unwrap()) / 2.0;
        for mean in [&home.churned, &home.others] {
            assert!((half(mean) / (1.96 * error) - 1.0).abs() < 0.2, "{mean:?} {error}");
        }
        let (a, b) = (home.churned.value.unwrap(), home.others.value.unwrap());
        assert!((home.ratio.value.unwrap() - a / b).abs() < 1e-12);
        let log = Estimate { low: home.ratio.low.map(f64::ln), high: home.ratio.high.map(f64::ln), value: None };
        assert!((half(&log) / (1.96 * (error / a).hypot(error / b)) - 1.0).abs() < 0.25, "{log:?}");

        let mut copied = users;
        for user in &mut copied {
            user.rows = user.rows.map(|rows| 10 * rows);
            user.per_active_day.iter_mut().flatten().for_each(|x| *x *= 10.0);
        }
        for (once, copied) in uses.iter().zip(pages(&copied, &PARAMS)) {
            assert!((half(&once.churned) - half(&copied.churned)).abs() < 1e-5 * half(&once.churned));
            assert!((half(&once.ratio) - half(&copied.ratio)).abs() < 1e-5 * half(&once.ratio));
        }
    }
}
