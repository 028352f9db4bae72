//! The observation window: all data that features are computed from, collected in one pass over the history.

use crate::calendar::{Day, Timestamp};
use crate::event::{Gender, Level, Page};
use crate::history::History;
use crate::ids::SessionId;
use crate::session::{LevelAt, SessionSlice};
use std::collections::{BTreeMap, BTreeSet};

/// Number of days at the end of the window that the `recent_…` features compare with the rest of the window.
const RECENT_DAYS: i32 = 7;

#[derive(Debug, Clone)]
struct Session {
    first: Timestamp,
    last: Timestamp,
    events: u64,
    last_day: Day,
}

/// A user's activity in the observation window, without the cancellation pages.
#[derive(Debug, Clone)]
pub struct Window {
    as_of: Timestamp,
    observed_days: i32,
    pages: [u64; Page::COUNT],
    listened_ms: u64,
    sessions: Vec<Session>,
    active_days: BTreeSet<Day>,
    recent: RecentActivity,
    titled_songs: u64,
    /// Hashes, ascending.
    songs: Vec<u32>,
    artists: Vec<u32>,
    level_events: (u64, u64),
    levels: Vec<LevelAt>,
    longest_silence_days: f64,
    last: Timestamp,
    gender: Option<Gender>,
    registration: Option<Timestamp>,
}

/// Activity in the last [`RECENT_DAYS`].
#[derive(Debug, Clone, Default)]
struct RecentActivity {
    events: u64,
    songs: u64,
    days: BTreeSet<Day>,
}

impl Window {
    /// The window of `days` whole UTC days that ends at `as_of`. If `as_of` is not midnight, its day is the last day of the
    /// window. `None` if the user has no activity in the window.
    pub fn from_history(history: &History, as_of: Timestamp, days: u16) -> Option<Self> {
        let end = as_of.midnight_at_or_after();
        let start = end.plus(-i32::from(days));
        let past: Vec<(Day, &SessionSlice, Timestamp, Timestamp)> = history
            .between(Day::from_number(i32::MIN), end)
            .filter(|(_, slice)| slice.last().is_some_and(|last| last < as_of))
            .filter_map(|(day, slice)| slice.active().map(|(first, last)| (day, slice, first, last)))
            .collect();
        let (first_day, ..) = past.first()?;
        let mut slices: Vec<_> = past.iter().filter(|(day, ..)| *day >= start).collect();
        slices.sort_by_key(|(_, slice, first, last)| (*first, *last, slice.session()));
        let last = slices.iter().map(|(.., last)| *last).max()?;

        let mut window = Self {
            as_of,
            observed_days: end.since(start.max(*first_day)),
            pages: [0; Page::COUNT],
            listened_ms: 0,
            sessions: Vec::new(),
            active_days: BTreeSet::new(),
            recent: RecentActivity::default(),
            titled_songs: 0,
            songs: Vec::new(),
            artists: Vec::new(),
            level_events: (0, 0),
            levels: Vec::new(),
            longest_silence_days: 0.0,
            last,
            gender: None,
            registration: past.iter().filter_map(|(_, slice, ..)| slice.registration()).min(),
        };
        let mut open: BTreeMap<SessionId, Session> = BTreeMap::new();
        // A user with earlier activity is also silent from the start of the window to the first session.
        let mut inactive_since = (*first_day < start).then(|| start.start());
        for (day, slice, first, last) in slices {
            if let Some(since) = inactive_since {
                window.longest_silence_days = window.longest_silence_days.max(first.days_since(since));
            }
            inactive_since = inactive_since.max(Some(*last));
            window.add(*day, end, slice);
            let session = Session { first: *first, last: *last, events: slice.active_events(), last_day: *day };
            // A session that continues past midnight is one session. The same number on a later day is another session.
            match open.get_mut(&slice.session()) {
                Some(earlier) if day.since(earlier.last_day) <= 1 => {
                    earlier.last = earlier.last.max(session.last);
                    earlier.events += session.events;
                    earlier.last_day = *day;
                }
                _ => window.sessions.extend(open.insert(slice.session(), session)),
            }
        }
        window.sessions.extend(open.into_values());
        window.sessions.sort_by_key(|s| (s.first, s.last));
        window.levels.sort_unstable(); // sessions can overlap
        for hashes in [&mut window.songs, &mut window.artists] {
            hashes.sort_unstable();
            hashes.dedup();
        }
        window.longest_silence_days = window.longest_silence_days.max(as_of.days_since(last));
        Some(window)
    }

    fn add(&mut self, day: Day, end: Day, slice: &SessionSlice) {
        for page in Page::ALL.iter().filter(|p| !p.is_cancellation()) {
            if let Some(count) = self.pages.get_mut(page.index()) {
                *count += u64::from(slice.count(*page));
            }
        }
        self.listened_ms += slice.listened_ms();
        self.active_days.insert(day);
        if end.since(day) <= RECENT_DAYS {
            self.recent.events += slice.active_events();
            self.recent.songs += u64::from(slice.count(Page::NextSong));
            self.recent.days.insert(day);
        }
        self.titled_songs += u64::from(slice.titled_songs());
        self.songs.extend(slice.songs());
        self.artists.extend(slice.artists());
        let (free, paid) = slice.level_events();
        self.level_events.0 += u64::from(free);
        self.level_events.1 += u64::from(paid);
        self.levels.extend(slice.levels());
        self.gender = slice.gender().or(self.gender);
    }

