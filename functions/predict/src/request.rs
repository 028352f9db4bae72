//! The body of `POST /predict`.

use crate::problem::Problem;
use crate::settings::PredictSettings;
use churn_common::calendar::Timestamp;
use churn_common::event::{Event, Line};
use churn_common::ids::UserId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A request that can be scored.
#[derive(Debug)]
pub(crate) struct PredictRequest<'a> {
    pub(crate) user: UserId,
    /// Whether the user's stored history is read: the request names the user.
    pub(crate) use_stored: bool,
    /// The accepted events, all of this user.
    pub(crate) events: Vec<Event<'a>>,
    pub(crate) rejected: Vec<RejectedEvent>,
    /// Number of events without a user.
    pub(crate) without_user: usize,
    pub(crate) as_of: Option<Timestamp>,
}

/// An event of the request that breaks a rule of the log format, such as a time in the future.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedEvent {
    /// Position in `events`, from 0.
    pub index: usize,
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    events: Option<Vec<&'a RawValue>>,
    user_id: Option<Value>,
    as_of: Option<Value>,
}

/// Parses and cleans a body. Events pass the same rules as at ingest.
pub(crate) fn parse<'a>(
    body: &'a [u8],
    settings: &PredictSettings,
    now: Timestamp,
) -> Result<PredictRequest<'a>, Problem> {
    let body: Body<'a> = serde_json::from_slice(body).map_err(|e| Problem::Malformed(e.to_string()))?;
    let latest = Timestamp::from_millis(now.millis() + i64::from(settings.max_clock_skew_seconds) * 1000);
    let named = body.user_id.map(user_id_of).transpose()?;
    let as_of = body.as_of.map(|value| as_of(&value, latest)).transpose()?;
    if named.is_none() && body.events.is_none() {
        return Err(Problem::Malformed("neither events nor user_id is given".into()));
    }

    let (mut events, mut rejected, mut without_user) = (Vec::new(), Vec::new(), 0);
    for (index, raw) in body.events.unwrap_or_default().into_iter().enumerate() {
        match Line::parse(raw.get().as_bytes(), latest) {
            Line::Event(event) => events.push((index, event)),
            Line::Unattributable => without_user += 1,
            Line::Rejected(why) if why.is_malformed() => {
                return Err(Problem::Malformed(format!("events[{index}]: {why}")));
            }
            Line::Rejected(why) => rejected.push(RejectedEvent { index, reason: why.to_string() }),
        }
    }
    let use_stored = named.is_some();
    let user = named.or_else(|| events.first().map(|(_, event)| event.user.clone())).ok_or_else(|| {
        Problem::NothingUsable(format!(
            "none of the events can be scored: {without_user} have no user, {} cannot be believed{}",
            rejected.len(),
            rejected.first().map(|r| format!(", such as events[{}]: {}", r.index, r.reason)).unwrap_or_default(),
        ))
    })?;
    if let Some((index, event)) = events.iter().find(|(_, event)| event.user != user) {
        let other = &event.user;
        return Err(Problem::Malformed(format!("events[{index}] is of user {other}, the others are of {user}")));
    }
    let events = events.into_iter().map(|(_, event)| event).collect();
    Ok(PredictRequest { user, use_stored, events, rejected, without_user, as_of })
}

fn user_id_of(value: Value) -> Result<UserId, Problem> {
    let name = match &value {
        Value::String(name) => name.clone(),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => return Err(Problem::Malformed(format!("user_id is {value}, it must be text or a whole number"))),
    };
    user_id(&name)
}

/// The user id `name`, by the same rules as at ingest.
pub(crate) fn user_id(name: &str) -> Result<UserId, Problem> {
    if name.len() > UserId::MAX_BYTES {
        return Err(Problem::Malformed(format!("user_id is longer than {} bytes", UserId::MAX_BYTES)));
    }
    UserId::new(name).ok_or_else(|| Problem::Malformed(format!("user_id is {name:?}, which names nobody")))
}

