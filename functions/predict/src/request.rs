//! The JSON of `POST /predict`.

use crate::problem::Problem;
use crate::settings::PredictSettings;
use churn_common::calendar::Timestamp;
use churn_common::event::{Event, Line, TimeRange, parse_array, user_id_name};
use churn_common::ids::UserId;
use churn_common::payload::describe;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A request that can be scored.
#[derive(Debug)]
pub(crate) struct PredictRequest<'a> {
    pub(crate) user: UserId,
    /// Whether the user's stored history is read: the request has a `user_id`.
    pub(crate) use_stored: bool,
    /// The accepted events. All are of `user`.
    pub(crate) events: Vec<Event<'a>>,
    pub(crate) rejected: Vec<RejectedEvent>,
    /// Number of events without a user.
    pub(crate) without_user: usize,
    pub(crate) as_of: Option<Timestamp>,
}

/// An event of the request that is well-formed but not plausible, such as one in the future.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct RejectedEvent {
    /// Position in `events`, from 0.
    pub index: usize,
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body<'a> {
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    #[serde(borrow)]
    user_id: Option<&'a RawValue>,
    as_of: Option<Value>,
    /// The result of each event, if [`scan`] has read them. `events` is `None` then.
    #[serde(skip)]
    scanned: Option<Vec<Line<'a>>>,
}

/// Parses and validates a body. The rules for events are those of `ingest`.
pub(crate) fn parse<'a>(
    body: &'a str,
    settings: &PredictSettings,
    now: Timestamp,
) -> Result<PredictRequest<'a>, Problem> {
    let times = TimeRange::new(settings.min_event_date, now, settings.max_clock_skew_seconds);
    let body = scan(body, times).map_or_else(|| read(body), Ok)?;
    let user_id = body.user_id.map(parse_user_id).transpose()?;
    let as_of = body.as_of.map(|value| parse_as_of(&value, times)).transpose()?;
    let lines = match (body.scanned, body.events) {
        (Some(lines), _) => lines,
        (None, Some(events)) => list(events)?.iter().map(|raw| Line::parse(raw.get().as_bytes(), times)).collect(),
        (None, None) if user_id.is_none() => {
            return Err(Problem::InvalidRequest("events and user_id are both missing, expected at least one".into()));
        }
        (None, None) => Vec::new(),
    };

    let use_stored = user_id.is_some();
    let (mut user, mut other_user) = (user_id, None);
    let (mut events, mut rejected, mut without_user) = (Vec::with_capacity(lines.len()), Vec::new(), 0);
    for (index, line) in lines.into_iter().enumerate() {
        match line {
            Line::Event(event) => {
                let user = user.get_or_insert_with(|| event.user.clone());
                if *user != event.user && other_user.is_none() {
                    other_user = Some((index, event.user.clone()));
                }
                events.push(event);
            }
            Line::WithoutUser => without_user += 1,
            Line::Rejected(reason) if reason.is_malformed() => {
                return Err(Problem::InvalidRequest(format!("events[{index}]: {reason}")));
            }
            Line::Rejected(reason) => rejected.push(RejectedEvent { index, reason: reason.to_string() }),
        }
    }
    let user = user.ok_or_else(|| {
        let first = rejected.first().map(|r| format!(" (events[{}]: {})", r.index, r.reason)).unwrap_or_default();
        let rejected = rejected.len();
        Problem::NoScorableEvents(format!("events without a user: {without_user}, rejected events: {rejected}{first}"))
    })?;
    if let Some((index, other)) = other_user {
        return Err(Problem::InvalidRequest(format!("events[{index}]: user {other}, expected {user}")));
    }
    Ok(PredictRequest { user, use_stored, events, rejected, without_user, as_of })
}

