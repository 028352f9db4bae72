//! The synthetic music on offer: artists, songs and lengths, drawn once for a seed.

use super::random::Random;
use super::words::Words;

const ARTISTS: usize = 2_500;
/// Songs per artist, on average; the real log has 9,620 of 4,345 artists.
const SONGS: usize = 8_000;

/// A song on offer.
#[derive(Debug, Clone)]
pub struct Song {
    /// Artist's name as text, not JSON.
    pub artist: String,
    /// Title as text, not JSON.
    pub title: String,
    /// Length in hundred-thousandths of a second, 1 s to 30 min: the log writes five decimals.
    pub length_e5: u32,
}

impl Song {
    /// Length in whole seconds, rounded down: when the next song starts.
    pub fn seconds(&self) -> i64 {
        i64::from(self.length_e5 / 100_000)
    }
}

/// All songs, the most popular first.
#[derive(Debug)]
pub struct Catalogue(Vec<Song>);

impl Catalogue {
    /// Draws the songs.
    pub fn new(words: &Words, random: &mut Random) -> Self {
        let artists: Vec<String> = (0..ARTISTS).map(|_| artist(words, random)).collect();
        let song = |_| {
            let artist = artists.get(random.skewed(ARTISTS)).cloned().unwrap_or_default();
            let seconds = random.around(224.0, 0.42).clamp(1.0, 1_800.0); // median and spread of the real log
            Song { artist, title: title(words, random), length_e5: (seconds * 1e5) as u32 }
        };
        Self((0..SONGS).map(song).collect())
    }

    /// Number of songs.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The song of an index, which wraps around.
    pub fn song(&self, index: u32) -> Option<&Song> {
        self.0.get(index as usize % self.0.len().max(1))
    }
}

/// An artist's name; one in ten is mojibake and a few have quotes, as in the real log.
fn artist(words: &Words, random: &mut Random) -> String {
    let first = if random.chance(0.5) { &words.female } else { &words.male };
    let first = Words::any(first, random);
    let last = if random.chance(0.1) { &words.mojibake } else { &words.last };
    let last = Words::any(last, random);
    let (noun, other) = (Words::any(&words.title, random), Words::any(&words.title, random));
    match random.below(8) {
        0 => format!("The {noun} {other}s"),
        1 => format!("{noun} {other}"),
        2 => format!("{last} & The {noun}s"),
        3 => format!("DJ {last}"),
        4 if random.chance(0.1) => format!("\"{first} \\\"{noun}\\\" {last}\""),
        _ => format!("{first} {last}"),
    }
}

/// A song's title; some carry a remark in brackets.
fn title(words: &Words, random: &mut Random) -> String {
    let (noun, other) = (Words::any(&words.title, random), Words::any(&words.title, random));
    match random.below(10) {
        0 => format!("{noun} Of The {other}"),
        1 => format!("{noun} {other} (Album Version)"),
        2 => format!("My {noun} {other}"),
        3 => format!("{} {noun}", Words::any(&words.mojibake, random)),
        4 => format!("{noun} And {other} (Live)"),
        5 => noun.to_owned(),
        _ => format!("{noun} {other}"),
    }
}
