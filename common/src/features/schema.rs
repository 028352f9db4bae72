//! The declared features: name, unit, meaning, and how each is computed from the observation window.

use super::Window;
use crate::event::{Gender, Level, Page};

/// One declared feature.
pub struct Feature {
    /// Stable name.
    pub name: &'static str,
    /// Unit of the value.
    pub unit: &'static str,
    /// What the value says.
    pub meaning: &'static str,
    pub(super) compute: fn(&Window) -> f64,
}

impl std::fmt::Debug for Feature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}]", self.name, self.unit)
    }
}

/// Number of features.
pub const COUNT: usize = SCHEMA.len();

/// Position of the feature called `name`.
pub fn position(name: &str) -> Option<usize> {
    SCHEMA.iter().position(|f| f.name == name)
}

/// Every feature, in the order of a row.
pub const SCHEMA: &[Feature] = &[
    feature("events", "count", "events in the window", Window::events),
    feature("songs", "count", "songs started", |w| w.count(Page::NextSong)),
    feature("listening_minutes", "minutes", "lengths of the songs started", Window::listened_minutes),
    feature("sessions", "count", "sessions with activity", Window::sessions),
    feature("active_days", "days", "UTC days with activity", Window::active_days),
    feature("session_minutes_mean", "minutes", "mean time from first to last event of a session", |w| {
        mean(&w.session_minutes())
    }),
    feature("session_minutes_median", "minutes", "median time from first to last event of a session", |w| {
        median(w.session_minutes())
    }),
    feature(
        "session_minutes_std",
        "minutes",
        "sample standard deviation of the time from first to last event of a session; missing below two sessions",
        |w| std(&w.session_minutes()),
    ),
    feature("session_items_mean", "count", "mean events of a session", |w| mean(&w.session_items())),
    feature("session_items_median", "count", "median events of a session", |w| median(w.session_items())),
    feature(
        "session_items_std",
        "count",
        "sample standard deviation of the events of a session; missing below two sessions",
        |w| std(&w.session_items()),
    ),
    feature(
        "session_gap_hours_mean",
        "hours",
        "mean time from the end of a session to the start of the next; missing below two sessions",
        |w| mean(&w.session_gaps()),
    ),
    feature(
        "session_gap_hours_median",
        "hours",
        "median time from the end of a session to the start of the next; missing below two sessions",
        |w| median(w.session_gaps()),
    ),
    feature(
        "session_gap_hours_std",
        "hours",
        "sample standard deviation of the time between sessions; missing below three sessions",
        |w| std(&w.session_gaps()),
    ),
    feature("thumbs_up", "count", "songs liked", |w| w.count(Page::ThumbsUp)),
    feature("thumbs_up_per_100_songs", "count per 100 songs", "songs liked; missing where no song was played", |w| {
        per_100_songs(w, Page::ThumbsUp)
    }),
    feature("thumbs_down", "count", "songs disliked", |w| w.count(Page::ThumbsDown)),
    feature(
        "thumbs_down_per_100_songs",
        "count per 100 songs",
        "songs disliked; missing where no song was played",
        |w| per_100_songs(w, Page::ThumbsDown),
    ),
    feature("add_to_playlist", "count", "songs put on a playlist", |w| w.count(Page::AddToPlaylist)),
    feature(
        "add_to_playlist_per_100_songs",
        "count per 100 songs",
        "songs put on a playlist; missing where no song was played",
        |w| per_100_songs(w, Page::AddToPlaylist),
    ),
    feature("add_friend", "count", "friends added", |w| w.count(Page::AddFriend)),
    feature(
        "add_friend_per_100_songs",
        "count per 100 songs",
        "friends added; missing where no song was played",
        |w| per_100_songs(w, Page::AddFriend),
    ),
    feature("adverts", "count", "adverts heard", |w| w.count(Page::RollAdvert)),
    feature("adverts_per_100_songs", "count per 100 songs", "adverts heard; missing where no song was played", |w| {
        per_100_songs(w, Page::RollAdvert)
    }),
    feature("help", "count", "visits to the help page", |w| w.count(Page::Help)),
    feature(
        "help_per_100_songs",
        "count per 100 songs",
        "visits to the help page; missing where no song was played",
        |w| per_100_songs(w, Page::Help),
    ),
    feature("errors", "count", "error pages seen", |w| w.count(Page::Error)),
    feature("errors_per_100_songs", "count per 100 songs", "error pages seen; missing where no song was played", |w| {
        per_100_songs(w, Page::Error)
    }),
    feature("settings", "count", "visits to the settings page", |w| w.count(Page::Settings)),
    feature(
        "settings_per_100_songs",
        "count per 100 songs",
        "visits to the settings page; missing where no song was played",
        |w| per_100_songs(w, Page::Settings),
    ),
    feature("upgrade_visits", "count", "visits to the upgrade page", |w| w.count(Page::Upgrade)),
    feature(
        "upgrade_visits_per_100_songs",
        "count per 100 songs",
        "visits to the upgrade page; missing where no song was played",
        |w| per_100_songs(w, Page::Upgrade),
    ),
    feature("downgrade_visits", "count", "visits to the downgrade page", |w| w.count(Page::Downgrade)),
    feature(
        "downgrade_visits_per_100_songs",
        "count per 100 songs",
        "visits to the downgrade page; missing where no song was played",
        |w| per_100_songs(w, Page::Downgrade),
    ),
    feature("upgrades", "count", "upgrades submitted", |w| w.count(Page::SubmitUpgrade)),
    feature(
        "upgrades_per_100_songs",
        "count per 100 songs",
        "upgrades submitted; missing where no song was played",
        |w| per_100_songs(w, Page::SubmitUpgrade),
    ),
    feature("downgrades", "count", "downgrades submitted", |w| w.count(Page::SubmitDowngrade)),
    feature(
        "downgrades_per_100_songs",
        "count per 100 songs",
        "downgrades submitted; missing where no song was played",
        |w| per_100_songs(w, Page::SubmitDowngrade),
    ),
    feature("logouts", "count", "logouts", |w| w.count(Page::Logout)),
    feature("logouts_per_100_songs", "count per 100 songs", "logouts; missing where no song was played", |w| {
        per_100_songs(w, Page::Logout)
    }),
    feature("distinct_songs", "count", "different songs started", |w| w.distinct().0),
    feature("distinct_artists", "count", "different artists started", |w| w.distinct().1),
    feature(
        "repeat_ratio",
        "share",
        "songs with a title that had been started in the window before, 0..=1; missing where none has a title",
        repeat_ratio,
    ),
    feature("is_paid", "0 or 1", "the level last told is paid; missing where none was told", is_paid),
    feature("paid_share", "share", "events on the paid level among those of known level, 0..=1", Window::paid_share),
    feature(
        "level_changes",
        "count",
        "changes between the levels at the start and end of sessions, in order of time; missing where none was told",
        Window::level_changes,
    ),
    feature("recency_days", "days", "time since the last event", Window::recency_days),
    feature("tenure_days", "days", "time since registration; missing where it was not told", Window::tenure_days),
    feature(
        "active_day_share",
        "share",
        "active days among the days since the first known event, or in the window where that is shorter, 0..=1",
        |w| w.active_days() / w.observed_days(),
    ),
    feature(
        "longest_silence_days",
        "days",
        "longest time without a session under way, up to the end of the window",
        Window::longest_silence_days,
    ),
    feature(
        "recent_events",
        "ratio",
        "daily events of the last 7 days, over that and the daily events before; 0.5 = unchanged; missing below 8 observed days",
        Window::recent_events,
    ),
    feature(
        "recent_songs",
        "ratio",
        "daily songs of the last 7 days, over that and the daily songs before; 0.5 = unchanged; missing below 8 observed days or without songs",
        Window::recent_songs,
    ),
    feature(
        "recent_active_days",
        "ratio",
        "share of active days in the last 7 days, over that and the share before; 0.5 = unchanged; missing below 8 observed days",
        Window::recent_active_days,
    ),
    feature("is_female", "0 or 1", "gender as told; missing where it was not", is_female),
];

const fn feature(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    compute: fn(&Window) -> f64,
) -> Feature {
    Feature { name, unit, meaning, compute }
}

fn per_100_songs(window: &Window, page: Page) -> f64 {
    match window.count(Page::NextSong) {
        0.0 => f64::NAN,
        songs => 100.0 * window.count(page) / songs,
    }
}

fn repeat_ratio(window: &Window) -> f64 {
    // Two songs of one hash count as a repeat; an event may lack its title, so no further bound is needed.
    1.0 - window.distinct().0 / window.titled()
}

fn is_paid(window: &Window) -> f64 {
    window.level().map_or(f64::NAN, |level| f64::from(u8::from(level == Level::Paid)))
}

fn is_female(window: &Window) -> f64 {
    window.gender().map_or(f64::NAN, |gender| f64::from(u8::from(gender == Gender::Female)))
}

/// NaN if there are no values.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// NaN if there are no values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (None, _) => f64::NAN,
        (Some(upper), 1) => *upper,
        (Some(upper), _) => values.get(middle.wrapping_sub(1)).map_or(f64::NAN, |lower| (lower + upper) / 2.0),
    }
}

/// Sample standard deviation (n − 1); NaN below two values.
fn std(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}
