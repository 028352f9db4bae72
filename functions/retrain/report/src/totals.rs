//! Counts for the exploration, accumulated over histories. Memory: a constant per day of the log, and less than 300
//! bytes per user.

use churn_common::calendar::Day;
use churn_common::event::Page;
use churn_common::history::History;
use churn_common::pseudonym::StoredUser;
use churn_common::session::SessionSlice;
use std::collections::BTreeSet;

#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// The first day and the last.
    pub range: (Day, Day),
    /// Users with an event in the range.
    pub users: u64,
    /// Sessions in the range.
    pub sessions: u64,
    /// Users with a cancellation in the range.
    pub cancelled_users: u64,
    /// Events on other days, which the other counts exclude.
    pub out_of_range_events: u64,
    /// Each day of the range.
    pub days: Vec<DayTotals>,
    /// One element per user with rows, in any order.
    pub visits: Vec<UserVisits>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayTotals {
    pub events: u64,
    /// Users with an event.
    pub users: u64,
    /// Users who cancelled.
    pub cancelled: u64,
}

/// Page visits of a user in the observation windows of their rows, by class: churned rows and retained rows.
#[derive(Debug, Clone, PartialEq)]
pub struct UserVisits {
    pub user: StoredUser,
    /// Number of rows by class.
    pub rows: [u32; 2],
    /// Events per active day, summed over the rows of the class; pages in the order of [`Page::ALL`].
    pub per_active_day: [[f32; Page::COUNT]; 2],
}

impl Totals {
    pub fn new(range: (Day, Day)) -> Self {
        let days = usize::try_from(range.1.since(range.0)).map_or(0, |days| days + 1);
        Self {
            range,
            users: 0,
            sessions: 0,
            cancelled_users: 0,
            out_of_range_events: 0,
            days: vec![DayTotals::default(); days],
            visits: Vec::new(),
        }
    }

    pub fn add_user(&mut self, history: &History) {
        let mut sessions = BTreeSet::new();
        let (mut is_active, mut cancelled) = (false, false);
        let all = history.between(Day::from_number(i32::MIN), Day::from_number(i32::MAX));
        let mut counted: Option<Day> = None;
        let mut cancelled_on: Option<Day> = None;
        for (day, slice) in all {
            let at = usize::try_from(day.since(self.range.0)).ok();
            let Some(totals) = at.and_then(|at| self.days.get_mut(at)) else {
                self.out_of_range_events += slice.events();
                continue;
            };
            totals.events += slice.events();
            totals.users += u64::from(counted.replace(day) != Some(day));
            if slice.cancelled_at().is_some() {
                totals.cancelled += u64::from(cancelled_on.replace(day) != Some(day));
                cancelled = true;
            }
            sessions.insert(slice.session());
            is_active = true;
        }
        self.users += u64::from(is_active);
        self.cancelled_users += u64::from(cancelled);
        self.sessions += sessions.len() as u64;
    }

    /// Counts page visits in the `window_days` before the cutoff of each of a user's rows, `(cutoff, churned)`.
    pub fn add_rows(
        &mut self,
        user: &StoredUser,
        history: &History,
        window_days: u16,
        rows: impl IntoIterator<Item = (Day, bool)>,
    ) {
        let mut visits = UserVisits::new(user.clone());
        for (cutoff, churned) in rows {
            visits.add(history, cutoff, window_days, churned);
        }
        if visits.rows != [0; 2] {
            self.visits.push(visits);
        }
    }
}

impl UserVisits {
    pub(crate) fn new(user: StoredUser) -> Self {
        Self { user, rows: [0; 2], per_active_day: [[0.0; Page::COUNT]; 2] }
    }

    fn add(&mut self, history: &History, cutoff: Day, window_days: u16, churned: bool) {
        let start = cutoff.plus(-i32::from(window_days));
        let slices: Vec<(Day, &SessionSlice)> =
            history.between(start, cutoff).filter(|(_, slice)| slice.active().is_some()).collect();
        let days: BTreeSet<Day> = slices.iter().map(|(day, _)| *day).collect();
        let class = usize::from(!churned);
        self.rows[class] += 1;
        let sums = Page::ALL.iter().zip(&mut self.per_active_day[class]);
        for (page, sum) in sums.filter(|(page, _)| !page.is_cancellation()) {
            let events: u64 = slices.iter().map(|(_, slice)| u64::from(slice.count(*page))).sum();
            // Every row has an active day.
            *sum += (events as f64 / days.len().max(1) as f64) as f32;
        }
    }
}
