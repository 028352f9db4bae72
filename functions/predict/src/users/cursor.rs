//! The cursor of `GET /users`: the place in the index after the last user of a page, for each risk level. A place exists also
//! if its user has changed since, so that users who do not change are listed exactly once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use churn_common::ids::UserId;
use churn_common::model::Risk;
use churn_common::risk::rounded;
use churn_common::store::risks::Cursor;
use serde::ser::Error;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// Risk levels without repetition, highest first; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Levels(Vec<Risk>);

impl Levels {
    /// `None` if there is no level.
    pub(super) fn new(mut levels: Vec<Risk>) -> Option<Self> {
        levels.sort_by(|a, b| b.cmp(a));
        levels.dedup();
        (!levels.is_empty()).then_some(Self(levels))
    }

    /// The levels of users at risk.
    pub(super) fn at_risk() -> Self {
        Self(vec![Risk::Critical, Risk::High])
    }

    pub(super) fn as_slice(&self) -> &[Risk] {
        &self.0
    }
}

/// As the parameter `risk_level`.
impl fmt::Display for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|level| level.as_str()).collect();
        f.write_str(&names.join(","))
    }
}

/// Version of the encoding.
const FORMAT: u8 = 1;

/// Serialised as its text.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schemas", schemars(transparent))]
pub(super) struct PageCursor(#[cfg_attr(feature = "schemas", schemars(with = "String"))] Content);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Content {
    format: u8,
    /// The query that the cursor belongs to.
    levels: Levels,
    /// The place in each of the levels, in their order; `None` = before the first user.
    places: Vec<Option<Cursor>>,
}

impl PageCursor {
    pub(super) fn new(levels: Levels, places: Vec<Option<Cursor>>) -> Self {
        Self(Content { format: FORMAT, levels, places })
    }

    /// Reads a cursor of the query for `levels`. The error is a text for the client.
    pub(super) fn parse(text: &str, levels: &Levels) -> Result<Self, String> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let content: Option<Content> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(content) = content.filter(Content::is_valid) else {
            return Err("cursor is invalid, expected next_cursor of the page before".to_owned());
        };
        if content.levels != *levels {
            let of = &content.levels;
            return Err(format!("cursor belongs to risk_level={of}, expected the parameters of the page before"));
        }
        Ok(Self(content))
    }

    pub(super) fn levels(&self) -> &Levels {
        &self.0.levels
    }

    pub(super) fn into_places(self) -> Vec<Option<Cursor>> {
        self.0.places
    }

    pub(super) fn encode(&self) -> Result<String, serde_json::Error> {
        Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&self.0)?))
    }
}

impl Content {
    /// Whether the index accepts the places. Anyone can make a cursor; it leads to no user that the list does not have.
    fn is_valid(&self) -> bool {
        let is_place = |place: &Cursor| {
            // As `score` stores it. DynamoDB rejects numbers with too many digits.
            rounded(place.probability) == place.probability
                && (1..=UserId::MAX_BYTES).contains(&place.user.as_str().len())
        };
        self.format == FORMAT
            && Levels::new(self.levels.0.clone()).as_ref() == Some(&self.levels)
            && self.places.len() == self.levels.0.len()
            && self.places.iter().any(Option::is_some)
            && self.places.iter().flatten().all(is_place)
    }
}

impl Serialize for PageCursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.encode().map_err(S::Error::custom)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::model::Probability;
    use churn_common::pseudonym::StoredUser;

    fn place(user: &str) -> Cursor {
        Cursor { probability: Probability::new(0.8123).unwrap(), user: StoredUser::from_stored(user).unwrap() }
    }

    fn encoded(json: &str) -> String {
        URL_SAFE_NO_PAD.encode(json)
    }

    #[test]
    fn cursor_is_read_back() {
        for user in ["30", "a/b?c=d&e", "عمر", &"x".repeat(UserId::MAX_BYTES)] {
            let cursor = PageCursor::new(Levels::at_risk(), vec![Some(place(user)), None]);
            let text = cursor.encode().unwrap();
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
            assert_eq!(PageCursor::parse(&text, &Levels::at_risk()).as_ref(), Ok(&cursor));
            assert_eq!(serde_json::to_value(&cursor).unwrap(), text);
        }
    }

    #[test]
    fn cursor_of_another_query_is_an_error() {
        let text = PageCursor::new(Levels::at_risk(), vec![Some(place("30")), None]).encode().unwrap();
        let other = Levels::new(vec![Risk::High]).unwrap();
        let expected = "cursor belongs to risk_level=critical,high, expected the parameters of the page before";
        assert_eq!(PageCursor::parse(&text, &other), Err(expected.to_owned()));
    }

    #[test]
    fn altered_cursor_is_an_error() {
        let valid = r#"{"format":1,"levels":["critical","high"],"places":[{"probability":0.5,"user":"30"},null]}"#;
        assert!(PageCursor::parse(&encoded(valid), &Levels::at_risk()).is_ok());
        let long = "x".repeat(UserId::MAX_BYTES + 1);
        let altered = [
            valid.replace("\"format\":1", "\"format\":2"),
            valid.replace("\"critical\",\"high\"", "\"high\",\"critical\""),
            valid.replace("\"critical\",\"high\"", "\"critical\",\"critical\""),
            valid.replace("\"critical\",\"high\"", ""),
            valid.replace("high", "highest"),
            valid.replace(",null", ""),
            valid.replace(",null", ",null,null"),
            valid.replace("0.5", "1.5"),
            valid.replace("0.5", "1e-300"),
            valid.replace("0.5", "0.12345"),
            valid.replace("0.5", "\"0.5\""),
            valid.replace("30", ""),
            valid.replace("30", &long),
            valid.replace("{\"probability\":0.5,\"user\":\"30\"}", "null"),
            valid.replace("]}", ""),
            "[]".to_owned(),
            String::new(),
        ];
        let invalid = Err("cursor is invalid, expected next_cursor of the page before".to_owned());
        for json in altered {
            assert_eq!(PageCursor::parse(&encoded(&json), &Levels::at_risk()), invalid, "{json}");
        }
        for text in ["", "30", "%", &encoded(valid)[1..], &format!("{}=", encoded(valid)), valid] {
            assert_eq!(PageCursor::parse(text, &Levels::at_risk()), invalid, "{text}");
        }
    }
}
