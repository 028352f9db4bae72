//! The payload of an invocation.

use churn_common::model::ModelVersion;
use churn_common::store::registry::Registry;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The actor if the payload has none.
const DEFAULT_ACTOR: &str = "operator";
/// Settings that are fixed by the model, so that an evaluation cannot override them.
const MODEL_SETTINGS: [&str; 5] =
    ["window_days", "label_definition", "horizon_days", "inactivity_days", "min_return_hours"];

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    /// With overridden settings.
    Train(Map<String, Value>),
    ChangeChampion {
        kind: ChangeKind,
        actor: String,
        reason: String,
    },
    List,
    /// With overridden settings.
    Check(Map<String, Value>),
    /// With overridden settings.
    Evaluate {
        model: ModelRef,
        settings: Map<String, Value>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Promote(ModelRef),
    /// To the previous champion. With a version, only if that is the current champion.
    Rollback(Option<ModelVersion>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ModelRef {
    Champion,
    Challenger,
    Version(ModelVersion),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("action is {0}, expected train, check, promote, rollback, list or evaluate")]
    UnknownAction(Value),
    /// A member is missing, unknown or of the wrong type.
    #[error("payload of action {action}: {message}")]
    InvalidPayload { action: &'static str, message: String },
    #[error("version is {0:?}, expected champion, challenger or 16 hexadecimal digits")]
    InvalidVersion(String),
    /// A rollback accepts no role.
    #[error("version is {0:?}, expected 16 hexadecimal digits: the version of the champion to roll back")]
    NotAVersion(String),
    #[error("{0} is fixed by the model, expected a setting that an evaluation can override")]
    ModelSetting(&'static str),
    #[error("no {0}")]
    NoSuchRole(&'static str),
    /// A rollback of a model that is not champion.
    #[error("version is {0}, expected the champion {1}")]
    NotChampion(ModelVersion, ModelVersion),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Promote {
    version: String,
    reason: String,
    actor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    version: Option<String>,
    reason: String,
    actor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Request {
    /// Parses the member `action` and the members of that action.
    ///
    /// # Errors
    /// Names the invalid member.
    pub fn parse(mut payload: Map<String, Value>) -> Result<Self, RequestError> {
        let Some(action) = payload.remove("action") else { return Ok(Self::Train(payload)) };
        match action.as_str() {
            Some("train") => Ok(Self::Train(payload)),
            Some("check") => Ok(Self::Check(payload)),
            Some("promote") => {
                let Promote { version, reason, actor } = members("promote", payload)?;
                Ok(Self::change_champion(ChangeKind::Promote(ModelRef::parse(&version)?), actor, reason))
            }
            Some("rollback") => {
                let Rollback { version, reason, actor } = members("rollback", payload)?;
                let from = version.map(|from| ModelVersion::parse(&from).ok_or(RequestError::NotAVersion(from)));
                Ok(Self::change_champion(ChangeKind::Rollback(from.transpose()?), actor, reason))
            }
            Some("list") => members("list", payload).map(|Nothing {}| Self::List),
            Some("evaluate") => {
                let version = payload.remove("version").unwrap_or("champion".into());
                if let Some(own) = MODEL_SETTINGS.into_iter().find(|name| payload.contains_key(*name)) {
                    return Err(RequestError::ModelSetting(own));
                }
                let version = version.as_str().ok_or_else(|| RequestError::InvalidVersion(version.to_string()))?;
                Ok(Self::Evaluate { model: ModelRef::parse(version)?, settings: payload })
            }
            _ => Err(RequestError::UnknownAction(action)),
        }
    }

    fn change_champion(kind: ChangeKind, actor: Option<String>, reason: String) -> Self {
        Self::ChangeChampion { kind, actor: actor.unwrap_or(DEFAULT_ACTOR.into()), reason }
    }
}

fn members<T: DeserializeOwned>(action: &'static str, payload: Map<String, Value>) -> Result<T, RequestError> {
    let members = serde_json::from_value(Value::Object(payload));
    members.map_err(|e| RequestError::InvalidPayload { action, message: e.to_string() })
}

impl ModelRef {
    fn parse(text: &str) -> Result<Self, RequestError> {
        match text {
            "champion" => Ok(Self::Champion),
            "challenger" => Ok(Self::Challenger),
            version => {
                let parsed = ModelVersion::parse(version);
                Ok(Self::Version(parsed.ok_or_else(|| RequestError::InvalidVersion(version.into()))?))
            }
        }
    }

    /// # Errors
    /// If no model has the role.
    pub fn resolve(&self, registry: &Registry) -> Result<ModelVersion, RequestError> {
        let (version, role) = match self {
            Self::Champion => (registry.champion.as_ref(), "champion"),
            Self::Challenger => (registry.challenger.as_ref(), "challenger"),
            Self::Version(version) => return Ok(version.clone()),
        };
        version.cloned().ok_or(RequestError::NoSuchRole(role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(payload: Value) -> Result<Request, RequestError> {
        Request::parse(payload.as_object().unwrap().clone())
    }

    #[test]
    fn payload_without_an_action_trains() {
        let given = json!({"horizon_days": 7});
        let Value::Object(settings) = given.clone() else { unreachable!() };
        assert_eq!(parse(given), Ok(Request::Train(settings.clone())));
        assert_eq!(parse(json!({"action": "train", "horizon_days": 7})), Ok(Request::Train(settings.clone())));
        assert_eq!(parse(json!({"action": "check", "horizon_days": 7})), Ok(Request::Check(settings.clone())));
        let settings = Map::from_iter([("cutoff_interval_days".to_owned(), json!(1))]);
        let evaluate = Request::Evaluate { model: ModelRef::Champion, settings };
        assert_eq!(parse(json!({"action": "evaluate", "cutoff_interval_days": 1})), Ok(evaluate));
    }

    #[test]
    fn invalid_request_names_the_member() {
        for (payload, expected) in [
            (json!({"action": "demote"}), "action is \"demote\", expected train"),
            (json!({"action": 1}), "action is 1, expected train"),
            (
                json!({"action": "promote", "version": "challenger"}),
                "payload of action promote: missing field `reason`",
            ),
            (json!({"action": "promote", "version": 3, "reason": "x"}), "payload of action promote: invalid type"),
            (json!({"action": "rollback", "reason": "x", "to": "y"}), "payload of action rollback: unknown field `to`"),
            (
                json!({"action": "rollback", "reason": "x", "version": "champion"}),
                "version is \"champion\", expected 16",
            ),
            (json!({"action": "evaluate", "horizon_days": 7}), "horizon_days is fixed by the model"),
            (json!({"action": "list", "all": true}), "payload of action list: unknown field `all`"),
            (json!({"action": "evaluate", "version": "ABC"}), "version is \"ABC\", expected"),
            (json!({"action": "evaluate", "version": 7}), "version is \"7\", expected"),
        ] {
            let error = parse(payload.clone()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{payload}: {error}");
        }
        let no_role = ModelRef::Challenger.resolve(&Registry::default()).unwrap_err().to_string();
        assert_eq!(no_role, "no challenger");
    }
}
