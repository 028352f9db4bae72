//! The stored form of a day's offers: one version byte, then postcard.

use super::{Offer, OfferId};
use crate::calendar::{Day, Timestamp};

const VERSION: u8 = 1;

/// Why stored bytes cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("stored offers have another format version than {VERSION}")]
    Version,
    #[error("stored offers are damaged: {0}")]
    Damaged(&'static str),
}

/// Milliseconds since the start of the day, id, and whether the user accepted.
type Wire = (u32, u64, bool);

/// Encodes a day's offers.
pub(crate) fn encode(offers: &[Offer]) -> postcard::Result<Vec<u8>> {
    let wire: Vec<Wire> = offers.iter().map(|o| (o.ts.millis_of_day(), o.id.0, o.accepted)).collect();
    postcard::to_extend(&wire, vec![VERSION])
}

/// Decodes the offers that [`encode`] wrote for `day`.
pub(crate) fn decode(day: Day, bytes: &[u8]) -> Result<Vec<Offer>, DecodeError> {
    let Some((&VERSION, body)) = bytes.split_first() else { return Err(DecodeError::Version) };
    let (wire, rest) =
        postcard::take_from_bytes::<Vec<Wire>>(body).map_err(|_| DecodeError::Damaged("invalid postcard"))?;
    if !rest.is_empty() {
        return Err(DecodeError::Damaged("trailing bytes"));
    }
    let offer = |(ms, id, accepted): Wire| {
        let ts = Timestamp::from_millis(day.start().millis() + i64::from(ms));
        let is_within = ts.day() == day;
        is_within.then_some(Offer { ts, id: OfferId(id), accepted }).ok_or(DecodeError::Damaged("time outside the day"))
    };
    wire.into_iter().map(offer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    #[test]
    fn offers_are_decoded_as_they_were() {
        let offer = |ms, id, accepted| Offer { ts: at(3, ms), id: OfferId(id), accepted };
        let offers = [offer(0, 7, true), offer(86_399_999, u64::MAX, false)];
        let bytes = encode(&offers).unwrap();
        assert_eq!(decode(at(3, 0).day(), &bytes).unwrap(), offers);
        assert_eq!(decode(at(3, 0).day(), &[]), Err(DecodeError::Version));
        assert_eq!(decode(at(3, 0).day(), &[9, 0]), Err(DecodeError::Version));
        let damaged = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode(at(3, 0).day(), &damaged), Err(DecodeError::Damaged("trailing bytes")));
        let late = postcard::to_extend(&vec![(86_400_000u32, 1u64, true)], vec![VERSION]).unwrap();
        assert_eq!(decode(at(3, 0).day(), &late), Err(DecodeError::Damaged("time outside the day")));
    }
}
