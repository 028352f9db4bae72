//! The observation window: everything about it that features are computed from, gathered in one pass.

use crate::calendar::{Day, Timestamp};
use crate::event::{Gender, Level, Page};
use crate::history::History;
use crate::ids::SessionId;
use crate::session::{LevelAt, SessionSlice};
use std::collections::{BTreeMap, BTreeSet};

/// Days that count as recent where the end of the window is held against the rest of it.
const RECENT_DAYS: i32 = 7;

/// One session within the window.
#[derive(Debug, Clone)]
struct Session {
    first: Timestamp,
    last: Timestamp,
    events: u64,
    last_day: Day,
}

/// A user's activity in the observation window. Pages of cancelling are not in it.
#[derive(Debug, Clone)]
pub struct Window {
    as_of: Timestamp,
    observed_days: i32,
    pages: [u64; Page::COUNT],
    listened_ms: u64,
    sessions: Vec<Session>,
    active_days: BTreeSet<Day>,
    recent: Share,
    titled: u64,
    songs: BTreeSet<u32>,
    artists: BTreeSet<u32>,
    level_events: (u64, u64),
    levels: Vec<LevelAt>,
    longest_silence_days: f64,
    last: Timestamp,
    gender: Option<Gender>,
    registration: Option<Timestamp>,
}

/// Events, songs and active days of the last [`RECENT_DAYS`].
#[derive(Debug, Clone, Default)]
struct Share {
    events: u64,
    songs: u64,
    days: BTreeSet<Day>,
}

