//! Collects the offers of one object by user and day.

use super::{Offer, OfferId};
use crate::calendar::{Day, Timestamp};
use crate::ids::UserId;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Maximum number of offers of one user on one day. It limits the size that an invalid object can give one stored item.
pub const MAX_DAILY_OFFERS: usize = 1000;

/// The result of adding an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddedOffer {
    New,
    /// An offer of the same user with the same time and id was added before.
    Duplicate,
    /// The user already has [`MAX_DAILY_OFFERS`] on this day.
    TooMany,
}

/// One user's offers of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayOffers {
    pub user: UserId,
    pub day: Day,
    /// Ascending by time and id, not empty.
    pub offers: Vec<Offer>,
}

/// Collects the offers of one source, in any order.
#[derive(Debug, Default)]
pub struct OfferBuilder {
    days: BTreeMap<(UserId, Day), BTreeMap<(Timestamp, OfferId), bool>>,
}

impl OfferBuilder {
    pub fn add(&mut self, user: UserId, offer: Offer) -> AddedOffer {
        let day = self.days.entry((user, offer.ts.day())).or_default();
        let offers = day.len();
        match day.entry((offer.ts, offer.id)) {
            Entry::Occupied(mut accepted) => {
                *accepted.get_mut() |= offer.accepted;
                AddedOffer::Duplicate
            }
            Entry::Vacant(_) if offers >= MAX_DAILY_OFFERS => AddedOffer::TooMany,
            Entry::Vacant(entry) => {
                entry.insert(offer.accepted);
                AddedOffer::New
            }
        }
    }

    /// Number of pairs of user and day. If users have few offers on a day, memory is proportional to it.
    pub fn user_days(&self) -> usize {
        self.days.len()
    }

    /// The offers, ascending by user and day.
    pub fn finish(self) -> Vec<DayOffers> {
        let offer = |((ts, id), accepted)| Offer { ts, id, accepted };
        let day = |((user, day), offers): (_, BTreeMap<_, _>)| DayOffers {
            user,
            day,
            offers: offers.into_iter().map(offer).collect(),
        };
        self.days.into_iter().map(day).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn offer(day: i32, ms: u32, id: &str, accepted: bool) -> Offer {
        Offer { ts: at(day, ms), id: OfferId::from_name(id).unwrap(), accepted }
    }

    #[test]
    fn repeated_offer_is_accepted_if_one_line_says_so() {
        let user = |name: &str| UserId::new(name).unwrap();
        let mut builder = OfferBuilder::default();
        let all = [
            ("30", offer(0, 5, "spring", false), AddedOffer::New),
            ("30", offer(0, 5, "spring", true), AddedOffer::Duplicate),
            ("30", offer(0, 5, "spring", false), AddedOffer::Duplicate),
            ("30", offer(0, 5, "autumn", false), AddedOffer::New),
            ("30", offer(1, 5, "spring", false), AddedOffer::New),
            ("29", offer(0, 5, "spring", false), AddedOffer::New),
        ];
        for (name, offer, expected) in all {
            assert_eq!(builder.add(user(name), offer), expected);
        }
        assert_eq!(builder.user_days(), 3);
        let days = builder.finish();
        assert_eq!(days.iter().map(|day| day.user.as_str()).collect::<Vec<_>>(), ["29", "30", "30"]);
        assert_eq!(days[1].offers.len(), 2);
        assert!(days[1].offers.contains(&offer(0, 5, "spring", true)));
    }

    #[test]
    fn offers_of_a_day_are_limited() {
        let mut builder = OfferBuilder::default();
        let mut add = |ms| builder.add(UserId::new("30").unwrap(), offer(0, ms, "spring", false));
        assert!((0..MAX_DAILY_OFFERS as u32).all(|ms| add(ms) == AddedOffer::New));
        assert_eq!(add(MAX_DAILY_OFFERS as u32), AddedOffer::TooMany);
        assert_eq!(add(0), AddedOffer::Duplicate);
    }
}
