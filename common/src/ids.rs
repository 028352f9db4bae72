//! Identifiers of users, sessions, objects and sources.

mod user;

pub use user::UserId;
pub(crate) use user::integer;

use crate::calendar::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// A session id. It is not unique across users: the key is `(user, session)`.
///
/// Numbers below 2^63 are stored unchanged; any other id is hashed to a number of 2^63 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(u64);

impl SessionId {
    const HASHED: u64 = 1 << 63;

    pub const fn from_number(number: u64) -> Self {
        Self(number & !Self::HASHED)
    }

    /// `None` if the id is blank.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim();
        let name = user::without_float_notation(name);
        match name.parse::<u64>() {
            Ok(number) if number < Self::HASHED => Some(Self(number)),
            _ if name.is_empty() => None,
            _ => Some(Self(twox_hash::XxHash64::oneshot(0, name.as_bytes()) | Self::HASHED)),
        }
    }
}

/// Identifies an S3 object by a hash of bucket and key, which has the same length for every key: 32 hexadecimal digits,
/// the first 128 bits of a SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(Box<str>);

impl ObjectId {
    pub fn new(bucket: &str, key: &str) -> Self {
        // The lengths make the hashes of ("a", "b/c") and ("a/b", "c") different.
        let name = format!("{}:{bucket}{}:{key}", bucket.len(), key.len());
        Self(hex::encode(&Sha256::digest(name.as_bytes())[..16]).into())
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// S3's sequencer, which orders the versions of an object. Sequencers compare as S3 documents it: as hexadecimal
/// numbers, padded with zeros on the right to the same length.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequencer(Box<str>);

impl Sequencer {
    /// From an S3 event; `None` unless `raw` is 1 to 64 hexadecimal digits.
    pub fn new(raw: &str) -> Option<Self> {
        let hexadecimal = (1..=64).contains(&raw.len()) && raw.bytes().all(|b| b.is_ascii_hexdigit());
        // Without trailing zeros, texts sort like the padded numbers: a prefix sorts before its extensions.
        hexadecimal.then(|| Self::trimmed(raw.to_ascii_lowercase()))
    }

    /// The sequencer that S3 would assign at about this time. Real ones have more digits and sort after it.
    pub fn at(time: Timestamp) -> Self {
        Self::trimmed(format!("{:010x}", time.millis().max(0) / 1000))
    }

    /// A greater sequencer, for a version that replaces one with this sequencer.
    pub fn successor(&self) -> Self {
        // Counts in blocks of 20 digits, so that the sequencers of many replacements do not grow.
        let width = self.0.len().div_ceil(20) * 20;
        let mut digits = format!("{:0<width$}", self.0).into_bytes();
        let Some(last) = digits.iter().rposition(|digit| *digit != b'f') else {
            return Self(format!("{self}{:020}", 1).into());
        };
        digits[last] = if digits[last] == b'9' { b'a' } else { digits[last] + 1 };
        digits[last + 1..].fill(b'0');
        Self::trimmed(String::from_utf8_lossy(&digits).into_owned())
    }

    fn trimmed(digits: String) -> Self {
        Self(digits.trim_end_matches('0').into())
    }
}

impl fmt::Display for Sequencer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A source of slices: one chunk of one version of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId {
    pub object: ObjectId,
    pub version: Sequencer,
    /// The index of the chunk, from 0.
    pub chunk: u32,
}

impl SourceId {
    /// Parses the output of [`Display`](fmt::Display) at the start of `text`. Returns the source and the rest of
    /// `text`.
    pub fn parse_front(text: &str) -> Option<(Self, &str)> {
        let (object, rest) = text.split_once('#')?;
        let (version, rest) = rest.split_once('#')?;
        let (chunk, rest) = rest.split_once('#').unwrap_or((rest, ""));
        let version = Sequencer(version.into());
        Some((Self { object: ObjectId(object.into()), version, chunk: chunk.parse().ok()? }, rest))
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}#{}", self.object, self.version, self.chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_ids_are_numbers_or_hashes() {
        assert_eq!(SessionId::from_name("29"), Some(SessionId::from_number(29)));
        assert_ne!(SessionId::from_name("a3f1-77"), SessionId::from_name("a3f1-78"));
        assert_eq!(SessionId::from_name(" "), None);
    }

    #[test]
    fn objects_differ_by_bucket_and_key() {
        let ids: std::collections::BTreeSet<_> =
            [("a", "b/c"), ("a/b", "c"), ("a", "b/c1")].map(|(bucket, key)| ObjectId::new(bucket, key)).into();
        assert_eq!(ids.len(), 3);
        assert!(ids.iter().all(|id| id.to_string().len() == 32));
    }

    #[test]
    fn sequencers_compare_as_if_padded_on_the_right() {
        let sequencer = |raw| Sequencer::new(raw).unwrap();
        assert!(sequencer("0055AED6DCD90281E6") > sequencer("0055AED6DCD90281E5"));
        assert!(sequencer("0055AED6DCD90281E5") > sequencer("0055aed6dcd9"));
        assert!(sequencer("00A") > sequencer("009fff"));
        assert_eq!(sequencer("00A"), sequencer("00a0"));
        assert_eq!((Sequencer::new(""), Sequencer::new("00x1")), (None, None));
    }

    #[test]
    fn successors_are_greater_and_do_not_grow() {
        for raw in ["0", "00a1", "0A1B2C3D4E5F678901", "00000000000000000fff", "ffffffffffffffffffff", &"f".repeat(64)]
        {
            let first = Sequencer::new(raw).unwrap();
            let mut last = first.clone();
            for _ in 0..1000 {
                let next = last.successor();
                assert!(next > last, "{next} follows {last}");
                last = next;
            }
            assert!(last.to_string().len() <= (raw.len().div_ceil(20) + 1) * 20, "{first}: {last}");
        }
        let uploaded = Timestamp::parse("2026-11-20T02:47:11Z").unwrap();
        assert!(Sequencer::at(uploaded) < Sequencer::new("006AFFB4AF5C1E7A0B").unwrap());
        assert_eq!(Sequencer::at(uploaded).to_string(), format!("{:010x}", uploaded.millis() / 1000));
    }

    #[test]
    fn sources_parse_what_they_print() {
        let source = SourceId { object: ObjectId::new("b", "k"), version: Sequencer::new("00a1").unwrap(), chunk: 12 };
        assert_eq!(SourceId::parse_front(&source.to_string()), Some((source.clone(), "")));
        assert_eq!(SourceId::parse_front(&format!("{source}#3")), Some((source, "3")));
        assert_eq!(SourceId::parse_front("abc"), None);
    }
}
