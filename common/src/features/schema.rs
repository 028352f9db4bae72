//! The feature schema: name, unit, meaning and computation of each feature.

use super::Window;
use crate::event::{Gender, Level, Page};

pub struct Feature {
    /// Part of the schema hash.
    pub name: &'static str,
    /// Part of the schema hash.
    pub unit: &'static str,
    /// Description for people.
    pub meaning: &'static str,
    /// Whether every user's value grows with time, so that a change of its distribution does not count as drift.
    pub grows_with_time: bool,
    /// Whether the value grows with the number of observed days: see [`Row::model_input`](super::Row::model_input).
    pub is_total: bool,
    pub(super) compute: fn(&Window) -> f64,
}

impl std::fmt::Debug for Feature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} [{}]", self.name, self.unit)
    }
}

pub const COUNT: usize = SCHEMA.len();

/// Position of the feature `name` in a row.
pub fn position(name: &str) -> Option<usize> {
    SCHEMA.iter().position(|f| f.name == name)
}

/// Every feature, in the order of a row.
pub const SCHEMA: &[Feature] = &[
    total("events", "count", "events in the window", Window::events),
    total("songs", "count", "songs played", |w| w.count(Page::NextSong)),
    total("listening_minutes", "minutes", "total length of the songs played", Window::listened_minutes),
    total("sessions", "count", "sessions in the window", Window::sessions),
    total("active_days", "days", "UTC days with activity", Window::active_days),
    feature("session_minutes_mean", "minutes", "mean time from the first to the last event of a session", |w| {
        mean(&w.session_minutes())
    }),
    feature("session_minutes_median", "minutes", "median time from the first to the last event of a session", |w| {
        median(w.session_minutes())
    }),
    feature(
        "session_minutes_std",
        "minutes",
        "sample standard deviation of the time from the first to the last event of a session; missing below two sessions",
        |w| std(&w.session_minutes()),
    ),
    feature("session_items_mean", "count", "mean number of events per session", |w| mean(&w.session_items())),
    feature("session_items_median", "count", "median number of events per session", |w| median(w.session_items())),
    feature(
        "session_items_std",
        "count",
        "sample standard deviation of the number of events per session; missing below two sessions",
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
    total("thumbs_up", "count", "songs liked", |w| w.count(Page::ThumbsUp)),
    feature("thumbs_up_per_100_songs", "count per 100 songs", "songs liked; missing if no song was played", |w| {
        per_100_songs(w, Page::ThumbsUp)
    }),
    total("thumbs_down", "count", "songs disliked", |w| w.count(Page::ThumbsDown)),
    feature("thumbs_down_per_100_songs", "count per 100 songs", "songs disliked; missing if no song was played", |w| {
        per_100_songs(w, Page::ThumbsDown)
    }),
    total("add_to_playlist", "count", "songs added to a playlist", |w| w.count(Page::AddToPlaylist)),
    feature(
        "add_to_playlist_per_100_songs",
        "count per 100 songs",
        "songs added to a playlist; missing if no song was played",
        |w| per_100_songs(w, Page::AddToPlaylist),
    ),
    total("add_friend", "count", "friends added", |w| w.count(Page::AddFriend)),
    feature("add_friend_per_100_songs", "count per 100 songs", "friends added; missing if no song was played", |w| {
        per_100_songs(w, Page::AddFriend)
    }),
    total("adverts", "count", "adverts heard", |w| w.count(Page::RollAdvert)),
    feature("adverts_per_100_songs", "count per 100 songs", "adverts heard; missing if no song was played", |w| {
        per_100_songs(w, Page::RollAdvert)
    }),
    total("help", "count", "visits to the help page", |w| w.count(Page::Help)),
    feature(
        "help_per_100_songs",
        "count per 100 songs",
        "visits to the help page; missing if no song was played",
        |w| per_100_songs(w, Page::Help),
    ),
    total("errors", "count", "error pages seen", |w| w.count(Page::Error)),
    feature("errors_per_100_songs", "count per 100 songs", "error pages seen; missing if no song was played", |w| {
        per_100_songs(w, Page::Error)
    }),
    total("settings", "count", "visits to the settings page", |w| w.count(Page::Settings)),
    feature(
        "settings_per_100_songs",
        "count per 100 songs",
        "visits to the settings page; missing if no song was played",
        |w| per_100_songs(w, Page::Settings),
    ),
    total("upgrade_visits", "count", "visits to the upgrade page", |w| w.count(Page::Upgrade)),
    feature(
        "upgrade_visits_per_100_songs",
        "count per 100 songs",
        "visits to the upgrade page; missing if no song was played",
        |w| per_100_songs(w, Page::Upgrade),
    ),
    total("downgrade_visits", "count", "visits to the downgrade page", |w| w.count(Page::Downgrade)),
    feature(
        "downgrade_visits_per_100_songs",
        "count per 100 songs",
        "visits to the downgrade page; missing if no song was played",
        |w| per_100_songs(w, Page::Downgrade),
    ),
    total("upgrades", "count", "upgrades submitted", |w| w.count(Page::SubmitUpgrade)),
    feature(
        "upgrades_per_100_songs",
        "count per 100 songs",
        "upgrades submitted; missing if no song was played",
        |w| per_100_songs(w, Page::SubmitUpgrade),
    ),
    total("downgrades", "count", "downgrades submitted", |w| w.count(Page::SubmitDowngrade)),
    feature(
        "downgrades_per_100_songs",
        "count per 100 songs",
        "downgrades submitted; missing if no song was played",
        |w| per_100_songs(w, Page::SubmitDowngrade),
    ),
    total("logouts", "count", "logouts", |w| w.count(Page::Logout)),
    feature("logouts_per_100_songs", "count per 100 songs", "logouts; missing if no song was played", |w| {
        per_100_songs(w, Page::Logout)
    }),
    total("distinct_songs", "count", "distinct songs played", Window::distinct_songs),
    total("distinct_artists", "count", "distinct artists played", Window::distinct_artists),
    feature(
        "repeat_ratio",
        "share",
        "share of repeats among the songs with a title, 0 to 1; missing if no song has a title",
        repeat_ratio,
    ),
    feature("is_paid", "0 or 1", "the last known level is paid; missing if no level is known", is_paid),
    feature(
        "paid_share",
        "share",
        "share of paid events among events with a known level, 0 to 1; missing if no level is known",
        Window::paid_share,
    ),
    total(
        "level_changes",
        "count",
        "submitted up- and downgrades, or changes of level between the starts and ends of sessions if those are more; missing if no level is known",
        Window::level_changes,
    ),
    feature("recency_days", "days", "days since the last event", Window::recency_days),
    feature(
        "tenure_days",
        "days",
        "days since registration; missing if the registration is unknown",
        Window::tenure_days,
    )
    .growing(),
    feature(
        "active_day_share",
        "share",
        "share of active days among the days since the first event, or among the days of the window if that is shorter, 0 to 1",
        |w| w.active_days() / w.observed_days(),
    ),
    feature(
        "longest_silence_days",
        "days",
        "longest time in the window without a session, from the first session on for users without earlier activity",
        Window::longest_silence_days,
    ),
    feature(
        "recent_events",
        "ratio",
        "events per day in the last 7 days, divided by the sum of that and events per day before; 0.5 = unchanged; missing below 8 observed days",
        Window::recent_events,
    ),
    feature(
        "recent_songs",
        "ratio",
        "songs per day in the last 7 days, divided by the sum of that and songs per day before; 0.5 = unchanged; missing below 8 observed days or without songs",
        Window::recent_songs,
    ),
    feature(
        "recent_active_days",
        "ratio",
        "share of active days in the last 7 days, divided by the sum of that and the share before; 0.5 = unchanged; missing below 8 observed days",
        Window::recent_active_days,
    ),
    feature("is_female", "0 or 1", "the last known gender is female; missing if no gender is known", is_female),
];

const fn feature(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    compute: fn(&Window) -> f64,
) -> Feature {
    Feature { name, unit, meaning, grows_with_time: false, is_total: false, compute }
}

/// A feature that grows with the number of observed days.
const fn total(name: &'static str, unit: &'static str, meaning: &'static str, compute: fn(&Window) -> f64) -> Feature {
    Feature { is_total: true, ..feature(name, unit, meaning, compute) }
}

impl Feature {
    const fn growing(self) -> Self {
        Self { grows_with_time: true, ..self }
    }
}

fn per_100_songs(window: &Window, page: Page) -> f64 {
    match window.count(Page::NextSong) {
        0.0 => f64::NAN,
        songs => 100.0 * window.count(page) / songs,
    }
}

fn repeat_ratio(window: &Window) -> f64 {
    // Songs of lost events are known, but not counted: see `Overlaps`.
    (1.0 - window.distinct_songs() / window.titled_songs()).clamp(0.0, 1.0)
}

fn is_paid(window: &Window) -> f64 {
    window.level().map_or(f64::NAN, |level| f64::from(u8::from(level == Level::Paid)))
}

fn is_female(window: &Window) -> f64 {
    window.gender().map_or(f64::NAN, |gender| f64::from(u8::from(gender == Gender::Female)))
}

/// NaN without values.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// NaN without values.
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
