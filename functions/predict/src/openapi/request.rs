//! The schema of the body of `POST /predict`. Events are read as leniently as lines of a log, so that it is not that of a type.

use churn_common::ids::UserId;
use serde_json::{Value, json};

pub(super) fn schema() -> Value {
    json!({
        "title": "PredictRequest",
        "description": "Events of one user, the id of a user whose stored history is scored, or both. Null is the same as absent.",
        "type": "object",
        "additionalProperties": false,
        "anyOf": [{"required": ["events"]}, {"required": ["user_id"]}],
        "properties": {
            "user_id": {
                "description": "The id of a user, at most 1,024 bytes in UTF-8. Not blank, and not the name of a missing value such as `null`.",
                "type": ["string", "integer", "null"],
                "minLength": 1,
                "maxLength": UserId::MAX_BYTES,
            },
            "events": {"description": "Events of one user, as in the log.", "type": ["array", "null"], "items": event()},
            "as_of": {
                "description": "Time of the prediction: RFC 3339, a date, or milliseconds since 1970-01-01. Nothing at or after \
                    it is read. Without it, the prediction is for now, or for the end of an old log.",
                "type": ["string", "number", "null"],
            },
        },
    })
}

fn event() -> Value {
    let optional = |description: &str| json!({"description": description});
    json!({
        "type": "object",
        "description": "A line of the log. Other members are ignored. An optional member with an unexpected value is unknown.",
        "required": ["ts", "page"],
        "properties": {
            "ts": {"description": "Time of the event in milliseconds since 1970-01-01, as a number or as text."},
            "userId": {"description": "Text or an integer. An event without a user is counted and not used."},
            "sessionId": {"description": "Number of the session, unique for one user."},
            "page": {"description": "Such as `NextSong`, `Thumbs Up` or `Cancellation Confirmation`.", "type": "string"},
            "level": optional("`free` or `paid`."),
            "itemInSession": optional("Number of the event in its session."),
            "registration": optional("Time of the registration in milliseconds since 1970-01-01."),
            "gender": optional("`F` or `M`."),
            "artist": optional("Artist of a song."),
            "song": optional("Title of a song."),
            "length": optional("Length of a song in seconds."),
        },
    })
}

pub(super) fn examples() -> Value {
    json!({
        "stored user": {"value": {"user_id": "30"}},
        "stored user at a date": {"value": {"user_id": "30", "as_of": "2018-11-01"}},
        "events": {"value": {"events": [{
            "ts": 1_538_352_117_000_i64, "userId": "30", "sessionId": 29, "page": "NextSong", "level": "paid",
            "itemInSession": 50, "registration": 1_538_173_362_000_i64, "gender": "M", "artist": "Martha Tilston",
            "song": "Rockpools", "length": 277.89016,
        }]}},
    })
}
