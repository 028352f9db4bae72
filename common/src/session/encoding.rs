//! The stored form of a day's slices: one version byte, then postcard. Sorted numbers are stored as differences, equal
//! events as runs, and large numbers in Rice coding.

use super::event::Totals;
use super::rice::{Reader, Writer};
use super::{EventKey, LevelAt, MAX_EVENTS, SessionSlice, SliceEvent, Slices};
use crate::calendar::{Day, Timestamp};
use crate::event::{Level, Page};
use crate::ids::SessionId;
use serde::{Deserialize, Serialize};
use std::iter::repeat_n;

const VERSION: u8 = 2;

/// Why stored bytes cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("stored slices are empty")]
    Empty,
    /// Written by another release.
    #[error("stored slices have format version {0}, expected {VERSION}")]
    Version(u8),
    #[error("stored slices are damaged: {0}")]
    Damaged(&'static str),
}

/// One slice. Times are in milliseconds since the start of the day.
#[derive(Serialize, Deserialize)]
struct Wire {
    session: SessionId,
    keys: Vec<KeyRun>,
    kinds: Vec<KindRun>,
    /// Lengths of the songs played, then the differences of the hashes of songs and of artists.
    numbers: Vec<u8>,
    songs: u32,
    artists: u32,
    active: Option<(u32, u32)>,
    cancelled_at: Option<u32>,
    levels: Option<(WireLevel, WireLevel)>,
    genders: u8,
    registration: Option<i64>,
}

/// Consecutive keys: the difference of the first one from the key before, and the number of the others. A repeated key has
/// the difference 0.
#[derive(Serialize, Deserialize)]
struct KeyRun(u64, u64);

/// Consecutive events of one kind, and the number of those after the first.
#[derive(Serialize, Deserialize)]
struct KindRun(u8, u32);

/// Time, event key and whether the level is paid.
#[derive(Serialize, Deserialize)]
struct WireLevel(u32, u64, bool);

/// Encodes a day's slices.
pub fn encode(slices: &[SessionSlice]) -> postcard::Result<Vec<u8>> {
    let wire: Vec<Wire> = slices.iter().map(Wire::from_slice).collect();
    postcard::to_extend(&wire, vec![VERSION])
}

