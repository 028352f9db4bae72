//! Where a page of a list ends, as text that a caller sends back.

use super::item::{Item, PROBABILITY, USER, user};
use crate::pseudonym::StoredUser;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

/// The last user of a page. Its text is unpadded base64url of the probability, a space and the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    probability: String,
    user: StoredUser,
}

impl Cursor {
    /// `None` if the text is not that of a cursor.
    pub fn parse(text: &str) -> Option<Self> {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (probability, user) = decoded.split_once(' ')?;
        // DynamoDB rejects a key that is no number.
        probability.parse::<f64>().ok().filter(|p| (0.0..=1.0).contains(p))?;
        Some(Self { probability: probability.to_owned(), user: StoredUser::from_stored(user)? })
    }

    /// From the last key of an index.
    pub(super) fn from_key(key: &Item) -> Option<Self> {
        Some(Self { probability: key.get(PROBABILITY)?.as_n().ok()?.clone(), user: user(key)? })
    }

    /// The key in the index whose partition key `attribute` is `value`.
    pub(super) fn start_key(&self, attribute: &str, value: &str) -> Item {
        Item::from([
            (attribute.to_owned(), AttributeValue::S(value.to_owned())),
            (PROBABILITY.to_owned(), AttributeValue::N(self.probability.clone())),
            (USER.to_owned(), AttributeValue::S(self.user.to_string())),
        ])
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{} {}", self.probability, self.user)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_read_back_from_its_text() {
        let user = StoredUser::from_stored("مستخدم 30").unwrap();
        let cursor = Cursor { probability: "0.1234".into(), user };
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        for invalid in ["", "x", "!", "MC41", &URL_SAFE_NO_PAD.encode("a 30"), &URL_SAFE_NO_PAD.encode("2 30")] {
            assert_eq!(Cursor::parse(invalid), None, "{invalid}");
        }
    }
}
