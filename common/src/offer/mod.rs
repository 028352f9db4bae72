//! Outcomes of offers: which offer a user received, when, and whether the user accepted it.

mod builder;
#[cfg(feature = "stores")]
mod encoding;

pub use builder::{AddedOffer, DayOffers, MAX_DAILY_OFFERS, OfferBuilder};
#[cfg(feature = "stores")]
pub(crate) use encoding::{decode, encode};

use crate::calendar::Timestamp;

/// The prefix of objects with outcomes of offers in the logs bucket. Other objects are logs.
pub const OFFERS: &str = "offers/";

/// The outcome of one offer to one user.
///
/// Time and id identify the offer of a user. If several lines have the same ones, the user accepted the offer if one of them says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub ts: Timestamp,
    pub id: OfferId,
    pub accepted: bool,
}

/// A hash of the id of an offer: the id itself may contain personal data, and only its identity is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferId(u64);

impl OfferId {
    /// `None` if the id is blank.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim();
        (!name.is_empty()).then(|| Self(twox_hash::XxHash64::oneshot(0, name.as_bytes())))
    }
}

/// Whether an object with this key has outcomes of offers.
pub fn is_offers_key(key: &str) -> bool {
    key.starts_with(OFFERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_have_their_prefix() {
        assert!(is_offers_key("offers/2026-11.json"));
        assert!(!is_offers_key("logs/offers/a.json") && !is_offers_key("offers.json"));
    }

    #[test]
    fn blank_ids_identify_no_offer() {
        assert_eq!((OfferId::from_name(" "), OfferId::from_name("")), (None, None));
        assert_eq!(OfferId::from_name(" spring "), OfferId::from_name("spring"));
        assert_ne!(OfferId::from_name("spring"), OfferId::from_name("autumn"));
    }
}
