//! One event of a log, and the rules that make a clean one out of a line.

mod page;
mod raw;
mod scan;

pub use page::Page;

use crate::calendar::Timestamp;
use crate::ids::{SessionId, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Longest song that is believed: six hours, in seconds. Longer (or negative) is taken as unknown.
const LONGEST_SONG_S: f64 = 6.0 * 3600.0;

/// Subscription level of a user at the moment of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Free of charge, with adverts.
    Free,
    /// Paying.
    Paid,
}

/// Gender, as in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gender {
    /// `F`.
    Female,
    /// `M`.
    Male,
}

/// A clean event: everything in it is known to be in range; what is `None` was absent, empty or not believable.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// Who did it.
    pub user: UserId,
    /// In which of their sessions.
    pub session: SessionId,
    /// Position in the session, counted by the product from 0.
    pub item: Option<u32>,
    /// When.
    pub ts: Timestamp,
    /// What.
    pub page: Page,
    /// Subscription level at that moment.
    pub level: Option<Level>,
    /// When the user registered; never after `ts`.
    pub registration: Option<Timestamp>,
    /// Gender.
    pub gender: Option<Gender>,
    /// Artist of the song; never empty.
    pub artist: Option<Cow<'a, str>>,
    /// Title of the song; never empty.
    pub song: Option<Cow<'a, str>>,
    /// Length of the song in milliseconds, at most six hours.
    pub length_ms: Option<u32>,
}

/// Why a line is not an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// Nothing but white space.
    #[error("empty line")]
    EmptyLine,
    /// Longer than the reader's bound.
    #[error("line is longer than {limit} bytes")]
    LineTooLong {
        /// The bound, in bytes.
        limit: usize,
    },
    /// The stream broke off within this line.
    #[error("the object breaks off within this line")]
    LineCutOff,
    /// Not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object.
    #[error("not a JSON object")]
    NotAnObject,
    /// A field that every event needs is absent, null or blank.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field holds a value of another type.
    #[error("{0} has the wrong type")]
    WrongType(&'static str),
    /// `userId` is longer than [`UserId::MAX_BYTES`].
    #[error("userId is longer than {} bytes", UserId::MAX_BYTES)]
    UserIdTooLong,
    /// `ts` is zero or negative.
    #[error("ts is not positive")]
    NonPositiveTs,
    /// `ts` lies further in the future than the permitted clock skew.
    #[error("ts is in the future")]
    FutureTs,
    /// The session has more events on this day than anything but a fault produces.
    #[error("session has more than {limit} events on this day")]
    SessionTooLong {
        /// The bound, in events.
        limit: usize,
    },
}

impl Rejection {
    /// A stable name for counts and metrics, such as `not_json` or `missing_ts`.
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::EmptyLine => "empty_line".into(),
            Self::LineTooLong { .. } => "line_too_long".into(),
            Self::LineCutOff => "line_truncated".into(),
            Self::NotJson(_) => "not_json".into(),
            Self::NotAnObject => "not_an_object".into(),
            Self::Missing(field) => format!("missing_{field}").into(),
            Self::WrongType(field) => format!("invalid_type_{field}").into(),
            Self::UserIdTooLong => "user_id_too_long".into(),
            Self::NonPositiveTs => "ts_not_positive".into(),
            Self::FutureTs => "ts_in_future".into(),
            Self::SessionTooLong { .. } => "session_too_long".into(),
        }
    }

    /// Whether the line breaks the format, rather than holding an implausible value.
    pub fn is_malformed(&self) -> bool {
        !matches!(self, Self::NonPositiveTs | Self::FutureTs | Self::SessionTooLong { .. })
    }
}

/// What a line turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    /// A clean event.
    Event(Event<'a>),
    /// A well-formed event without a user: `userId` is absent, null, blank or `"None"`.
    Unattributable,
    /// Not an event.
    Rejected(Rejection),
}

impl<'a> Line<'a> {
    /// Reads one line. `latest` is the last moment an event may have: now and the permitted clock skew.
    ///
    /// Unknown fields are passed over. Bytes that are not UTF-8 become U+FFFD, as titles in odd encodings do not make
    /// an event less of one.
    pub fn parse(line: &'a [u8], latest: Timestamp) -> Self {
        match scan::fields(line) {
            Some(raw) => raw.clean(latest).into(),
            None => Self::parse_with_serde_json(line, latest),
        }
    }

    /// The same by `serde_json` alone, which [`Line::parse`] asks for what is unusual, and is tested against.
    pub fn parse_with_serde_json(line: &'a [u8], latest: Timestamp) -> Self {
        match String::from_utf8_lossy(line) {
            Cow::Borrowed(text) => raw::Raw::read(text).and_then(|raw| raw.clean(latest)).into(),
            Cow::Owned(text) => {
                let event = raw::Raw::read(&text).and_then(|raw| raw.clean(latest));
                event.map(|event| event.map(Event::into_owned)).into()
            }
        }
    }
}

impl<'a> From<Result<Option<Event<'a>>, Rejection>> for Line<'a> {
    fn from(cleaned: Result<Option<Event<'a>>, Rejection>) -> Self {
        match cleaned {
            Ok(Some(event)) => Self::Event(event),
            Ok(None) => Self::Unattributable,
            Err(rejection) => Self::Rejected(rejection),
        }
    }
}

impl Event<'_> {
    /// The same event, borrowing nothing.
    pub fn into_owned(self) -> Event<'static> {
        Event {
            artist: self.artist.map(|a| Cow::Owned(a.into_owned())),
            song: self.song.map(|s| Cow::Owned(s.into_owned())),
            user: self.user,
            session: self.session,
            item: self.item,
            ts: self.ts,
            page: self.page,
            level: self.level,
            registration: self.registration,
            gender: self.gender,
            length_ms: self.length_ms,
        }
    }
}

#[cfg(test)]
mod tests;
