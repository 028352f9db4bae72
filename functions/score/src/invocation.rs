//! What an invocation asks for.

use crate::settings::ScoreSettings;
use churn_common::calendar::{Day, Timestamp};
use churn_common::model::ModelVersion;
use churn_common::settings::{Settings, SettingsError};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invocation {
    pub(crate) settings: ScoreSettings,
    /// The day to score; `None` = the latest.
    pub(crate) as_of: Option<Day>,
    /// The segment to score; `None` = all.
    pub(crate) segment: Option<u16>,
    /// The model to score with; `None` = the champion.
    pub(crate) model_version: Option<ModelVersion>,
}

impl Invocation {
    /// From the members of a payload at the time `now`.
    ///
    /// # Errors
    /// A member has the wrong type or is out of range.
    pub(crate) fn new(
        mut members: Map<String, Value>,
        settings: &ScoreSettings,
        now: Timestamp,
    ) -> Result<Self, SettingsError> {
        let as_of: Option<Day> = take(&mut members, "as_of")?;
        let segment: Option<u16> = take(&mut members, "segment")?;
        let version: Option<String> = take(&mut members, "model_version")?;
        let settings = settings.overridden(members)?;
        let outside = |name, value: String, expected: String| SettingsError::OutOfRange { name, value, expected };
        if let Some(later) = as_of.filter(|day| *day > now.day()) {
            return Err(outside("as_of", later.to_string(), format!("up to {}", now.day())));
        }
        if let Some(segment) = segment.filter(|segment| *segment >= settings.total_segments) {
            return Err(outside("segment", segment.to_string(), format!("0 to {}", settings.total_segments - 1)));
        }
        let parse = |version: String| {
            let expected = || "16 lower-case hexadecimal digits".to_owned();
            ModelVersion::parse(&version).ok_or_else(|| outside("model_version", format!("{version:?}"), expected()))
        };
        Ok(Self { settings, as_of, segment, model_version: version.map(parse).transpose()? })
    }

    /// The segments to score.
    pub(crate) fn segments(&self) -> std::ops::Range<u16> {
        self.segment.map_or(0..self.settings.total_segments, |segment| segment..segment + 1)
    }
}

/// Removes a member; `None` if it is missing or null.
fn take<T: DeserializeOwned>(members: &mut Map<String, Value>, name: &str) -> Result<Option<T>, SettingsError> {
    let Some(value) = members.remove(name).filter(|value| !value.is_null()) else { return Ok(None) };
    serde_json::from_value(value.clone()).map(Some).map_err(|e| SettingsError::Unreadable {
        name: name.to_owned(),
        value: value.to_string(),
        reason: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(payload: Value) -> Result<Invocation, String> {
        let Value::Object(members) = payload else { panic!("{payload}") };
        let now = Timestamp::parse("2026-11-26T01:00:00Z").unwrap();
        Invocation::new(members, &ScoreSettings::default(), now).map_err(|e| e.to_string())
    }

    #[test]
    fn payload_selects_day_segment_and_model() {
        let default = parse(json!({"as_of": null})).unwrap();
        assert_eq!((default.as_of, default.segment, default.model_version.clone()), (None, None, None));
        assert_eq!((default.settings.clone(), default.segments()), (ScoreSettings::default(), 0..4));
        let version = ModelVersion::from_file(b"model");
        let one = json!({"as_of": "2026-11-26", "total_segments": 8, "segment": 7, "model_version": version});
        let one = parse(one).unwrap();
        assert_eq!((one.as_of, one.segments()), (Day::parse("2026-11-26"), 7..8));
        assert_eq!((one.model_version, one.settings.total_segments), (Some(version), 8));
    }

    #[test]
    fn invalid_members_are_named() {
        for (payload, expected) in [
            (json!({"as_of": "2026-11-27"}), "setting as_of is 2026-11-27, expected up to 2026-11-26"),
            (json!({"as_of": "soon"}), "setting as_of is \"soon\": expected a date (YYYY-MM-DD), got \"soon\""),
            (json!({"segment": 4}), "setting segment is 4, expected 0 to 3"),
            (json!({"segment": -1}), "setting segment is -1: invalid value: integer `-1`, expected u16"),
            (
                json!({"model_version": "x"}),
                "setting model_version is \"x\", expected 16 lower-case hexadecimal digits",
            ),
            (json!({"control_share": 1.5}), "setting control_share is 1.5, expected 0 to 1"),
            (json!({"total_segments": 0}), "setting total_segments is 0, expected 1 to 1,000"),
        ] {
            assert_eq!(parse(payload).unwrap_err(), expected);
        }
        assert!(
            parse(json!({"segments": 4})).unwrap_err().starts_with("unknown setting \"segments\", expected one of")
        );
        assert!(parse(json!({"epoch": "week"})).unwrap_err().starts_with("setting epoch is \"week\": unknown variant"));
    }
}
