//! The fields of a line before validation.

use super::time_range::{TimeRange, is_iso_8601};
use super::{Event, Gender, Level, MAX_SONG_S, Page, Rejection};
use crate::calendar::Timestamp;
use crate::ids::{SessionId, UserId, integer};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Floats below this value hold every integer exactly.
const MAX_EXACT: f64 = 9e15;
/// Characters of an ISO 8601 `ts` that a message shows. A time with nanoseconds and offset has 35.
const MAX_ISO_8601_CHARS: usize = 40;

/// A JSON value. Only scalars keep their content.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Scalar<'a> {
    /// The line does not have the field.
    #[default]
    Absent,
    Null,
    Text(Cow<'a, str>),
    Integer(i64),
    /// The digits of an integer that a float does not hold exactly.
    BigInteger(Box<str>),
    Real(f64),
    /// A boolean, an array or an object.
    Other,
}

#[derive(Debug, PartialEq, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw<'a> {
    #[serde(borrow, default)]
    ts: Scalar<'a>,
    #[serde(borrow, default)]
    user_id: Scalar<'a>,
    #[serde(borrow, default)]
    session_id: Scalar<'a>,
    #[serde(borrow, default)]
    page: Scalar<'a>,
    #[serde(borrow, default)]
    level: Scalar<'a>,
    #[serde(borrow, default)]
    item_in_session: Scalar<'a>,
    #[serde(borrow, default)]
    registration: Scalar<'a>,
    #[serde(borrow, default)]
    gender: Scalar<'a>,
    #[serde(borrow, default)]
    artist: Scalar<'a>,
    #[serde(borrow, default)]
    song: Scalar<'a>,
    #[serde(borrow, default)]
    length: Scalar<'a>,
}

impl<'a> Raw<'a> {
    /// The field with this name in logs.
    pub(super) fn field_mut(&mut self, name: &[u8]) -> Option<&mut Scalar<'a>> {
        Some(match name {
            b"ts" => &mut self.ts,
            b"userId" => &mut self.user_id,
            b"sessionId" => &mut self.session_id,
            b"page" => &mut self.page,
            b"level" => &mut self.level,
            b"itemInSession" => &mut self.item_in_session,
            b"registration" => &mut self.registration,
            b"gender" => &mut self.gender,
            b"artist" => &mut self.artist,
            b"song" => &mut self.song,
            b"length" => &mut self.length,
            _ => return None,
        })
    }

    pub(super) fn read(line: &'a str) -> Result<Self, Rejection> {
        read_object(line)
    }

    /// `Ok(None)` is an event without a user.
    pub(super) fn validate(self, times: TimeRange) -> Result<Option<Event<'a>>, Rejection> {
        let ts = self.ts.time(times)?;
        let page = self.page.text().map_err(invalid_type("page"))?.ok_or(Rejection::Missing("page"))?;
        let user = self.user_id.user()?;
        let session = match self.session_id {
            Scalar::Integer(number) if number >= 0 => Some(SessionId::from_number(number.unsigned_abs())),
            named => named.name().map_err(invalid_type("sessionId"))?.and_then(|name| SessionId::from_name(&name)),
        };
        // These fields are optional. A value of an invalid type is unknown, as is a value out of range.
        let item = self.item_in_session.number().unwrap_or(None);
        let registration = self.registration.number().unwrap_or(None);
        let length = self.length.number().unwrap_or(None);
        let level = self.level.text().unwrap_or(None);
        let gender = self.gender.text().unwrap_or(None);
        let (artist, song) = (self.artist.text().unwrap_or(None), self.song.text().unwrap_or(None));
        let Some(user) = user else { return Ok(None) };
        Ok(Some(Event {
            user,
            session: session.ok_or(Rejection::Missing("sessionId"))?,
            item: item.filter(|i| (0.0..=f64::from(u32::MAX)).contains(i)).map(|i| i as u32),
            ts,
            page: Page::from_name(&page),
            level: match level.as_deref() {
                Some("free") => Some(Level::Free),
                Some("paid") => Some(Level::Paid),
                _ => None,
            },
            registration: registration.and_then(|r| times.check(r).ok()).filter(|r| *r <= ts),
            gender: match gender.as_deref() {
                Some("F") => Some(Gender::Female),
                Some("M") => Some(Gender::Male),
                _ => None,
            },
            artist,
            song,
            length_ms: length.filter(|s| (0.0..=MAX_SONG_S).contains(s)).map(|s| (s * 1000.0).round() as u32),
        }))
    }
}