/// Reads a body in the usual form in one pass. `None` if [`read`] must read it, such as a body with an error.
fn scan(body: &str, times: TimeRange) -> Option<Body<'_>> {
    let mut scanned = Body { events: None, user_id: None, as_of: None, scanned: None };
    let mut rest = trim(body).strip_prefix('{')?;
    loop {
        let (name, value) = trim(rest).strip_prefix('"')?.split_once('"')?;
        let value = trim(trim(value).strip_prefix(':')?);
        rest = match name {
            "events" if scanned.scanned.is_none() => {
                let (lines, rest) = parse_array(value, times)?;
                scanned.scanned = Some(lines);
                rest
            }
            "user_id" if scanned.user_id.is_none() => {
                let (json, rest) = first_value(value)?;
                scanned.user_id = Some(json);
                rest
            }
            "as_of" if scanned.as_of.is_none() => {
                let (json, rest) = first_value(value)?;
                scanned.as_of = Some(serde_json::from_str(json.get()).ok()?);
                rest
            }
            _ => return None,
        };
        rest = trim(rest);
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return (trim(rest.strip_prefix('}')?).is_empty()).then_some(scanned),
        }
    }
}

/// The JSON value at the start of `text`, and the text after it. `None` for `null`, which counts as absent.
fn first_value(text: &str) -> Option<(&RawValue, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let value = values.next()?.ok()?;
    (value.get() != "null").then_some((value, text.get(values.byte_offset()..)?))
}

/// Without white space of JSON at the start.
fn trim(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}

fn read(body: &str) -> Result<Body<'_>, Problem> {
    let invalid = |detail: String| Err(Problem::InvalidRequest(detail));
    let expected = "expected a JSON object with events, user_id or both";
    // serde would also accept an array of the members' values.
    match body.trim_ascii_start().as_bytes().first() {
        None => invalid(format!("the body is empty, {expected}")),
        Some(b'{') => serde_json::from_str(body).or_else(|error| match error.is_data() {
            true => invalid(error.to_string()),
            false => invalid(format!("the body is not JSON: {error}")),
        }),
        Some(_) => match serde_json::from_str::<Value>(body) {
            Ok(value) => invalid(format!("the body is {}, {expected}", describe(&value))),
            Err(error) => invalid(format!("the body is not JSON: {error}")),
        },
    }
}

fn list(events: &RawValue) -> Result<Vec<&RawValue>, Problem> {
    serde_json::from_str(events.get()).map_err(|_| {
        let value: Value = serde_json::from_str(events.get()).unwrap_or_default();
        Problem::InvalidRequest(format!("events is {}, expected an array", describe(&value)))
    })
}

fn parse_user_id(json: &RawValue) -> Result<UserId, Problem> {
    match user_id_name(json.get()) {
        Some(name) => user_id(&name),
        None => Err(Problem::InvalidRequest("user_id must be a string or an integer".into())),
    }
}

/// The user id `name`. The rules are those of `ingest`.
pub(crate) fn user_id(name: &str) -> Result<UserId, Problem> {
    if name.len() > UserId::MAX_BYTES {
        return Err(Problem::InvalidRequest(format!("user_id is longer than {} bytes", UserId::MAX_BYTES)));
    }
    UserId::new(name).ok_or_else(|| {
        Problem::InvalidRequest(format!("user_id must not be blank or the name of a missing value, got {name:?}"))
    })
}

