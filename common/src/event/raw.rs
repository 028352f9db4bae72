//! The fields of a line before validation.

use super::{Event, Gender, Level, MAX_SONG_S, Page, Rejection};
use crate::calendar::Timestamp;
use crate::ids::{SessionId, UserId};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A JSON value. Only scalars keep their content.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Scalar<'a> {
    /// The line does not have the field.
    #[default]
    Absent,
    Null,
    Text(Cow<'a, str>),
    Integer(i64),
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

    /// `Ok(None)` is an event without a user.
    pub(super) fn validate(self, latest: Timestamp) -> Result<Option<Event<'a>>, Rejection> {
        let ts = self.ts.number().map_err(invalid_type("ts"))?.ok_or(Rejection::Missing("ts"))?;
        if ts < 1.0 {
            return Err(Rejection::TsNotPositive);
        }
        let ts = Timestamp::from_millis(ts as i64);
        if ts > latest {
            return Err(Rejection::TsInFuture);
        }
        let page = self.page.text().map_err(invalid_type("page"))?.ok_or(Rejection::Missing("page"))?;
        let name = self.user_id.name().map_err(invalid_type("userId"))?;
        if name.as_ref().is_some_and(|name| name.len() > UserId::MAX_BYTES) {
            return Err(Rejection::UserIdTooLong);
        }
        let user = name.and_then(|name| UserId::new(&name));
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
            registration: registration
                .filter(|r| *r >= 1.0)
                .map(|r| Timestamp::from_millis(r as i64))
                .filter(|r| *r <= ts),
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

/// A value has a type that its field does not accept.
struct InvalidType;

fn invalid_type(field: &'static str) -> impl Fn(InvalidType) -> Rejection {
    move |InvalidType| Rejection::InvalidType(field)
}

impl<'a> Scalar<'a> {
    /// A number, or text that contains a finite number. Blank text counts as absent.
    fn number(self) -> Result<Option<f64>, InvalidType> {
        match self {
            Self::Absent | Self::Null => Ok(None),
            Self::Integer(i) => Ok(Some(i as f64)),
            Self::Real(x) => Ok(Some(x)),
            Self::Text(text) if is_blank(&text) => Ok(None),
            Self::Text(text) => match text.trim().parse::<f64>() {
                Ok(x) if x.is_finite() => Ok(Some(x)),
                _ => Err(InvalidType),
            },
            Self::Other => Err(InvalidType),
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
    fn name(self) -> Result<Option<Cow<'a, str>>, InvalidType> {
        match self {
            Self::Integer(i) => Ok(Some(Cow::Owned(i.to_string()))),
            // Tools that store a column with missing values as floats (pandas) write 30 as 30.0.
            Self::Real(x) if x.fract() == 0.0 && x.abs() < 9e15 => Ok(Some(Cow::Owned((x as i64).to_string()))),
            other => other.text(),
        }
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Borrowed(v)))
    }

    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Scalar::Text(Cow::Owned(v.to_owned())))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Scalar::Integer(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
        Ok(i64::try_from(v).map_or(Scalar::Real(v as f64), Scalar::Integer))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Scalar::Real(v))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Scalar::Other)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Scalar::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Scalar<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}