/// Reads a line that must be a JSON object.
pub(super) fn read_object<'a, T: Deserialize<'a>>(line: &'a str) -> Result<T, Rejection> {
    // serde would also accept an array of the fields' values.
    match line.trim_ascii_start().as_bytes().first() {
        None => Err(Rejection::EmptyLine),
        Some(b'{') => serde_json::from_str(line).map_err(|e| Rejection::NotJson(e.to_string())),
        Some(_) => match serde_json::from_str::<IgnoredAny>(line) {
            Ok(_) => Err(Rejection::NotAnObject),
            Err(e) => Err(Rejection::NotJson(e.to_string())),
        },
    }
}

/// A value has a type that its field does not accept.
pub(super) struct InvalidType;

pub(super) fn invalid_type(field: &'static str) -> impl Fn(InvalidType) -> Rejection {
    move |InvalidType| Rejection::InvalidType(field)
}

impl<'a> Scalar<'a> {
    /// A JSON number.
    fn from_number(number: &str) -> Result<Self, &'static str> {
        if let Ok(i) = number.parse() {
            return Ok(Self::Integer(i));
        }
        match number.parse::<f64>() {
            Ok(x) if x.abs() < MAX_EXACT => Ok(Self::Real(x)),
            Ok(x) if x.is_finite() => {
                Ok(integer(number).map_or(Self::Real(x), |digits| Self::BigInteger(digits.into())))
            }
            _ => Err("number out of range"),
        }
    }

    /// A number, or text that contains a finite number. Blank text counts as absent.
    fn number(&self) -> Result<Option<f64>, InvalidType> {
        let text: &str = match self {
            Self::Absent | Self::Null => return Ok(None),
            Self::Integer(i) => return Ok(Some(*i as f64)),
            Self::Real(x) => return Ok(Some(*x)),
            Self::BigInteger(digits) => digits,
            Self::Text(text) if is_blank(text) => return Ok(None),
            Self::Text(text) => text.trim(),
            Self::Other => return Err(InvalidType),
        };
        text.parse().ok().filter(|x: &f64| x.is_finite()).map(Some).ok_or(InvalidType)
    }

    /// The field `ts`.
    pub(super) fn time(&self, times: TimeRange) -> Result<Timestamp, Rejection> {
        let ms = match self.number() {
            Ok(ms) => ms.ok_or(Rejection::Missing("ts"))?,
            Err(InvalidType) => return Err(self.invalid_ts()),
        };
        times.check(ms).map_err(Rejection::ImplausibleTs)
    }

    /// The field `userId`; `None` if it is absent or the name of a missing value.
    pub(super) fn user(self) -> Result<Option<UserId>, Rejection> {
        let name = self.name().map_err(invalid_type("userId"))?;
        if name.as_ref().is_some_and(|name| name.len() > UserId::MAX_BYTES) {
            return Err(Rejection::UserIdTooLong);
        }
        Ok(name.and_then(|name| UserId::new(&name)))
    }

    /// Why this `ts`, which is no number, is rejected.
    fn invalid_ts(&self) -> Rejection {
        match self {
            Self::Text(text) if is_iso_8601(text.trim()) => {
                Rejection::TsIso8601(text.trim().chars().take(MAX_ISO_8601_CHARS).collect())
            }
            _ => Rejection::InvalidType("ts"),
        }
    }

    /// Text; blank text counts as absent.
    fn text(self) -> Result<Option<Cow<'a, str>>, InvalidType> {
        match self {
            Self::Absent | Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text).filter(|t| !is_blank(t))),
            _ => Err(InvalidType),
        }
    }

    /// A name, which can be text or an integer.
    pub(super) fn name(self) -> Result<Option<Cow<'a, str>>, InvalidType> {
        match self {
            Self::Integer(i) => Ok(Some(Cow::Owned(i.to_string()))),
            Self::BigInteger(digits) => Ok(Some(Cow::Owned(digits.into_string()))),
            // Tools that store a column with missing values as floats (pandas) write 30 as 30.0.
            Self::Real(x) if x.fract() == 0.0 && x.abs() < MAX_EXACT => Ok(Some(Cow::Owned((x as i64).to_string()))),
            other => other.text(),
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The raw JSON, because serde_json rounds large integers to floats.
        let json = <&RawValue>::deserialize(deserializer)?.get();
        match json.as_bytes() {
            b"null" => Ok(Self::Null),
            [b'"', text @ .., b'"'] if !text.contains(&b'\\') => Ok(Self::Text(json.trim_matches('"').into())),
            [b'"', ..] => serde_json::from_str(json).map(|text: String| Self::Text(text.into())).map_err(Error::custom),
            [b'-' | b'0'..=b'9', ..] => Self::from_number(json).map_err(Error::custom),
            _ => Ok(Self::Other),
        }
    }
}
