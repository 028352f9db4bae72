//! Constant properties of a user.

use super::params::DAY_MS;
use super::random::Random;
use super::words::Words;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gender {
    Female,
    Male,
}

impl Gender {
    /// Letter in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Female => "F",
            Self::Male => "M",
        }
    }
}

/// Constant properties of a user. None of them predicts a cancellation.
#[derive(Debug, Clone)]
pub struct Profile {
    pub gender: Gender,
    pub first_name: &'static str,
    pub last_name: &'static str,
    /// Metropolitan area.
    pub location: &'static str,
    /// User agent.
    pub agent: &'static str,
    /// Milliseconds since 1970.
    pub registration: i64,
    /// Sessions per day relative to the average user, mean 1.
    pub frequency: f64,
    /// Songs per session relative to the average user, mean 1.
    pub stamina: f64,
    /// Hours by which the user's day is later than that of the average user.
    pub hours_late: i64,
    /// Index of the user's most frequent song in the catalogue.
    pub taste: u32,
    pub habits: Habits,
}

/// Rates relative to the average user, mean 1. They make behaviour a noisy signal of discontent.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Thumbs up and additions to a playlist.
    pub praise: f64,
    /// Thumbs down.
    pub criticism: f64,
    /// Added friends.
    pub company: f64,
    /// Help, settings, home, upgrade and downgrade pages, logouts.
    pub browsing: f64,
}

impl Profile {
    /// Draws a user who registered before `start`, the start of the log.
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
