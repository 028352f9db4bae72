//! Lines of objects with outcomes of offers. Ids and times are parsed as in logs.

use super::raw::{InvalidType, Scalar, invalid_type, read_object};
use super::{Rejection, TimeRange, non_finite};
use crate::ids::UserId;
use crate::offer::{Offer, OfferId};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The result of parsing a line.
#[derive(Debug, Clone, PartialEq)]
pub enum OfferLine {
    Offer(UserId, Offer),
    /// A well-formed offer without a user, as [`Line::WithoutUser`](super::Line::WithoutUser).
    WithoutUser,
    Rejected(Rejection),
}

/// The fields before validation. Others are ignored.
#[derive(Deserialize)]
struct RawOffer<'a> {
    #[serde(borrow, default)]
    ts: Scalar<'a>,
    #[serde(borrow, default, alias = "userId")]
    user_id: Scalar<'a>,
    #[serde(borrow, default, alias = "offerId")]
    offer_id: Scalar<'a>,
    #[serde(borrow, default)]
    accepted: Option<&'a RawValue>,
}

impl OfferLine {
    /// Parses one line. Times outside of `times` are rejected.
    pub fn parse(line: &[u8], times: TimeRange) -> Self {
        let text = non_finite::as_null(line);
        match read_object::<RawOffer<'_>>(&text).and_then(|raw| raw.validate(times)) {
            Ok(Some((user, offer))) => Self::Offer(user, offer),
            Ok(None) => Self::WithoutUser,
            Err(rejection) => Self::Rejected(rejection),
        }
    }
}

impl RawOffer<'_> {
    /// `Ok(None)` is an offer without a user.
    fn validate(self, times: TimeRange) -> Result<Option<(UserId, Offer)>, Rejection> {
        let ts = self.ts.time(times)?;
        let id = self.offer_id.name().map_err(invalid_type("offer_id"))?;
        let id = id.and_then(|name| OfferId::from_name(&name)).ok_or(Rejection::Missing("offer_id"))?;
        let accepted = boolean(self.accepted).map_err(invalid_type("accepted"))?;
        let accepted = accepted.ok_or(Rejection::Missing("accepted"))?;
        Ok(self.user_id.user()?.map(|user| (user, Offer { ts, id, accepted })))
    }
}

/// A boolean, the numbers 0 and 1, or these as text in any case. Null and blank text count as absent.
fn boolean(json: Option<&RawValue>) -> Result<Option<bool>, InvalidType> {
    let text = json.map_or("null", RawValue::get).trim_matches('"').trim();
    match text.to_ascii_lowercase().as_str() {
        "" | "null" => Ok(None),
        "true" | "1" | "1.0" => Ok(Some(true)),
        "false" | "0" | "0.0" => Ok(Some(false)),
        _ => Err(InvalidType),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calendar::Timestamp;

    const TIMES: TimeRange =
        TimeRange { earliest: TimeRange::DEFAULT_MIN_DATE.start(), latest: Timestamp::from_millis(2_000_000_000_000) };

    fn parse(line: &str) -> OfferLine {
        OfferLine::parse(line.as_bytes(), TIMES)
    }

    fn offer(accepted: bool) -> OfferLine {
        let ts = Timestamp::from_millis(1_538_352_117_000);
        let id = OfferId::from_name("spring").unwrap();
        OfferLine::Offer(UserId::new("30").unwrap(), Offer { ts, id, accepted })
    }

    #[test]
    fn names_and_types_of_logs_are_accepted() {
        for line in [
            r#"{"user_id":"30","ts":1538352117000,"offer_id":"spring","accepted":true}"#,
            r#"{"userId":30,"ts":"1538352117000","offerId":" spring ","accepted":"True","campaign":{"id":[1]}}"#,
            r#"{"userId":30.0,"ts":1538352117000.0,"offer_id":"spring","accepted":1,"score":NaN}"#,
        ] {
            assert_eq!(parse(line), offer(true), "{line}");
        }
        for accepted in ["false", "0", "\"0\"", "\"FALSE\"", "0.0"] {
            let line = format!(r#"{{"user_id":"30","ts":1538352117000,"offer_id":"spring","accepted":{accepted}}}"#);
            assert_eq!(parse(&line), offer(false), "{line}");
        }
        let without_user = r#"{"user_id":null,"ts":1538352117000,"offer_id":7,"accepted":true}"#;
        assert_eq!(parse(without_user), OfferLine::WithoutUser);
    }

    #[test]
    fn invalid_lines_are_rejected_with_a_code() {
        for (line, code) in [
            ("", "empty_line"),
            ("[1]", "not_an_object"),
            ("{", "not_json"),
            (r#"{"user_id":"30","userId":"31","ts":1538352117000,"offer_id":"a","accepted":true}"#, "not_json"),
            (r#"{"user_id":"30","offer_id":"a","accepted":true}"#, "missing_ts"),
            (r#"{"user_id":"30","ts":1538352117,"offer_id":"a","accepted":true}"#, "ts_in_seconds"),
            (r#"{"user_id":"30","ts":"2018-10-01T00:00:00Z","offer_id":"a","accepted":true}"#, "ts_iso_8601"),
            (r#"{"user_id":"30","ts":1538352117000,"accepted":true}"#, "missing_offer_id"),
            (r#"{"user_id":"30","ts":1538352117000,"offer_id":{},"accepted":true}"#, "invalid_type_offer_id"),
            (r#"{"user_id":"30","ts":1538352117000,"offer_id":"a"}"#, "missing_accepted"),
            (r#"{"user_id":"30","ts":1538352117000,"offer_id":"a","accepted":null}"#, "missing_accepted"),
            (r#"{"user_id":"30","ts":1538352117000,"offer_id":"a","accepted":"maybe"}"#, "invalid_type_accepted"),
            (r#"{"user_id":[30],"ts":1538352117000,"offer_id":"a","accepted":true}"#, "invalid_type_userId"),
        ] {
            let OfferLine::Rejected(rejection) = parse(line) else { panic!("{line}") };
            assert_eq!(rejection.code(), code, "{line}: {rejection}");
        }
    }
}
