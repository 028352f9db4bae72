//! State that all users share: words, songs, the time range of the log and the mean activity.

use super::catalogue::Catalogue;
use super::offers::Offers;
use super::params::{DEFAULT_EVENTS_PER_USER_DAY, ValidParams};
use super::random::Random;
use super::words::Words;

/// Mean songs per session at the default activity, without discontent. Over all users it gives the real log's mean of 70.
const USUAL_SONGS: f64 = 91.0;
/// Pages of a session that do not depend on the number of songs.
const FIXED_PAGES: f64 = 2.0;

#[derive(Debug)]
pub struct World {
    pub words: Words,
    pub catalogue: Catalogue,
    /// Mean songs per session of the average user, without discontent.
    pub songs_per_session: f64,
    /// Start of the log in milliseconds since 1970.
    pub start: i64,
    /// End of the log (exclusive) in milliseconds since 1970.
    pub end: i64,
    pub offers: Offers,
}

impl World {
    pub fn new(params: &ValidParams, random: &mut Random) -> Self {
        let words = Words::new();
        let catalogue = Catalogue::new(&words, random);
        let ratio = params.get().events_per_user_day / DEFAULT_EVENTS_PER_USER_DAY;
        let songs_per_session = (USUAL_SONGS + FIXED_PAGES) * ratio - FIXED_PAGES;
        let offers = params.get().offers.clone();
        Self { words, catalogue, songs_per_session, start: params.get().start_ms, end: params.end_ms(), offers }
    }
}
