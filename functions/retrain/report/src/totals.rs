//! What the exploration counts while histories are read one by one: memory grows with the days of the log and, by less
//! than 300 bytes each, with its users.

use churn_common::calendar::Day;
use churn_common::event::Page;
use churn_common::history::History;
use churn_common::pseudonym::StoredUser;
use churn_common::session::SessionSlice;
use std::collections::BTreeSet;

/// Counts over all users.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// The first and the last day counted.
    pub span: (Day, Day),
    /// Users with an event in the span.
    pub users: u64,
    /// Sessions in the span.
    pub sessions: u64,
    /// Users with a cancellation in the span.
    pub cancelled_users: u64,
    /// Events on days outside the span, which nothing else counts.
    pub events_outside: u64,
    /// Each day of the span.
    pub days: Vec<DayTotals>,
    /// What each user with rows did before their cutoffs, in any order.
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

/// What a user did in the observation windows of their rows: of those that churned, and of the others.
#[derive(Debug, Clone, PartialEq)]
pub struct UserVisits {
    pub user: StoredUser,
    /// Rows of either class.
    pub rows: [u32; 2],
    /// Events on each page per active day, summed over the rows of either class; in the order of [`Page::ALL`].
    pub per_active_day: [[f32; Page::COUNT]; 2],
}

impl Totals {
    pub fn new(span: (Day, Day)) -> Self {
        let days = usize::try_from(span.1.since(span.0)).map_or(0, |days| days + 1);
        Self {
            span,
            users: 0,
            sessions: 0,
            cancelled_users: 0,
            events_outside: 0,
            days: vec![DayTotals::default(); days],
            visits: Vec::new(),
        }
    }

    /// Counts a user's history.
    pub fn add_user(&mut self, history: &History) {
        let mut sessions = BTreeSet::new();
        let (mut known, mut cancelled) = (false, false);
        let all = history.between(Day::from_number(i32::MIN), Day::from_number(i32::MAX));
        let mut counted: Option<Day> = None;
        let mut cancelled_on: Option<Day> = None;
        for (day, slice) in all {
            let at = usize::try_from(day.since(self.span.0)).ok();
            let Some(totals) = at.and_then(|at| self.days.get_mut(at)) else {
                self.events_outside += slice.events();
                continue;
            };
            totals.events += slice.events();
            totals.users += u64::from(counted.replace(day) != Some(day));
            if slice.cancelled_at().is_some() {
                totals.cancelled += u64::from(cancelled_on.replace(day) != Some(day));
                cancelled = true;
            }
            sessions.insert(slice.session());
            known = true;
        }
        self.users += u64::from(known);
        self.cancelled_users += u64::from(cancelled);
        self.sessions += sessions.len() as u64;
    }

    /// Counts what a user did in the `window_days` before the cutoff of each of their rows, `(cutoff, churned)`. Nothing
    /// of the horizon is read.
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
