//! A place in an index that is sorted by probability.

use super::item::{Item, PROBABILITY, USER, user};
use crate::model::Probability;
use crate::pseudonym::StoredUser;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

/// The place of a user in an index. A list continues after it, also if the user has left the place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    pub probability: Probability,
    pub user: StoredUser,
}

impl Cursor {
    /// From an item or from a last key of an index.
    pub(super) fn from_key(key: &Item) -> Option<Self> {
        let probability = key.get(PROBABILITY)?.as_n().ok()?.parse().ok().and_then(Probability::new)?;
        Some(Self { probability, user: user(key)? })
    }

    /// The key in the index whose partition key `attribute` is `value`.
    pub(super) fn start_key(&self, attribute: &str, value: &str) -> Item {
        Item::from([
            (attribute.to_owned(), AttributeValue::S(value.to_owned())),
            (PROBABILITY.to_owned(), AttributeValue::N(self.probability.get().to_string())),
            (USER.to_owned(), AttributeValue::S(self.user.to_string())),
        ])
    }
}