    /// Events on `page`.
    pub fn count(&self, page: Page) -> f64 {
        self.pages.get(page.index()).map_or(0.0, |n| *n as f64)
    }

    /// Events on any page.
    pub fn events(&self) -> f64 {
        self.pages.iter().sum::<u64>() as f64
    }

    /// Number of sessions.
    pub fn sessions(&self) -> f64 {
        self.sessions.len() as f64
    }

    /// UTC days with activity.
    pub fn active_days(&self) -> f64 {
        self.active_days.len() as f64
    }

    /// Days from the user's first event, or from the start of the window if that is later, to the end of the window; 1 or
    /// more.
    pub fn observed_days(&self) -> f64 {
        f64::from(self.observed_days)
    }

    /// Total length of the songs played, in minutes.
    pub fn listened_minutes(&self) -> f64 {
        self.listened_ms as f64 / 60_000.0
    }

    /// Minutes from the first to the last event of each session.
    pub fn session_minutes(&self) -> Vec<f64> {
        self.sessions.iter().map(|s| s.last.days_since(s.first) * 1440.0).collect()
    }

    /// Events of each session.
    pub fn session_items(&self) -> Vec<f64> {
        self.sessions.iter().map(|s| s.events as f64).collect()
    }

    /// Hours from the end of each session to the start of the next; 0 if they overlap.
    pub fn session_gaps(&self) -> Vec<f64> {
        let next = self.sessions.iter().skip(1);
        self.sessions.iter().zip(next).map(|(a, b)| (b.first.days_since(a.last) * 24.0).max(0.0)).collect()
    }

    /// Songs played that have a title.
    pub fn titled_songs(&self) -> f64 {
        self.titled_songs as f64
    }

    pub fn distinct_songs(&self) -> f64 {
        self.songs.len() as f64
    }

    pub fn distinct_artists(&self) -> f64 {
        self.artists.len() as f64
    }

    /// The last known level.
    pub fn level(&self) -> Option<Level> {
        self.levels.last().map(|at| at.level)
    }

    /// Share of paid events among events with a level, 0..=1; NaN if there are none.
    pub fn paid_share(&self) -> f64 {
        let (free, paid) = self.level_events;
        paid as f64 / (free + paid) as f64
    }

    /// Number of submitted up- and downgrades, or number of changes in the sequence of the first and last levels of sessions,
    /// whichever is larger; NaN if there is neither a level nor a submission. The levels alone miss a change that is reversed
    /// within a session or submitted by the last event. The pages alone miss a change in a log without these pages.
    pub fn level_changes(&self) -> f64 {
        let submitted = self.count(Page::SubmitUpgrade) + self.count(Page::SubmitDowngrade);
        if self.levels.is_empty() && submitted == 0.0 {
            return f64::NAN;
        }
        let levels = self.levels.iter().zip(self.levels.iter().skip(1)).filter(|(a, b)| a.level != b.level).count();
        submitted.max(levels as f64)
    }

    /// Days from the last event to `as_of`.
    pub fn recency_days(&self) -> f64 {
        self.as_of.days_since(self.last)
    }

    /// Days from the registration to `as_of`; NaN if the registration is unknown.
    pub fn tenure_days(&self) -> f64 {
        self.registration.map_or(f64::NAN, |registered| self.as_of.days_since(registered))
    }

    /// Days of the longest time between sessions, from the last session to `as_of`, or, for users with earlier activity, from
    /// the start of the window to the first session.
    pub fn longest_silence_days(&self) -> f64 {
        self.longest_silence_days
    }

    /// The last known gender.
    pub fn gender(&self) -> Option<Gender> {
        self.gender
    }

    /// `r / (r + s)`, where `r` is the number of events per day in the last 7 days and `s` that in the days before: 0.5 =
    /// unchanged, 0 = stopped. NaN below 8 observed days.
    pub fn recent_events(&self) -> f64 {
        self.recent_share(self.recent.events as f64, self.events())
    }

    /// As [`Window::recent_events`], for songs; also NaN without songs.
    pub fn recent_songs(&self) -> f64 {
        self.recent_share(self.recent.songs as f64, self.count(Page::NextSong))
    }

    /// As [`Window::recent_events`], for active days.
    pub fn recent_active_days(&self) -> f64 {
        self.recent_share(self.recent.days.len() as f64, self.active_days())
    }

    fn recent_share(&self, recent: f64, all: f64) -> f64 {
        let rest_days = self.observed_days - RECENT_DAYS;
        if rest_days < 1 {
            return f64::NAN;
        }
        let recent_rate = recent / f64::from(RECENT_DAYS);
        let rest_rate = (all - recent) / f64::from(rest_days);
        recent_rate / (recent_rate + rest_rate)
    }
}
