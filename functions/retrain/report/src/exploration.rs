//! Exploratory analysis of the log and of the rows.

use super::groups::{self, Group, GroupRate};
use super::rate::Rate;
use super::totals::Totals;
use super::visits::{self, PageVisits};
use churn_common::calendar::Day;
use churn_common::metrics::EstimateParams;
use churn_common::snapshot::Snapshot;
use serde::{Deserialize, Serialize};

/// Statistics of the log, and of training and held-out rows together. Intervals are at 95 % and resample users, because the
/// rows of a user are correlated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exploration {
    /// Users with an event in the log.
    pub users: u64,
    /// Events in the log.
    pub events: u64,
    /// Sessions in the log; a session past midnight counts once.
    pub sessions: u64,
    /// Users who cancelled in the log.
    pub cancelled_users: u64,
    /// Stored events on other days, such as those with a wrong clock. The other counts exclude them.
    pub out_of_range_events: u64,
    /// Every day of the log, ascending. The last day may be incomplete.
    pub daily: Vec<DayActivity>,
    /// Of all rows.
    pub churn: Rate,
    /// By the last known level before the cutoff.
    pub by_level: Vec<GroupRate>,
    pub by_gender: Vec<GroupRate>,
    /// By time since registration at the cutoff.
    pub by_tenure: Vec<GroupRate>,
    pub by_cutoff: Vec<GroupRate>,
    /// Page visits in the observation window before the cutoff, most significant difference first. Pages of the
    /// cancellation process are excluded.
    pub page_visits: Vec<PageVisits>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayActivity {
    /// A UTC day.
    pub day: Day,
    pub events: u64,
    /// Users with an event.
    pub users: u64,
    /// Users who cancelled.
    pub cancelled: u64,
}

