//! What the lines of an object are: events, or outcomes of offers below `offers/`.

use churn_common::calendar::Timestamp;
use churn_common::event::{Line, OfferLine, Rejection, TimeRange};
use churn_common::ids::SourceId;
use churn_common::offer::{AddedOffer, MAX_DAILY_OFFERS, OfferBuilder, is_offers_key};
use churn_common::session::{Added, MAX_EVENTS, SliceBuilder};
use churn_common::store::erasures::ErasedUsers;
use churn_common::store::histories::StoredItem;
use churn_common::store::{StoreError, Stores};

/// The content of a chunk, collected line by line.
pub enum Content {
    Events(SliceBuilder),
    Offers(OfferBuilder),
}

/// The result of one line.
pub enum Parsed {
    New,
    Duplicate,
    WithoutUser,
    /// Of an erased user, from before the erasure.
    Erased,
    Rejected(Rejection),
}

impl Content {
    /// Empty, for the object with this key.
    pub fn of_object(key: &str) -> Self {
        if is_offers_key(key) { Self::Offers(OfferBuilder::default()) } else { Self::Events(SliceBuilder::default()) }
    }

    pub fn has_events(&self) -> bool {
        matches!(self, Self::Events(_))
    }

    /// Number of slices, or of days with offers of a user.
    pub fn len(&self) -> usize {
        match self {
            Self::Events(slices) => slices.slices(),
            Self::Offers(offers) => offers.user_days(),
        }
    }

    /// Whether the line is not rejected on its own.
    pub fn is_valid(&self, line: &[u8], times: TimeRange) -> bool {
        match self {
            Self::Events(_) => !matches!(Line::parse(line, times), Line::Rejected(_)),
            Self::Offers(_) => !matches!(OfferLine::parse(line, times), OfferLine::Rejected(_)),
        }
    }

    /// Parses a line and adds its content.
    pub fn add(&mut self, line: &[u8], times: TimeRange, erased: &ErasedUsers) -> Parsed {
        match self {
            Self::Events(slices) => match Line::parse(line, times) {
                Line::Rejected(rejection) => Parsed::Rejected(rejection),
                Line::WithoutUser => Parsed::WithoutUser,
                Line::Event(event) if erased.covers(&event.user, event.ts) => Parsed::Erased,
                Line::Event(event) => match slices.add(&event) {
                    Added::TooMany => Parsed::Rejected(Rejection::SessionTooLong { limit: MAX_EVENTS }),
                    Added::Duplicate => Parsed::Duplicate,
                    Added::New => Parsed::New,
                },
            },
            Self::Offers(offers) => match OfferLine::parse(line, times) {
                OfferLine::Rejected(rejection) => Parsed::Rejected(rejection),
                OfferLine::WithoutUser => Parsed::WithoutUser,
                OfferLine::Offer(user, offer) if erased.covers(&user, offer.ts) => Parsed::Erased,
                OfferLine::Offer(user, offer) => match offers.add(user, offer) {
                    AddedOffer::TooMany => Parsed::Rejected(Rejection::TooManyOffers { limit: MAX_DAILY_OFFERS }),
                    AddedOffer::Duplicate => Parsed::Duplicate,
                    AddedOffer::New => Parsed::New,
                },
            },
        }
    }

    /// The items of `source` that hold the content. They expire as in
    /// [`Histories::items`](churn_common::store::histories::Histories::items).
    pub fn items(
        self,
        stores: &Stores,
        source: &SourceId,
        delivered_at: Timestamp,
        retention_days: Option<u16>,
    ) -> Result<Vec<StoredItem>, StoreError> {
        match self {
            Self::Events(slices) => stores.histories.items(source, &slices.finish(), delivered_at, retention_days),
            Self::Offers(offers) => {
                stores.histories.offer_items(source, &offers.finish(), delivered_at, retention_days)
            }
        }
    }
}
