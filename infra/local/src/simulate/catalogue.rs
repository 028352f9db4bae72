//! The simulated songs: artists, titles and lengths, drawn once per seed.

use super::random::Random;
use super::words::Words;

const ARTISTS: usize = 2_500;
/// The real log has 9,620 songs of 4,345 artists.
const SONGS: usize = 8_000;

#[derive(Debug, Clone)]
pub struct Song {
    /// Not JSON-escaped.
    pub artist: String,
    /// Not JSON-escaped.
    pub title: String,
    /// Length in units of 10⁻⁵ s, 1 s to 30 min. The log has five decimals.
    pub length_e5: u32,
}

impl Song {
    /// Length in whole seconds, rounded down. The next song starts after it.
    pub fn seconds(&self) -> i64 {
        i64::from(self.length_e5 / 100_000)
    }
}

/// All songs, the most popular first.
#[derive(Debug)]
pub struct Catalogue(Vec<Song>);

impl Catalogue {
    pub fn new(words: &Words, random: &mut Random) -> Self {
        let artists: Vec<String> = (0..ARTISTS).map(|_| artist(words, random)).collect();
        let song = |_| {
            let artist = artists.get(random.skewed(ARTISTS)).cloned().unwrap_or_default();
            let seconds = random.around(224.0, 0.42).clamp(1.0, 1_800.0); // median and spread of the real log
            Song { artist, title: title(words, random), length_e5: (seconds * 1e5) as u32 }
        };
        Self((0..SONGS).map(song).collect())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Song at `index`, modulo the number of songs.
    pub fn song(&self, index: u32) -> Option<&Song> {
        self.0.get(index as usize % self.0.len().max(1))
    }
}

/// An artist's name. One in ten is mojibake and a few contain quotes, as in the real log.
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

/// A song title; some have a remark in brackets.
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
