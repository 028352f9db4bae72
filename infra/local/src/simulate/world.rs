//! What all users of a simulation share: names, songs, the span of the log and the mean activity.

use super::catalogue::Catalogue;
use super::params::{DEFAULT_EVENTS_PER_USER_DAY, ValidParams};
use super::random::Random;
use super::words::Words;

/// Songs of a session at the default activity, for a content user; gives the real log's mean of 70 over all users.
const USUAL_SONGS: f64 = 91.0;
/// Pages of a session that do not depend on its length, in songs.
const FIXED_PAGES: f64 = 2.0;

#[derive(Debug)]
pub struct World {
    pub words: Words,
    pub catalogue: Catalogue,
    /// Mean songs per session of the average user, when content.
    pub songs_per_session: f64,
    /// First moment of the log, milliseconds since 1970.
    pub start: i64,
    /// First moment after the log, milliseconds since 1970.
    pub end: i64,
}

impl World {
    pub fn new(params: &ValidParams, random: &mut Random) -> Self {
        let words = Words::new();
        let catalogue = Catalogue::new(&words, random);
        let ratio = params.get().events_per_user_day / DEFAULT_EVENTS_PER_USER_DAY;
        let songs_per_session = (USUAL_SONGS + FIXED_PAGES) * ratio - FIXED_PAGES;
        Self { words, catalogue, songs_per_session, start: params.get().start_ms, end: params.end_ms() }
    }
}
