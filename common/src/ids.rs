//! Names of users, sessions and sources.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;
use std::fmt;

/// A user as the log names them; never empty. Names of up to 23 bytes take no memory besides.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(SmolStr);

impl UserId {
    /// Longest name, in bytes; what DynamoDB takes for a key is twice that.
    pub const MAX_BYTES: usize = 1024;

    /// `None` for the spellings of "nobody" that logs use for events before login.
    pub fn new(name: &str) -> Option<Self> {
        let name = name.trim();
        (!name.is_empty() && name != "None").then(|| Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A session of one user. Not unique across users: the key is `(user, session)`.
///
/// Numbers below 2^63 stand for themselves; any other name is hashed into the upper half of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(u64);

impl SessionId {
    const HASHED: u64 = 1 << 63;

    /// From a session number.
    pub const fn from_number(number: u64) -> Self {
        Self(number & !Self::HASHED)
    }

    /// From a session's name; `None` if it is blank.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim();
        match name.parse::<u64>() {
            Ok(number) if number < Self::HASHED => Some(Self(number)),
            _ if name.is_empty() => None,
            _ => Some(Self(twox_hash::XxHash64::oneshot(0, name.as_bytes()) | Self::HASHED)),
        }
    }
}

/// One source of slices: an S3 object, or one part of it, or a request.
///
/// 32 hexadecimal digits, the first 128 bits of a SHA-256, so that it fits a sort key whatever the length of the object's
/// name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(Box<str>);

impl SourceId {
    /// The source for part `part` of the version `version` of the object `s3://bucket/key`.
    pub fn of_object(bucket: &str, key: &str, version: &str, part: u32) -> Self {
        // A length before each name keeps ("a", "b/c") and ("a/b", "c") apart.
        let name = format!("{}:{bucket}{}:{key}{version}:{part}", bucket.len(), key.len());
        let digest = Sha256::digest(name.as_bytes());
        Self(hex(&digest).chars().take(32).collect())
    }

    /// The source of events that came with a request and are stored nowhere.
    pub fn request() -> Self {
        Self("request".into())
    }

    /// Reads back what [`Display`](fmt::Display) wrote.
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lower-case hexadecimal digits of `bytes`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_no_id() {
        for name in ["", "  ", "None"] {
            assert_eq!(UserId::new(name), None);
        }
        assert_eq!(UserId::new(" 30 ").unwrap().as_str(), "30");
    }

    #[test]
    fn session_names_are_numbers_or_hashes() {
        assert_eq!(SessionId::from_name("29"), Some(SessionId::from_number(29)));
        assert_ne!(SessionId::from_name("a3f1-77"), SessionId::from_name("a3f1-78"));
        assert_eq!(SessionId::from_name(" "), None);
    }

    #[test]
    fn sources_differ_by_bucket_key_and_part() {
        let ids: std::collections::BTreeSet<_> =
            [("a", "b/c", 0), ("a/b", "c", 0), ("a", "b/c", 1), ("a", "b/c1", 0), ("a", "b/c", 11)]
                .map(|(b, k, p)| SourceId::of_object(b, k, "00a1", p))
                .into();
        assert_eq!(ids.len(), 5);
        assert!(!ids.contains(&SourceId::of_object("a", "b/c", "00a2", 0)));
        assert!(ids.iter().all(|id| id.to_string().len() == 32));
    }
}
