//! The exploratory analysis: what the log and the rows made from it look like, before any model.

use super::rate::{Rate, Sum, Z};
use super::totals::Totals;
use churn_common::calendar::Day;
use churn_common::event::Page;
use churn_common::features::position;
use churn_common::metrics::Estimate;
use churn_common::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bounds between groups of tenure, in days.
const TENURES: [(f32, &str); 6] = [
    (30.0, "under 30 days"),
    (60.0, "30 to 59 days"),
    (90.0, "60 to 89 days"),
    (180.0, "90 to 179 days"),
    (365.0, "180 to 364 days"),
    (f32::INFINITY, "365 days or more"),
];

/// What the log and the rows look like. Rows are those of training and of the test together; intervals are of 95 %
/// and take rows for independent, so they are a little narrow where a user has rows at several cutoffs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exploration {
    /// Users with an event on a day of the log.
    pub users: u64,
    /// Events on days of the log.
    pub events: u64,
    /// Sessions of users on days of the log; one that runs past midnight counts once.
    pub sessions: u64,
    /// Users who cancelled on a day of the log.
    pub cancelled_users: u64,
    /// Stored events of other days, such as those of a clock that is years off. Nothing here counts them.
    pub events_outside: u64,
    /// Every day of the log, ascending. The last may have been under way.
    pub daily: Vec<DayActivity>,
    /// Churn over all rows.
    pub churn: Rate,
    /// By the level last told before the cutoff.
    pub by_level: Vec<GroupRate>,
    /// By gender.
    pub by_gender: Vec<GroupRate>,
    /// By time since registration at the cutoff.
    pub by_tenure: Vec<GroupRate>,
    /// By cutoff.
    pub by_cutoff: Vec<GroupRate>,
    /// What rows that churned did in the observation window before the cutoff, against the others: pages visited by
    /// either, those first whose difference chance explains least. Pages of cancelling are not among them.
    pub pages: Vec<PageUse>,
}

/// What happened on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayActivity {
    /// The UTC day.
    pub day: Day,
    /// Events.
    pub events: u64,
    /// Users with an event.
    pub users: u64,
    /// Users who cancelled.
    pub cancelled: u64,
}

/// Churn of a group of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupRate {
    /// The group.
    pub group: String,
    /// Its churn.
    #[serde(flatten)]
    pub churn: Rate,
}

/// How often a page is visited per active day: the mean over rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PageUse {
    /// The page, as logs name it.
    pub page: String,
    /// By those who churned.
    pub churned: Estimate,
    /// By the others.
    pub others: Estimate,
    /// The one over the other; undefined where either is 0.
    pub ratio: Estimate,
}

impl Exploration {
    /// Of what was counted, and the rows.
    pub fn of(totals: &Totals, train: &[Snapshot], test: &[Snapshot]) -> Self {
        let rows = || train.iter().chain(test);
        let days = (0..).map(|n| totals.span.0.plus(n)).zip(&totals.days);
        let told = |name: &str, yes: &'static str, no: &'static str| {
            groups(rows().map(|row| {
                let group = match value(row, name) {
                    None => (2, "unknown"),
                    Some(x) if x > 0.5 => (0, yes),
                    Some(_) => (1, no),
                };
                (group, row.churned)
            }))
        };
        Self {
            users: totals.users,
            events: totals.days.iter().map(|day| day.events).sum(),
            sessions: totals.sessions,
            cancelled_users: totals.cancelled_users,
            events_outside: totals.events_outside,
            daily: days
                .map(|(day, t)| DayActivity { day, events: t.events, users: t.users, cancelled: t.cancelled })
                .collect(),
            churn: Rate::of(rows().filter(|row| row.churned).count() as u64, rows().count() as u64),
            by_level: told("is_paid", "paid", "free"),
            by_gender: told("is_female", "female", "male"),
            by_tenure: groups(rows().map(|row| (tenure(value(row, "tenure_days")), row.churned))),
            by_cutoff: groups(rows().map(|row| (row.cutoff, row.churned))),
            pages: pages(totals),
        }
    }
}

/// The value of a feature; `None` if it is missing.
fn value(row: &Snapshot, feature: &str) -> Option<f32> {
    position(feature).and_then(|at| row.row.values().get(at)).copied().filter(|x| !x.is_nan())
}

fn tenure(days: Option<f32>) -> (usize, &'static str) {
    let group = |days: f32| TENURES.iter().position(|(below, _)| days < *below);
    let told = days.and_then(group).and_then(|at| Some((at, TENURES.get(at)?.1)));
    told.unwrap_or((TENURES.len(), "unknown"))
}

/// A group of rows: its place among the others, and its name.
trait Group: Ord {
    fn name(&self) -> String;
}

impl Group for (usize, &str) {
    fn name(&self) -> String {
        self.1.to_owned()
    }
}

impl Group for Day {
    fn name(&self) -> String {
        self.to_string()
    }
}

/// The churn of each group, in order.
fn groups<G: Group>(rows: impl Iterator<Item = (G, bool)>) -> Vec<GroupRate> {
    let mut counts: BTreeMap<G, (u64, u64)> = BTreeMap::new();
    for (group, churned) in rows {
        let (positives, rows) = counts.entry(group).or_default();
        *positives += u64::from(churned);
        *rows += 1;
    }
    let rate = |(group, (positives, rows)): (G, _)| GroupRate { group: group.name(), churn: Rate::of(positives, rows) };
    counts.into_iter().map(rate).collect()
}

fn pages(totals: &Totals) -> Vec<PageUse> {
    let [churned, others] = &totals.pages;
    let both = Page::ALL.iter().zip(churned.per_active_day.iter().zip(&others.per_active_day));
    let mut uses: Vec<(f64, PageUse)> = both
        .filter(|(_, (a, b))| **a != Sum::default() || **b != Sum::default())
        .map(|(page, (a, b))| {
            let (a, b) = (a.mean(churned.rows), b.mean(others.rows));
            let page =
                PageUse { page: page.name().to_owned(), churned: interval(a), others: interval(b), ratio: ratio(a, b) };
            (difference(a, b), page)
        })
        .collect();
    uses.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.page.cmp(&y.page)));
    uses.into_iter().map(|(_, page)| page).collect()
}

/// A mean and its standard error.
type Mean = (Option<f64>, Option<f64>);

fn interval((mean, error): Mean) -> Estimate {
    let at = |z: f64| mean.zip(error).map(|(mean, error)| (mean + z * error).max(0.0));
    Estimate { value: mean, low: at(-Z), high: at(Z) }
}

/// The ratio of two means, with the interval of its logarithm by the delta method.
fn ratio(a: Mean, b: Mean) -> Estimate {
    let value = a.0.zip(b.0).filter(|(a, b)| *a > 0.0 && *b > 0.0).map(|(a, b)| a / b);
    let relative = |(mean, error): Mean| mean.zip(error).map(|(mean, error)| error / mean);
    let error = relative(a).zip(relative(b)).map(|(a, b)| a.hypot(b));
    let at = |z: f64| value.zip(error).map(|(value, error)| value * (z * error).exp());
    Estimate { value, low: at(-Z), high: at(Z) }
}

/// How far two means lie apart, in standard errors; 0 where that is unknown.
fn difference(a: Mean, b: Mean) -> f64 {
    let apart = || Some((a.0? - b.0?).abs() / a.1?.hypot(b.1?));
    apart().filter(|z| z.is_finite()).unwrap_or(0.0)
}