impl Window {
    /// The window of `days` whole UTC days that ends at `as_of`; where that is no midnight, the day under way belongs
    /// to it. `None` if the user did nothing in it.
    pub fn from_history(history: &History, as_of: Timestamp, days: u16) -> Option<Self> {
        let end = as_of.midnight_at_or_after();
        let start = end.plus(-i32::from(days));
        let known: Vec<(Day, &SessionSlice, Timestamp, Timestamp)> = history
            .between(Day::from_number(i32::MIN), end)
            .filter(|(_, slice)| slice.last().is_some_and(|last| last < as_of))
            .filter_map(|(day, slice)| slice.active().map(|(first, last)| (day, slice, first, last)))
            .collect();
        let (first_day, ..) = known.first()?;
        let mut slices: Vec<_> = known.iter().filter(|(day, ..)| *day >= start).collect();
        slices.sort_by_key(|(_, slice, first, last)| (*first, *last, slice.session()));
        let last = slices.iter().map(|(.., last)| *last).max()?;

        let mut window = Self {
            as_of,
            observed_days: end.since(start.max(*first_day)),
            pages: [0; Page::COUNT],
            listened_ms: 0,
            sessions: Vec::new(),
            active_days: BTreeSet::new(),
            recent: Share::default(),
            titled: 0,
            songs: BTreeSet::new(),
            artists: BTreeSet::new(),
            level_events: (0, 0),
            levels: Vec::new(),
            longest_silence_days: 0.0,
            last,
            gender: None,
            registration: known.iter().filter_map(|(_, slice, ..)| slice.registration()).min(),
        };
        let mut open: BTreeMap<SessionId, Session> = BTreeMap::new();
        let mut silent_since: Option<Timestamp> = None;
        for (day, slice, first, last) in slices {
            if let Some(since) = silent_since {
                window.longest_silence_days = window.longest_silence_days.max(first.days_since(since));
            }
            silent_since = silent_since.max(Some(*last));
            window.add(*day, end, slice);
            let session = Session { first: *first, last: *last, events: slice.active_events(), last_day: *day };
            // A session that runs past midnight is one session; a number used again later is another.
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
        window.levels.sort_unstable(); // sessions may overlap
        window.longest_silence_days = window.longest_silence_days.max(as_of.days_since(last));
        Some(window)
    }

    fn add(&mut self, day: Day, end: Day, slice: &SessionSlice) {
        for page in Page::ALL.iter().filter(|p| !p.is_cancelling()) {
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
        self.titled += u64::from(slice.titled());
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

    /// Events of any kind.
    pub fn events(&self) -> f64 {
        self.pages.iter().sum::<u64>() as f64
    }

    /// Sessions.
    pub fn sessions(&self) -> f64 {
        self.sessions.len() as f64
    }

    /// Days with activity.
    pub fn active_days(&self) -> f64 {
        self.active_days.len() as f64
    }

    /// Days from the user's first known event, or the start of the window where that is later, to its end; at least 1.
    pub fn observed_days(&self) -> f64 {
        f64::from(self.observed_days)
    }

    /// Minutes listened.
    pub fn listened_minutes(&self) -> f64 {
        self.listened_ms as f64 / 60_000.0
    }

    /// Minutes from first to last event of each session.
    pub fn session_minutes(&self) -> Vec<f64> {
        self.sessions.iter().map(|s| s.last.days_since(s.first) * 1440.0).collect()
    }

    /// Events of each session.
    pub fn session_items(&self) -> Vec<f64> {
        self.sessions.iter().map(|s| s.events as f64).collect()
    }

    /// Hours from the end of each session to the start of the next; 0 where they overlap.
    pub fn session_gaps(&self) -> Vec<f64> {
        let next = self.sessions.iter().skip(1);
        self.sessions.iter().zip(next).map(|(a, b)| (b.first.days_since(a.last) * 24.0).max(0.0)).collect()
    }

    /// Songs started that have a title.
    pub fn titled(&self) -> f64 {
        self.titled as f64
    }

    /// Distinct songs and distinct artists.
    pub fn distinct(&self) -> (f64, f64) {
        (self.songs.len() as f64, self.artists.len() as f64)
    }

    /// The last known level.
    pub fn level(&self) -> Option<Level> {
        self.levels.last().map(|at| at.level)
    }

    /// Share of the events of known level that were paid; NaN if none.
    pub fn paid_share(&self) -> f64 {
        let (free, paid) = self.level_events;
        paid as f64 / (free + paid) as f64
    }

    /// Changes between the first and last levels of sessions, in order of time; NaN if no level is known. A change and
    /// its reverse within one session and day do not show; submitted up- and downgrades do.
    pub fn level_changes(&self) -> f64 {
        if self.levels.is_empty() {
            return f64::NAN;
        }
        self.levels.iter().zip(self.levels.iter().skip(1)).filter(|(a, b)| a.level != b.level).count() as f64
    }

    /// Days since the last event.
    pub fn recency_days(&self) -> f64 {
        self.as_of.days_since(self.last)
    }

    /// Days since the earliest known registration; NaN if none is known.
    pub fn tenure_days(&self) -> f64 {
        self.registration.map_or(f64::NAN, |registered| self.as_of.days_since(registered))
    }

    /// The longest time without a session under way, up to the end of the window, in days.
    pub fn longest_silence_days(&self) -> f64 {
        self.longest_silence_days
    }

    /// The last known gender.
    pub fn gender(&self) -> Option<Gender> {
        self.gender
    }

    /// Daily rate of events in the last seven days, over that and the daily rate before: 0.5 = unchanged, 0 = stopped.
    /// NaN if fewer than eight days were observed.
    pub fn recent_events(&self) -> f64 {
        self.recent_against_rest(self.recent.events as f64, self.events())
    }

    /// As [`Window::recent_events`], for songs; NaN also where there were none.
    pub fn recent_songs(&self) -> f64 {
        self.recent_against_rest(self.recent.songs as f64, self.count(Page::NextSong))
    }

    /// As [`Window::recent_events`], for active days.
    pub fn recent_active_days(&self) -> f64 {
        self.recent_against_rest(self.recent.days.len() as f64, self.active_days())
    }

    fn recent_against_rest(&self, recent: f64, all: f64) -> f64 {
        let rest_days = self.observed_days - RECENT_DAYS;
        if rest_days < 1 {
            return f64::NAN;
        }
        let recent_rate = recent / f64::from(RECENT_DAYS);
        let rest_rate = (all - recent) / f64::from(rest_days);
        recent_rate / (recent_rate + rest_rate)
    }
}
