//! The stored form of a day's slices: one version byte, then postcard, with everything sorted written as differences.

use super::{Intervals, LevelAt, SessionSlice, Slices, is_on};
use crate::calendar::{Day, Timestamp};
use crate::event::{Level, Page};
use crate::ids::SessionId;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

/// Why stored bytes are not slices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are no bytes.
    #[error("stored slices are empty")]
    Empty,
    /// Written by a newer release.
    #[error("stored slices have format {0}, this release reads {VERSION}")]
    Version(u8),
    /// Not what this format writes.
    #[error("stored slices are damaged: {0}")]
    Damaged(&'static str),
}

/// One slice, times in milliseconds of the day.
#[derive(Serialize, Deserialize)]
struct Wire {
    session: SessionId,
    pages: Vec<(u8, u32)>,
    listened_ms: u64,
    active: Option<(u32, u32)>,
    cancelled_at: Option<u32>,
    event_keys: Vec<(u64, u64)>,
    titled: u32,
    songs: Vec<u32>,
    artists: Vec<u32>,
    level_events: (u32, u32),
    levels: Option<(WireLevel, WireLevel)>,
    genders: u8,
    registration: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct WireLevel(u32, u64, bool);

/// Writes a day's slices.
pub fn encode(slices: &[SessionSlice]) -> postcard::Result<Vec<u8>> {
    let wire: Vec<Wire> = slices.iter().map(Wire::of).collect();
    postcard::to_extend(&wire, vec![VERSION])
}

/// Reads what [`encode`] wrote for `day`.
pub fn decode(day: Day, bytes: &[u8]) -> Result<Slices, DecodeError> {
    let (version, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if *version != VERSION {
        return Err(DecodeError::Version(*version));
    }
    let (wire, rest) =
        postcard::take_from_bytes::<Vec<Wire>>(body).map_err(|_| DecodeError::Damaged("the bytes do not parse"))?;
    if !rest.is_empty() {
        return Err(DecodeError::Damaged("bytes are left over"));
    }
    wire.into_iter().map(|w| w.slice(day)).collect()
}

impl Wire {
    fn of(slice: &SessionSlice) -> Self {
        let level = |l: LevelAt| WireLevel(l.ts.millis_of_day(), l.key, l.level == Level::Paid);
        Self {
            session: slice.session,
            pages: (0u8..).zip(slice.pages).filter(|(_, n)| *n > 0).collect(),
            listened_ms: slice.listened_ms,
            active: slice.active.map(|(a, b)| (a.millis_of_day(), b.millis_of_day())),
            cancelled_at: slice.cancelled_at.map(Timestamp::millis_of_day),
            event_keys: gaps(slice.event_keys.intervals()),
            titled: slice.titled,
            songs: differences(&slice.songs),
            artists: differences(&slice.artists),
            level_events: (slice.free_events, slice.paid_events),
            levels: slice.first_level.zip(slice.last_level).map(|(a, b)| (level(a), level(b))),
            genders: u8::from(slice.female) | u8::from(slice.male) << 1,
            registration: slice.registration.map(Timestamp::millis),
        }
    }

    fn slice(self, day: Day) -> Result<SessionSlice, DecodeError> {
        let at = |ms: u32| {
            let ts = Timestamp::from_millis(day.start().millis() + i64::from(ms));
            if is_on(day, ts) { Ok(ts) } else { Err(DecodeError::Damaged("a moment lies outside the day")) }
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
            titled: self.titled,
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

/// Each interval as (distance from the end of the one before, length less one).
fn gaps(intervals: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let ends = std::iter::once(0).chain(intervals.iter().map(|(_, end)| *end));
    ends.zip(intervals).map(|(before, (start, end))| (start - before, end - start)).collect()
}

fn intervals(gaps: &[(u64, u64)]) -> Result<Intervals, DecodeError> {
    let damaged = DecodeError::Damaged("items overflow");
    let mut before = 0u64;
    let mut all = Vec::with_capacity(gaps.len());
    for (gap, more) in gaps {
        let start = before.checked_add(*gap).ok_or(damaged.clone())?;
        before = start.checked_add(*more).ok_or(damaged.clone())?;
        all.push((start, before));
    }
    Intervals::from_ascending(all).ok_or(DecodeError::Damaged("items are out of order"))
}

fn differences(ascending: &[u32]) -> Vec<u32> {
    std::iter::once(&0).chain(ascending).zip(ascending).map(|(before, x)| x - before).collect()
}

fn sums(differences: &[u32]) -> Result<Vec<u32>, DecodeError> {
    let mut before = 0u32;
    differences
        .iter()
        .map(|d| {
            before = before.checked_add(*d).ok_or(DecodeError::Damaged("hashes overflow"))?;
            Ok(before)
        })
        .collect()
}
