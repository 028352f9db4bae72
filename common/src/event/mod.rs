//! Events of a log: parsing and validating one line.

mod non_finite;
mod offer_line;
mod page;
mod raw;
mod scan;
mod time_range;

pub use offer_line::OfferLine;
pub use page::Page;
pub use time_range::{ImplausibleTime, TimeRange, TimeUnit};

use crate::calendar::Timestamp;
use crate::ids::{SessionId, UserId};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Maximum plausible length of a song, in seconds. A longer or negative length is unknown.
const MAX_SONG_S: f64 = 6.0 * 3600.0;

/// Bytes of an event in a request without members that have no effect.
const USUAL_BYTES: usize = 200;

/// Subscription level of a user at the time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Free of charge, with adverts.
    Free,
    Paid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gender {
    /// `F` in logs.
    Female,
    /// `M` in logs.
    Male,
}

/// A valid event. Optional fields are `None` if they are absent, empty or not plausible.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    pub user: UserId,
    pub session: SessionId,
    /// Position in the session, from 0.
    pub item: Option<u32>,
    pub ts: Timestamp,
    pub page: Page,
    pub level: Option<Level>,
    /// Registration time of the user, not after `ts`.
    pub registration: Option<Timestamp>,
    pub gender: Option<Gender>,
    /// Artist of the song, not empty.
    pub artist: Option<Cow<'a, str>>,
    /// Title of the song, not empty.
    pub song: Option<Cow<'a, str>>,
    /// Length of the song in milliseconds, not negative and up to 6 hours.
    pub length_ms: Option<u32>,
}

/// Why a line is not a valid event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    #[error("empty line")]
    EmptyLine,
    #[error("line is longer than {limit} bytes")]
    LineTooLong { limit: usize },
    #[error("the object is truncated within this line")]
    LineTruncated,
    #[error("not JSON: {0}")]
    NotJson(String),
    #[error("not a JSON object")]
    NotAnObject,
    /// A required field is absent, null or blank.
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} has an invalid type{expected}", expected = expected(.0))]
    InvalidType(&'static str),
    #[error("userId is longer than {} bytes", UserId::MAX_BYTES)]
    UserIdTooLong,
    #[error("ts is {0:?}, probably ISO 8601 text, expected milliseconds since 1970-01-01")]
    TsIso8601(String),
    #[error("ts {0}")]
    ImplausibleTs(ImplausibleTime),
    /// The session has an implausible number of events on one day.
    #[error("session has more than {limit} events on this day")]
    SessionTooLong { limit: usize },
    /// The user has an implausible number of offers on one day.
    #[error("the user has more than {limit} offers on this day")]
    TooManyOffers { limit: usize },
}

impl Rejection {
    /// A stable name for counts, such as `not_json` or `missing_ts`.
    pub fn code(&self) -> Cow<'static, str> {
        match self {
            Self::EmptyLine => "empty_line".into(),
            Self::LineTooLong { .. } => "line_too_long".into(),
            Self::LineTruncated => "line_truncated".into(),
            Self::NotJson(_) => "not_json".into(),
            Self::NotAnObject => "not_an_object".into(),
            Self::Missing(field) => format!("missing_{field}").into(),
            Self::InvalidType(field) => format!("invalid_type_{field}").into(),
            Self::UserIdTooLong => "user_id_too_long".into(),
            Self::TsIso8601(_) => "ts_iso_8601".into(),
            Self::ImplausibleTs(reason) => format!("ts_{}", reason.code()).into(),
            Self::SessionTooLong { .. } => "session_too_long".into(),
            Self::TooManyOffers { .. } => "too_many_offers".into(),
        }
    }

    /// Whether the format is invalid, such as the unit of `ts`. If not, a value is implausible.
    pub fn is_malformed(&self) -> bool {
        match self {
            Self::ImplausibleTs(reason) => matches!(reason, ImplausibleTime::OtherUnit { .. }),
            Self::SessionTooLong { .. } | Self::TooManyOffers { .. } => false,
            _ => true,
        }
    }
}

/// What a field of an invalid type should contain, as the end of a message.
fn expected(field: &str) -> &'static str {
    match field {
        "ts" => ", expected milliseconds since 1970-01-01",
        "userId" | "sessionId" | "offer_id" => ", expected text or an integer",
        "accepted" => ", expected true or false",
        _ => "",
    }
}

/// The result of parsing a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Line<'a> {
    Event(Event<'a>),
    /// A well-formed event without a user: `userId` is absent, null, blank or the name of a missing
    /// value, such as `None` or `nan`.
    WithoutUser,
    Rejected(Rejection),
}

impl<'a> Line<'a> {
    /// Parses one line. Times outside of `times` are rejected.
    ///
    /// Unknown fields are ignored. Bytes that are not UTF-8 become U+FFFD, so that a title in another encoding does not
    /// invalidate the event.
    pub fn parse(line: &'a [u8], times: TimeRange) -> Self {
        match scan::fields(line) {
            Some(raw) => raw.validate(times).into(),
            None => Self::parse_with_serde_json(line, times),
        }
    }

    /// As [`Line::parse`], but slower: with `serde_json` only. `parse` uses it for unusual lines, and tests compare the two.
    pub fn parse_with_serde_json(line: &'a [u8], times: TimeRange) -> Self {
        match non_finite::as_null(line) {
            Cow::Borrowed(text) => raw::Raw::read(text).and_then(|raw| raw.validate(times)).into(),
            Cow::Owned(text) => {
                let event = raw::Raw::read(&text).and_then(|raw| raw.validate(times));
                event.map(|event| event.map(Event::into_owned)).into()
            }
        }
    }
}

impl<'a> From<Result<Option<Event<'a>>, Rejection>> for Line<'a> {
    fn from(result: Result<Option<Event<'a>>, Rejection>) -> Self {
        match result {
            Ok(Some(event)) => Self::Event(event),
            Ok(None) => Self::WithoutUser,
            Err(rejection) => Self::Rejected(rejection),
        }
    }
}

/// Parses the JSON array of events at the start of `json` as [`Line::parse`] parses lines. Returns the result of each event, and
/// the text after the array. `None` if the array is not in the usual form: then its elements have to be parsed one by one.
pub fn parse_array(json: &str, times: TimeRange) -> Option<(Vec<Line<'_>>, &str)> {
    let mut lines = Vec::with_capacity(json.len() / USUAL_BYTES);
    let rest = scan::array(json, |raw| lines.push(raw.validate(times).into()))?;
    Some((lines, rest))
}

/// The text of a user id in JSON, to be parsed with [`UserId::new`]. `None` unless `json` is text or an integer.
pub fn user_id_name(json: &str) -> Option<Cow<'_, str>> {
    let scalar: raw::Scalar<'_> = serde_json::from_str(json).ok()?;
    scalar.name().ok().map(Option::unwrap_or_default)
}

/// JSON from outside as text. Bytes that are not UTF-8 become U+FFFD; `NaN` and `Infinity`, which are no JSON, become `null`.
pub fn json_text(json: &[u8]) -> Cow<'_, str> {
    non_finite::as_null(json)
}

impl Event<'_> {
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
