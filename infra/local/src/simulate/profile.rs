//! The fixed properties of a user.

use super::params::DAY_MS;
use super::random::Random;
use super::words::Words;

/// A user's gender, as the log knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    Female,
    Male,
}

impl Gender {
    /// The log's letter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Female => "F",
            Self::Male => "M",
        }
    }
}

/// The fixed properties of a user. None of them predicts a cancellation.
#[derive(Debug, Clone)]
pub struct Profile {
    pub gender: Gender,
    pub first_name: &'static str,
    pub last_name: &'static str,
    /// Metropolitan area.
    pub location: &'static str,
    /// Browser.
    pub agent: &'static str,
    /// Registration in milliseconds since 1970.
    pub registration: i64,
    /// Sessions per day relative to the average user, mean 1.
    pub frequency: f64,
    /// Songs per session relative to the average user, mean 1.
    pub stamina: f64,
    /// Hours that the user's day is later than the average user's.
    pub hours_late: i64,
    /// Where in the catalogue the user's own favourites start.
    pub taste: u32,
    /// How much more often than the average user this one does things, mean 1.
    pub habits: Habits,
}

/// Rates relative to the average user, mean 1. They make behaviour a noisy sign of contentment.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Thumbs up and playlist.
    pub praise: f64,
    /// Thumbs down.
    pub criticism: f64,
    /// Friends.
    pub company: f64,
    /// Help, settings, home, upgrade and downgrade pages, logouts.
    pub browsing: f64,
}

impl Profile {
    /// Draws a user who registered before `start`, the log's first moment.
    pub fn draw(words: &Words, start: i64, random: &mut Random) -> Self {
        let gender = if random.chance(0.5) { Gender::Female } else { Gender::Male };
        let first = if gender == Gender::Female { &words.female } else { &words.male };
        let tenure_days = random.around(55.0, 0.95).min(1_000.0); // as in the real log
        Self {
            gender,
            first_name: Words::any(first, random),
            last_name: Words::any(&words.last, random),
            location: Words::any(&words.locations, random),
            agent: Words::any(&words.agents, random),
            registration: start - (tenure_days * DAY_MS as f64) as i64 / 1000 * 1000,
            frequency: random.factor(0.65),
            stamina: random.factor(0.5),
            hours_late: random.below(7) as i64 - 3,
            taste: random.below(1 << 30) as u32,
            habits: Habits {
                praise: random.factor(0.4),
                criticism: random.factor(0.4),
                company: random.factor(0.4),
                browsing: random.factor(0.3),
            },
        }
    }
}