fn as_of(value: &Value, latest: Timestamp) -> Result<Timestamp, Problem> {
    let moment = match value {
        Value::String(text) => Timestamp::parse(text),
        Value::Number(number) => number.as_i64().map(Timestamp::from_millis),
        _ => None,
    };
    match moment {
        None => Err(Problem::Malformed(format!(
            "as_of is {value}, it must be RFC 3339, a date (YYYY-MM-DD) or milliseconds since 1970"
        ))),
        Some(moment) if moment > latest => {
            Err(Problem::Malformed(format!("as_of is {value}, which lies in the future")))
        }
        Some(moment) if moment.millis() < 1 => {
            Err(Problem::Malformed(format!("as_of is {value}, which is not positive")))
        }
        Some(moment) => Ok(moment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_600_000_000_000);
    const EVENT: &str = r#"{"ts":1538352117000,"userId":"30","sessionId":29,"page":"NextSong"}"#;

    fn parse(body: &str) -> Result<PredictRequest<'_>, Problem> {
        super::parse(body.as_bytes(), &PredictSettings::default(), NOW)
    }

    fn malformed(body: &str) -> String {
        match parse(body) {
            Err(Problem::Malformed(why)) => why,
            other => panic!("{body} is {other:?}"),
        }
    }

    #[test]
    fn events_or_a_user_or_both() {
        let body = format!(r#"{{"events":[{EVENT}]}}"#);
        let q = parse(&body).unwrap();
        assert_eq!((q.user.as_str(), q.use_stored, q.events.len()), ("30", false, 1));
        let body = format!(r#"{{"user_id":30,"events":[{EVENT}],"as_of":"2018-11-01"}}"#);
        let q = parse(&body).unwrap();
        assert_eq!((q.user.as_str(), q.use_stored, q.as_of), ("30", true, Timestamp::parse("2018-11-01")));
        assert!(parse(r#"{"user_id":"30"}"#).unwrap().events.is_empty());
    }

    #[test]
    fn errors_name_the_malformed_part() {
        assert!(malformed("{").contains("line 1 column 1"));
        assert!(malformed("{}").contains("neither events nor user_id"));
        assert!(malformed(r#"{"event":[]}"#).contains("unknown field `event`"));
        assert!(malformed(r#"{"events":[{"ts":1}]}"#).starts_with("events[0]: page is missing"));
        assert!(malformed(&format!(r#"{{"events":[{EVENT},7]}}"#)).starts_with("events[1]: not a JSON object"));
        let other = EVENT.replace("\"30\"", "\"31\"");
        assert!(malformed(&format!(r#"{{"events":[{EVENT},{other}]}}"#)).contains("events[1] is of user 31"));
        assert!(malformed(&format!(r#"{{"user_id":"31","events":[{EVENT}]}}"#)).contains("events[0] is of user 30"));
        assert!(malformed(r#"{"user_id":true}"#).contains("user_id is true"));
        assert!(malformed(&format!(r#"{{"user_id":"{}"}}"#, "x".repeat(3000))).contains("longer than 1024 bytes"));
        assert!(malformed(r#"{"user_id":""}"#).contains("names nobody"));
        assert!(malformed(r#"{"user_id":"30","as_of":"soon"}"#).contains("RFC 3339"));
        assert!(malformed(r#"{"user_id":"30","as_of":"2121-01-01"}"#).contains("future"));
    }

    #[test]
    fn rejected_events_are_listed_and_a_request_without_a_usable_event_is_an_error() {
        let late = EVENT.replace("1538352117000", "1700000000000");
        let body = format!(r#"{{"events":[{late},{EVENT}]}}"#);
        let q = parse(&body).unwrap();
        assert_eq!(q.rejected, [RejectedEvent { index: 0, reason: "ts lies in the future".into() }]);
        let without_user = EVENT.replace("\"30\"", "\"\"");
        for body in [
            format!(r#"{{"events":[{late}]}}"#),
            format!(r#"{{"events":[{without_user}]}}"#),
            r#"{"events":[]}"#.into(),
        ] {
            assert!(matches!(parse(&body), Err(Problem::NothingUsable(_))), "{body}");
        }
    }
}