fn parse_as_of(value: &Value, times: TimeRange) -> Result<Timestamp, Problem> {
    let ms = match value {
        Value::String(text) => Timestamp::parse(text).map(|time| time.millis() as f64),
        Value::Number(number) => number.as_f64(),
        _ => None,
    };
    match ms.map(|ms| times.check(ms)) {
        None => Err(Problem::InvalidRequest(format!(
            "as_of is {value}, expected an RFC 3339 time, a date (YYYY-MM-DD) or milliseconds since 1970-01-01"
        ))),
        Some(Err(reason)) => Err(Problem::InvalidRequest(format!("as_of {reason}"))),
        Some(Ok(as_of)) => Ok(as_of),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_600_000_000_000);
    const EVENT: &str = r#"{"ts":1538352117000,"userId":"30","sessionId":29,"page":"NextSong"}"#;

    fn parse(body: &str) -> Result<PredictRequest<'_>, Problem> {
        super::parse(body, &PredictSettings::default(), NOW)
    }

    fn detail(body: &str) -> String {
        match parse(body) {
            Err(Problem::InvalidRequest(detail)) => detail,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn request_has_events_or_a_user_or_both() {
        let body = format!(r#"{{"events":[{EVENT}]}}"#);
        let request = parse(&body).unwrap();
        assert_eq!((request.user.as_str(), request.use_stored, request.events.len()), ("30", false, 1));
        let body = format!(r#"{{"user_id":30,"events":[{EVENT}],"as_of":"2018-11-01"}}"#);
        let request = parse(&body).unwrap();
        assert_eq!(
            (request.user.as_str(), request.use_stored, request.as_of),
            ("30", true, Timestamp::parse("2018-11-01"))
        );
        assert!(parse(r#"{"user_id":"30"}"#).unwrap().events.is_empty());
    }

    #[test]
    fn error_names_the_invalid_part() {
        assert!(detail("{").contains("line 1 column 1"));
        assert!(detail("{}").contains("events and user_id are both missing"));
        assert!(detail(r#"{"event":[]}"#).contains("unknown field `event`"));
        assert!(detail(r#"{"events":[{"ts":1538352117000}]}"#).starts_with("events[0]: page is missing"));
        assert!(detail(&format!(r#"{{"events":[{EVENT},7]}}"#)).starts_with("events[1]: not a JSON object"));
        let other = EVENT.replace("\"30\"", "\"31\"");
        assert!(detail(&format!(r#"{{"events":[{EVENT},{other}]}}"#)).contains("events[1]: user 31, expected 30"));
        assert!(
            detail(&format!(r#"{{"user_id":"31","events":[{EVENT}]}}"#)).contains("events[0]: user 30, expected 31")
        );
        assert!(detail(r#"{"user_id":true}"#).contains("user_id must be a string or an integer"));
        assert!(detail(&format!(r#"{{"user_id":"{}"}}"#, "x".repeat(3000))).contains("longer than 1024 bytes"));
        assert!(detail(r#"{"user_id":""}"#).contains("must not be blank"));
        assert!(detail(r#"{"user_id":"30","as_of":"soon"}"#).contains("RFC 3339"));
        assert!(detail(r#"{"user_id":"30","as_of":"2121-01-01"}"#).contains("as_of is in the future"));
    }

    #[test]
    fn usual_bodies_are_read_in_one_pass() {
        let times = TimeRange::new(PredictSettings::default().min_event_date, NOW, 0);
        let nested = EVENT.replace("29", "29,\"tags\":[]");
        for (body, is_usual) in [
            (format!(r#"{{"events":[{EVENT},{EVENT}]}}"#), true),
            (format!(r#" {{ "user_id" : "30", "events" : [ {EVENT} , {EVENT} ] , "as_of": 1538352118000}} "#), true),
            (format!("{{\n\"as_of\":\"2018-10-02\",\n\"events\":[{EVENT},{EVENT}]\n}}\n"), true),
            (format!(r#"{{"events":[{nested},{EVENT}]}}"#), false),
            (format!(r#"{{"user_id":null,"events":[{EVENT},{EVENT}]}}"#), false),
            (format!("{{\"events\":[\n{EVENT},\n{EVENT}]}}"), false),
        ] {
            assert_eq!(scan(&body, times).is_some(), is_usual, "{body}");
            let request = parse(&body).unwrap();
            assert_eq!((request.user.as_str(), request.events.len()), ("30", 2), "{body}");
        }
        for body in [
            format!(r#"{{"events":[{EVENT}],"events":[]}}"#),
            format!(r#"{{"events":[{EVENT}],"x":1}}"#),
            format!(r#"{{"events":[{EVENT}]}} {{}}"#),
            format!(r#"{{"events":[{EVENT}],}}"#),
            format!(r#"{{"events":[{EVENT}] "as_of":1}}"#),
            format!(r#"{{"events":[{EVENT}"#),
        ] {
            assert!(scan(&body, times).is_none() && parse(&body).is_err(), "{body}");
        }
    }

    #[test]
    fn body_is_an_object() {
        let event = format!("[{EVENT}]");
        for (body, kind) in [
            ("[]", "an array"),
            (event.as_str(), "an array"),
            (r#"[[],"30",null]"#, "an array"),
            (r#""{\"user_id\":30}""#, "text"),
            ("30", "a number"),
            (" null", "null"),
            ("true", "a boolean"),
        ] {
            let expected = format!("the body is {kind}, expected a JSON object with events, user_id or both");
            assert_eq!(detail(body), expected);
        }
        assert_eq!(detail(" \n"), "the body is empty, expected a JSON object with events, user_id or both");
        for body in ["user_id=30", "<predict/>", "[1", "{\"user_id\":30", "{\"user_id\":30} {}", "{'user_id':30}"] {
            assert!(detail(body).starts_with("the body is not JSON: "), "{body}: {}", detail(body));
        }
        for (events, kind) in [(EVENT, "an object with the members "), ("\"[]\"", "text"), ("7", "a number")] {
            let detail = detail(&format!(r#"{{"events":{events}}}"#));
            assert!(detail.starts_with(&format!("events is {kind}")), "{detail}");
            assert!(detail.ends_with(", expected an array"), "{detail}");
        }
    }

    #[test]
    fn time_in_another_unit_is_an_error() {
        for (ts, unit) in [
            ("1538352117", "in seconds (2018-10-01T00:01:57Z)"),
            ("1538352117.796", "in seconds"),
            ("1538352117796123", "in microseconds"),
            ("1538352117796123456", "in nanoseconds"),
            ("1.538352117796123e15", "in microseconds"),
            ("\"1538352117\"", "in seconds"),
            ("\"2018-10-01T00:01:57Z\"", "ISO 8601 text"),
            ("\"2018-10-01 00:01:57.796+03:00\"", "ISO 8601 text"),
            ("\"2018-10-01\"", "ISO 8601 text"),
        ] {
            let detail = detail(&format!(r#"{{"events":[{}]}}"#, EVENT.replace("1538352117000", ts)));
            assert!(detail.starts_with("events[0]: ts is ") && detail.contains(unit), "{detail}");
            assert!(detail.ends_with("expected milliseconds since 1970-01-01"), "{detail}");
        }
        for ts in ["\"01/10/2018\"", "\"yesterday\"", "true", "[1538352117000]", "{\"$date\":1538352117000}"] {
            let detail = detail(&format!(r#"{{"events":[{}]}}"#, EVENT.replace("1538352117000", ts)));
            assert_eq!(detail, "events[0]: ts has an invalid type, expected milliseconds since 1970-01-01");
        }
        let detail = detail(r#"{"user_id":"30","as_of":1538352117}"#);
        assert!(detail.starts_with("as_of is 1538352117, probably in seconds"), "{detail}");
    }

    #[test]
    fn time_out_of_range_is_rejected_with_the_expected_unit() {
        for ts in ["20181001", "20181001000157", "17805", "0", "-1538352117000", "1e300"] {
            let body = format!(r#"{{"events":[{},{EVENT}]}}"#, EVENT.replace("1538352117000", ts));
            let reason = &parse(&body).unwrap().rejected[0].reason;
            assert!(reason.ends_with("expected milliseconds since 1970-01-01"), "{ts}: {reason}");
        }
    }

    #[test]
    fn user_ids_are_those_of_ingest() {
        for (id, user) in [
            ("30", "30"),
            ("30.0", "30"),
            ("\"30.0\"", "30"),
            ("18446744073709551616", "18446744073709551616"),
            ("-7", "-7"),
            ("\" x \"", "x"),
        ] {
            let body = format!(r#"{{"user_id":{id},"events":[{}]}}"#, EVENT.replace("\"30\"", id));
            assert_eq!(parse(&body).unwrap().user.as_str(), user);
        }
        for id in ["\"nan\"", "\"NULL\"", "\"None\"", "\" \""] {
            assert!(
                detail(&format!(r#"{{"user_id":{id}}}"#)).contains("must not be blank or the name of a missing value")
            );
        }
        assert!(detail(r#"{"user_id":30.5}"#).contains("must be a string or an integer"));
    }

    #[test]
    fn rejected_events_are_listed() {
        let late = EVENT.replace("1538352117000", "1700000000000");
        let body = format!(r#"{{"events":[{late},{EVENT}]}}"#);
        let request = parse(&body).unwrap();
        assert_eq!(request.rejected, [RejectedEvent { index: 0, reason: "ts is in the future".into() }]);
    }

    #[test]
    fn request_without_a_scorable_event_is_an_error() {
        let late = EVENT.replace("1538352117000", "1700000000000");
        let without_user = EVENT.replace("\"30\"", "\"\"");
        for body in [
            format!(r#"{{"events":[{late}]}}"#),
            format!(r#"{{"events":[{without_user}]}}"#),
            r#"{"events":[]}"#.into(),
        ] {
            assert!(matches!(parse(&body), Err(Problem::NoScorableEvents(_))), "{body}");
        }
    }
}
