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

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::calendar::Timestamp;
    use churn_common::event::{Event, Level};
    use churn_common::features::{COUNT, Row};
    use churn_common::history::History;
    use churn_common::ids::{SessionId, UserId};
    use churn_common::pseudonym::StoredUser;

    fn day(n: i32) -> Day {
        Day::from_number(17_000 + n)
    }

    /// A history of one event each: day, session, page.
    fn history(events: &[(i32, u64, Page)]) -> History {
        let event = |(item, (on, session, page)): (u32, &(i32, u64, Page))| Event {
            user: UserId::new("1").unwrap(),
            session: SessionId::from_number(*session),
            item: Some(item),
            ts: Timestamp::from_millis(day(*on).start().millis() + i64::from(item)),
            page: *page,
            level: Some(Level::Paid),
            registration: None,
            gender: None,
            artist: None,
            song: None,
            length_ms: None,
        };
        let mut history = History::default();
        history.add_events(&(0..).zip(events).map(event).collect::<Vec<_>>());
        history
    }

    fn row(churned: bool, cutoff: i32, values: &[(&str, f32)]) -> Snapshot {
        let mut all = [f32::NAN; COUNT];
        values.iter().for_each(|(name, value)| all[position(name).unwrap()] = *value);
        let user = StoredUser::from_stored("1").unwrap();
        Snapshot { user, cutoff: day(cutoff), row: Row::from_values(all), churned }
    }

    /// Three users at the cutoff 100, windows of 30 days, in a log of the days 60 to 101.
    fn totals() -> Totals {
        use Page::{Cancel, CancellationConfirmation, Help, Home, NextSong, ThumbsUp};
        let mut leaver = vec![(98, 1, Home), (98, 1, Help), (98, 1, NextSong), (99, 1, Help), (99, 1, Cancel)];
        leaver.extend([(101, 2, Help); 5]);
        leaver.push((101, 2, CancellationConfirmation));
        let stayer = [(10, 1, Home), (60, 1, ThumbsUp), (98, 2, Home)].into_iter().chain([(98, 2, NextSong); 4]);
        let other = [(97, 1, Home), (97, 1, NextSong), (97, 1, NextSong)];
        let mut totals = Totals::new((day(60), day(101)));
        for (events, churned) in [(leaver, true), (stayer.collect(), false), (other.to_vec(), false)] {
            let history = history(&events);
            totals.add_user(&history);
            totals.add_row(&history, day(100), 30, churned);
        }
        totals
    }

    #[test]
    fn what_users_do_is_counted_by_day() {
        let told = Exploration::of(&totals(), &[], &[]);
        assert_eq!((told.users, told.cancelled_users, told.sessions), (3, 1, 5), "a session over midnight is one");
        assert_eq!((told.events, told.events_outside, told.daily.len()), (11 + 6 + 3, 1, 42));
        let on = |n: i32| {
            let told = told.daily.iter().find(|d| d.day == day(n)).unwrap();
            (told.events, told.users, told.cancelled)
        };
        assert_eq!([on(60), on(61), on(97), on(98)], [(1, 1, 0), (0, 0, 0), (3, 1, 0), (8, 2, 0)]);
        assert_eq!([on(99), on(101)], [(2, 1, 0), (6, 1, 1)]);
    }

    #[test]
    fn pages_are_counted_in_the_window_before_the_cutoff_alone() {
        let pages = Exploration::of(&totals(), &[], &[]).pages;
        let values = |p: &PageUse| (p.churned.value, p.others.value, p.ratio.value);
        let of = |name: &str| values(pages.iter().find(|p| p.page == name).unwrap());
        // On two active days the leaver asks for help twice; the five visits after the cutoff count nowhere.
        assert_eq!(of("Help"), (Some(1.0), Some(0.0), None));
        assert_eq!(of("Home"), (Some(0.5), Some(1.0), Some(0.5)));
        assert_eq!(of("NextSong"), (Some(0.5), Some(3.0), Some(0.5 / 3.0)));
        // Neither what tells the answer, nor what lies before the window.
        assert_eq!(pages.len(), 3, "{pages:?}");
        // Songs of the others: 4 and 2, so mean 3 and standard error 1.
        let songs = pages.iter().find(|p| p.page == "NextSong").unwrap();
        assert!(
            (songs.others.low.unwrap() - (3.0 - Z)).abs() < 1e-9
                && (songs.others.high.unwrap() - (3.0 + Z)).abs() < 1e-9
        );
        assert_eq!(songs.churned.low, None, "one row tells no interval");
    }

    #[test]
    fn pages_that_differ_most_surely_come_first() {
        let mut totals = totals();
        let both = |page: Page, totals: &mut Totals, values: [[f64; 2]; 2]| {
            for (class, values) in totals.pages.iter_mut().zip(values) {
                class.per_active_day[page.index()] = Sum::default();
                values.iter().for_each(|v| class.per_active_day[page.index()].add(*v));
            }
        };
        totals.pages.iter_mut().for_each(|class| {
            class.rows = 2;
            class.per_active_day = [Sum::default(); Page::COUNT];
        });
        both(Page::Home, &mut totals, [[1.0, 9.0], [2.0, 4.0]]);
        both(Page::Help, &mut totals, [[0.2, 0.3], [0.1, 0.12]]);
        let told = pages(&totals);
        assert_eq!(told.iter().map(|p| p.page.as_str()).collect::<Vec<_>>(), ["Help", "Home"]);
        let ratio = told[1].ratio;
        // ln(5/3) ± 1.96 · √((4/5)² + (1/3)²), by hand.
        let half = Z * (0.64f64 + 1.0 / 9.0).sqrt();
        assert!((ratio.low.unwrap().ln() - ((5.0f64 / 3.0).ln() - half)).abs() < 1e-9);
        assert!((ratio.high.unwrap().ln() - ((5.0f64 / 3.0).ln() + half)).abs() < 1e-9);
    }

    #[test]
    fn churn_is_told_by_group() {
        let train = [
            row(true, 90, &[("is_paid", 1.0), ("is_female", 1.0), ("tenure_days", 29.9)]),
            row(false, 90, &[("is_paid", 1.0), ("is_female", 0.0), ("tenure_days", 30.0)]),
            row(false, 93, &[("is_paid", 0.0), ("tenure_days", 5000.0)]),
        ];
        let test = [row(true, 100, &[("is_paid", 1.0), ("is_female", 1.0)])];
        let told = Exploration::of(&totals(), &train, &test);
        let counts = |groups: &[GroupRate]| -> Vec<(String, u64, u64)> {
            groups.iter().map(|g| (g.group.clone(), g.churn.positives, g.churn.rows)).collect()
        };
        let group = |name: &str, positives, rows| (name.to_owned(), positives, rows);
        assert_eq!((told.churn.positives, told.churn.rows), (2, 4));
        assert_eq!(counts(&told.by_level), [group("paid", 2, 3), group("free", 0, 1)]);
        assert_eq!(counts(&told.by_gender), [group("female", 2, 2), group("male", 0, 1), group("unknown", 0, 1)]);
        assert_eq!(
            counts(&told.by_tenure),
            [
                group("under 30 days", 1, 1),
                group("30 to 59 days", 0, 1),
                group("365 days or more", 0, 1),
                group("unknown", 1, 1)
            ]
        );
        let days: Vec<String> = [90, 93, 100].map(|n| day(n).to_string()).into();
        assert_eq!(told.by_cutoff.iter().map(|g| g.group.clone()).collect::<Vec<_>>(), days);
    }
}
