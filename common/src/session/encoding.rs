//! The stored form of a day's slices: one version byte, then postcard. Sorted numbers are stored as differences.

use super::{Intervals, LevelAt, SessionSlice, Slices};
use crate::calendar::{Day, Timestamp};
use crate::event::{Level, Page};
use crate::ids::SessionId;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

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
    pages: Vec<(u8, u32)>,
    listened_ms: u64,
    active: Option<(u32, u32)>,
    cancelled_at: Option<u32>,
    event_keys: Vec<(u64, u64)>,
    titled_songs: u32,
    songs: Vec<u32>,
    artists: Vec<u32>,
    level_events: (u32, u32),
    levels: Option<(WireLevel, WireLevel)>,
    genders: u8,
    registration: Option<i64>,
}

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
        Self {
            session: slice.session,
            pages: (0u8..).zip(slice.pages).filter(|(_, n)| *n > 0).collect(),
            listened_ms: slice.listened_ms,
            active: slice.active.map(|(a, b)| (a.millis_of_day(), b.millis_of_day())),
            cancelled_at: slice.cancelled_at.map(Timestamp::millis_of_day),
            event_keys: gaps(slice.event_keys.intervals()),
            titled_songs: slice.titled_songs,
            songs: differences(&slice.songs),
            artists: differences(&slice.artists),
            level_events: (slice.free_events, slice.paid_events),
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
        let mut pages = [0; Page::COUNT];
        for (page, n) in self.pages {
            *pages.get_mut(usize::from(page)).ok_or(DecodeError::Damaged("unknown page"))? = n;
        }
        let (first_level, last_level) = match self.levels {
            Some((first, last)) => (Some(level(first)?), Some(level(last)?)),
            None => (None, None),
        };
        Ok(SessionSlice {
            session: self.session,
            pages,
            listened_ms: self.listened_ms,
            active: self.active.map(|(a, b)| Ok((at(a)?, at(b)?))).transpose()?,
            cancelled_at: self.cancelled_at.map(at).transpose()?,
            event_keys: intervals(&self.event_keys)?,
            titled_songs: self.titled_songs,
            songs: sums(&self.songs)?,
            artists: sums(&self.artists)?,
            free_events: self.level_events.0,
            paid_events: self.level_events.1,
            first_level,
            last_level,
            female: self.genders & 1 != 0,
            male: self.genders & 2 != 0,
            registration: self.registration.map(Timestamp::from_millis),
        })
    }
}

/// Each interval as `(start - end of the previous interval, end - start)`.
fn gaps(intervals: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let ends = std::iter::once(0).chain(intervals.iter().map(|(_, end)| *end));
    ends.zip(intervals).map(|(previous, (start, end))| (start - previous, end - start)).collect()
}

fn intervals(gaps: &[(u64, u64)]) -> Result<Intervals, DecodeError> {
    let damaged = DecodeError::Damaged("event keys overflow");
    let mut end = 0u64;
    let mut all = Vec::with_capacity(gaps.len());
    for (gap, length) in gaps {
        let start = end.checked_add(*gap).ok_or(damaged.clone())?;
        end = start.checked_add(*length).ok_or(damaged.clone())?;
        all.push((start, end));
    }
    Intervals::from_ascending(all).ok_or(DecodeError::Damaged("event keys are not ascending"))
}

fn differences(ascending: &[u32]) -> Vec<u32> {
    std::iter::once(&0).chain(ascending).zip(ascending).map(|(previous, x)| x - previous).collect()
}

fn sums(differences: &[u32]) -> Result<Vec<u32>, DecodeError> {
    let mut sum = 0u32;
    differences
        .iter()
        .map(|d| {
            sum = sum.checked_add(*d).ok_or(DecodeError::Damaged("hashes overflow"))?;
            Ok(sum)
        })
        .collect()
}