/// Decodes the slices that [`encode`] wrote for `day`.
pub fn decode(day: Day, bytes: &[u8]) -> Result<Slices, DecodeError> {
    let (version, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if *version != VERSION {
        return Err(DecodeError::Version(*version));
    }
    let (wire, rest) =
        postcard::take_from_bytes::<Vec<Wire>>(body).map_err(|_| DecodeError::Damaged("invalid postcard"))?;
    if !rest.is_empty() {
        return Err(DecodeError::Damaged("trailing bytes"));
    }
    wire.into_iter().map(|w| w.into_slice(day)).collect()
}

impl Wire {
    fn from_slice(slice: &SessionSlice) -> Self {
        let level = |l: LevelAt| WireLevel(l.ts.millis_of_day(), l.key, l.level == Level::Paid);
        let songs = slice.events.iter().filter(|event| event.page == Page::NextSong);
        let mut numbers = Writer::default();
        numbers.write(&songs.map(|event| event.length_ms).collect::<Vec<_>>());
        numbers.write(&differences(&slice.songs));
        numbers.write(&differences(&slice.artists));
        Self {
            session: slice.session,
            keys: key_runs(&slice.events),
            kinds: kind_runs(&slice.events),
            numbers: numbers.finish(),
            songs: slice.songs.len() as u32,
            artists: slice.artists.len() as u32,
            active: slice.active.map(|(a, b)| (a.millis_of_day(), b.millis_of_day())),
            cancelled_at: slice.cancelled_at.map(Timestamp::millis_of_day),
            levels: slice.first_level.zip(slice.last_level).map(|(a, b)| (level(a), level(b))),
            genders: u8::from(slice.female) | u8::from(slice.male) << 1,
            registration: slice.registration.map(Timestamp::millis),
        }
    }

    fn into_slice(self, day: Day) -> Result<SessionSlice, DecodeError> {
        let at = |ms: u32| {
            let ts = Timestamp::from_millis(day.start().millis() + i64::from(ms));
            if ts.day() == day { Ok(ts) } else { Err(DecodeError::Damaged("time outside the day")) }
        };
        let level = |WireLevel(ms, key, paid): WireLevel| {
            Ok(LevelAt { ts: at(ms)?, key, level: if paid { Level::Paid } else { Level::Free } })
        };
        let (first_level, last_level) = match self.levels {
            Some((first, last)) => (Some(level(first)?), Some(level(last)?)),
            None => (None, None),
        };
        let mut events = events(&self.keys, &self.kinds)?;
        let mut numbers = Reader::new(&self.numbers);
        let mut numbers_of = |n: usize| numbers.read(n).ok_or(DecodeError::Damaged("too few numbers"));
        let songs: Vec<&mut SliceEvent> = events.iter_mut().filter(|event| event.page == Page::NextSong).collect();
        let lengths = numbers_of(songs.len())?;
        for (song, length_ms) in songs.into_iter().zip(lengths) {
            song.length_ms = length_ms;
        }
        let (songs, artists) = (sums(numbers_of(self.songs as usize)?)?, sums(numbers_of(self.artists as usize)?)?);
        if !numbers.is_at_end() {
            return Err(DecodeError::Damaged("too many numbers"));
        }
        Ok(SessionSlice {
            session: self.session,
            totals: events.iter().collect::<Totals>(),
            events,
            active: self.active.map(|(a, b)| Ok((at(a)?, at(b)?))).transpose()?,
            cancelled_at: self.cancelled_at.map(at).transpose()?,
            songs,
            artists,
            first_level,
            last_level,
            female: self.genders & 1 != 0,
            male: self.genders & 2 != 0,
            registration: self.registration.map(Timestamp::from_millis),
        })
    }
}

fn key_runs(events: &[SliceEvent]) -> Vec<KeyRun> {
    let mut runs: Vec<KeyRun> = Vec::new();
    let mut previous: EventKey = 0;
    for SliceEvent { key, .. } in events {
        match (key - previous, runs.last_mut()) {
            (1, Some(run)) => run.1 += 1,
            (difference, _) => runs.push(KeyRun(difference, 0)),
        }
        previous = *key;
    }
    runs
}

fn kind_runs(events: &[SliceEvent]) -> Vec<KindRun> {
    let mut runs: Vec<KindRun> = Vec::new();
    for kind in events.iter().map(kind) {
        match runs.last_mut() {
            Some(run) if run.0 == kind => run.1 += 1,
            _ => runs.push(KindRun(kind, 0)),
        }
    }
    runs
}

/// Five bits for the page, two for the level, and one for a title.
fn kind(event: &SliceEvent) -> u8 {
    let level = match event.level {
        None => 0,
        Some(Level::Free) => 1,
        Some(Level::Paid) => 2,
    };
    event.page.index() as u8 | level << 5 | u8::from(event.is_titled) << 7
}

/// The events with these keys and kinds, without lengths.
fn events(keys: &[KeyRun], kinds: &[KindRun]) -> Result<Vec<SliceEvent>, DecodeError> {
    let counts = keys.iter().map(|run| run.1);
    let n = counts.fold(keys.len() as u64, u64::saturating_add);
    let same = kinds.iter().map(|run| u64::from(run.1)).fold(kinds.len() as u64, u64::saturating_add);
    if n != same || n > MAX_EVENTS as u64 {
        return Err(DecodeError::Damaged("wrong number of events"));
    }
    let mut kinds = kinds.iter().flat_map(|KindRun(kind, others)| repeat_n(*kind, *others as usize + 1));
    let mut events = Vec::with_capacity(n as usize);
    let mut key: EventKey = 0;
    for KeyRun(difference, others) in keys {
        for step in std::iter::once(*difference).chain(repeat_n(1, *others as usize)) {
            key = key.checked_add(step).ok_or(DecodeError::Damaged("event keys overflow"))?;
            let kind = kinds.next().ok_or(DecodeError::Damaged("wrong number of events"))?;
            events.push(event(key, kind)?);
        }
    }
    Ok(events)
}

fn event(key: EventKey, kind: u8) -> Result<SliceEvent, DecodeError> {
    let page = *Page::ALL.get(usize::from(kind & 31)).ok_or(DecodeError::Damaged("unknown page"))?;
    let level = match kind >> 5 & 3 {
        0 => None,
        1 => Some(Level::Free),
        2 => Some(Level::Paid),
        _ => return Err(DecodeError::Damaged("unknown level")),
    };
    Ok(SliceEvent { key, page, level, is_titled: kind >> 7 != 0, length_ms: 0 })
}

fn differences(ascending: &[u32]) -> Vec<u32> {
    std::iter::once(&0).chain(ascending).zip(ascending).map(|(previous, x)| x - previous).collect()
}

fn sums(differences: Vec<u32>) -> Result<Vec<u32>, DecodeError> {
    let mut sum = 0u32;
    differences
        .into_iter()
        .map(|d| {
            sum = sum.checked_add(d).ok_or(DecodeError::Damaged("hashes overflow"))?;
            Ok(sum)
        })
        .collect()
}