impl Exploration {
    pub(crate) fn new(totals: &Totals, train: &[Snapshot], test: &[Snapshot], params: &EstimateParams) -> Self {
        let rows: Vec<&Snapshot> = train.iter().chain(test).collect();
        let (churn, groups) = groups::churn(&rows, params);
        let rates = |is_kind: fn(&Group) -> bool| -> Vec<GroupRate> {
            groups.iter().filter(|(group, _)| is_kind(group)).map(|(_, rate)| rate.clone()).collect()
        };
        let days = (0..).map(|n| totals.range.0.plus(n)).zip(&totals.days);
        Self {
            users: totals.users,
            events: totals.days.iter().map(|day| day.events).sum(),
            sessions: totals.sessions,
            cancelled_users: totals.cancelled_users,
            out_of_range_events: totals.out_of_range_events,
            daily: days
                .map(|(day, t)| DayActivity { day, events: t.events, users: t.users, cancelled: t.cancelled })
                .collect(),
            churn,
            by_level: rates(|group| matches!(group, Group::Level(_))),
            by_gender: rates(|group| matches!(group, Group::Gender(_))),
            by_tenure: rates(|group| matches!(group, Group::Tenure(_))),
            by_cutoff: rates(|group| matches!(group, Group::Cutoff(_))),
            page_visits: visits::page_visits(&totals.visits, params),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::PARAMS;
    use churn_common::calendar::Timestamp;
    use churn_common::event::{Event, Level, Page};
    use churn_common::features::{COUNT, Row, position};
    use churn_common::history::History;
    use churn_common::ids::{SessionId, UserId};
    use churn_common::pseudonym::StoredUser;

    fn day(n: i32) -> Day {
        Day::from_number(17_000 + n)
    }

    /// A history of events, each given by day, session and page.
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

    /// Three users at cutoff 100 with windows of 30 days, in a log of the days 60 to 101.
    fn totals() -> Totals {
        use Page::{Cancel, CancellationConfirmation, Help, Home, NextSong, ThumbsUp};
        let mut churned = vec![(98, 1, Home), (98, 1, Help), (98, 1, NextSong), (99, 1, Help), (99, 1, Cancel)];
        churned.extend([(101, 2, Help); 5]);
        churned.push((101, 2, CancellationConfirmation));
        let retained = [(10, 1, Home), (60, 1, ThumbsUp), (98, 2, Home)].into_iter().chain([(98, 2, NextSong); 4]);
        let other = [(97, 1, Home), (97, 1, NextSong), (97, 1, NextSong)];
        let mut totals = Totals::new((day(60), day(101)));
        let all = [("1", churned, true), ("2", retained.collect(), false), ("3", other.to_vec(), false)];
        for (user, events, has_churned) in all {
            let history = history(&events);
            totals.add_user(&history);
            let user = StoredUser::from_stored(user).unwrap();
            totals.add_rows(&user, &history, 30, [(day(100), has_churned)]);
        }
        totals
    }

    #[test]
    fn activity_is_counted_by_day() {
        let all = Exploration::new(&totals(), &[], &[], &PARAMS);
        assert_eq!((all.users, all.cancelled_users, all.sessions), (3, 1, 5), "a session past midnight counts once");
        assert_eq!((all.events, all.out_of_range_events, all.daily.len()), (11 + 6 + 3, 1, 42));
        let on = |n: i32| {
            let on = all.daily.iter().find(|d| d.day == day(n)).unwrap();
            (on.events, on.users, on.cancelled)
        };
        assert_eq!([on(60), on(61), on(97), on(98)], [(1, 1, 0), (0, 0, 0), (3, 1, 0), (8, 2, 0)]);
        assert_eq!([on(99), on(101)], [(2, 1, 0), (6, 1, 1)]);
    }

    #[test]
    fn visits_are_counted_in_the_window_before_the_cutoff_only() {
        let pages = Exploration::new(&totals(), &[], &[], &PARAMS).page_visits;
        let values = |p: &PageVisits| (p.churned.value, p.retained.value, p.ratio.value);
        let visits = |name: &str| values(pages.iter().find(|p| p.page == name).unwrap());
        // Two visits to Help on two active days; the five visits after the cutoff do not count.
        assert_eq!(visits("Help"), (Some(1.0), Some(0.0), None));
        assert_eq!(visits("Home"), (Some(0.5), Some(1.0), Some(0.5)));
        assert_eq!(visits("NextSong"), (Some(0.5), Some(3.0), Some(0.5 / 3.0)));
        // Without the pages of the cancellation process, and without visits before the window.
        assert_eq!(pages.len(), 3, "{pages:?}");
        // Retained users play 4 and 2 songs, so resamples have a mean of 2 to 4.
        let songs = pages.iter().find(|p| p.page == "NextSong").unwrap();
        assert_eq!((songs.retained.low, songs.retained.high), (Some(2.0), Some(4.0)));
        assert_eq!((songs.churned.low, songs.ratio.low), (None, None), "one user gives no interval");
    }

    #[test]
    fn churn_is_counted_by_group() {
        let train = [
            row(true, 90, &[("is_paid", 1.0), ("is_female", 1.0), ("tenure_days", 29.9)]),
            row(false, 90, &[("is_paid", 1.0), ("is_female", 0.0), ("tenure_days", 30.0)]),
            row(false, 93, &[("is_paid", 0.0), ("tenure_days", 5000.0)]),
        ];
        let test = [row(true, 100, &[("is_paid", 1.0), ("is_female", 1.0)])];
        let all = Exploration::new(&totals(), &train, &test, &PARAMS);
        let counts = |groups: &[GroupRate]| -> Vec<(String, u64, u64)> {
            groups.iter().map(|g| (g.group.clone(), g.churn.positives, g.churn.rows)).collect()
        };
        let group = |name: &str, positives, rows| (name.to_owned(), positives, rows);
        assert_eq!((all.churn.positives, all.churn.rows), (2, 4));
        assert_eq!(counts(&all.by_level), [group("paid", 2, 3), group("free", 0, 1)]);
        assert_eq!(counts(&all.by_gender), [group("female", 2, 2), group("male", 0, 1), group("unknown", 0, 1)]);
        assert_eq!(
            counts(&all.by_tenure),
            [
                group("under 30 days", 1, 1),
                group("30 to 59 days", 0, 1),
                group("365 days or more", 0, 1),
                group("unknown", 1, 1)
            ]
        );
        let days: Vec<String> = [90, 93, 100].map(|n| day(n).to_string()).into();
        assert_eq!(all.by_cutoff.iter().map(|g| g.group.clone()).collect::<Vec<_>>(), days);
    }
}
