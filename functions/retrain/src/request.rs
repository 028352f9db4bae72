//! Requests: what a payload can ask for besides a training.

use churn_common::model::ModelVersion;
use churn_common::store::registry::Registry;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The actor of a change whose payload names none.
const DEFAULT_ACTOR: &str = "operator";
/// Settings that are part of a model, which an evaluation cannot change.
const MODEL_SETTINGS: [&str; 4] = ["window_days", "definition", "horizon_days", "inactivity_days"];

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    /// Train, with these settings overridden.
    Train(Map<String, Value>),
    /// Change the champion by hand.
    ChangeChampion { kind: ChangeKind, actor: String, reason: String },
    /// List the models.
    List,
    /// Evaluate a model on the data stored now, with these settings overridden.
    Evaluate { model: ModelRef, settings: Map<String, Value> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Promote(ModelRef),
    /// Back to the previous champion; where a version is given, only if that one is the champion now.
    Rollback(Option<ModelVersion>),
}

/// Names a registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ModelRef {
    Champion,
    Challenger,
    Version(ModelVersion),
}

/// Why a request is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("action is {0}, there are train, promote, rollback, list and evaluate")]
    UnknownAction(Value),
    /// A member is missing, unknown or of the wrong type.
    #[error("payload of action {action}: {why}")]
    InvalidPayload { action: &'static str, why: String },
    #[error("version is {0:?}, expected champion, challenger or 16 hexadecimal digits")]
    InvalidVersion(String),
    /// A role, where only a version says which model is meant.
    #[error("version is {0:?}, expected 16 hexadecimal digits: that of the model to take back")]
    NotAVersion(String),
    #[error("{0} is the model's own, an evaluation cannot change it")]
    ModelSetting(&'static str),
    #[error("there is no {0}")]
    NoSuchRole(&'static str),
    /// A rollback of a model that does not serve.
    #[error("version {0} is to be taken back, but {1} serves")]
    NotServing(ModelVersion, ModelVersion),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Promote {
    version: String,
    why: String,
    by: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    version: Option<String>,
    why: String,
    by: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Request {
    /// Parses a payload: the member `action`, and the members of that action.
    ///
    /// # Errors
    /// Names the invalid member.
    pub fn parse(mut payload: Map<String, Value>) -> Result<Self, RequestError> {
        let Some(action) = payload.remove("action") else { return Ok(Self::Train(payload)) };
        match action.as_str() {
            Some("train") => Ok(Self::Train(payload)),
            Some("promote") => {
                let Promote { version, why, by } = members("promote", payload)?;
                Ok(Self::change_champion(ChangeKind::Promote(ModelRef::parse(&version)?), by, why))
            }
            Some("rollback") => {
                let Rollback { version, why, by } = members("rollback", payload)?;
                let from = version.map(|from| ModelVersion::parse(&from).ok_or(RequestError::NotAVersion(from)));
                Ok(Self::change_champion(ChangeKind::Rollback(from.transpose()?), by, why))
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
    members.map_err(|e| RequestError::InvalidPayload { action, why: e.to_string() })
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

    /// The version of the model.
    ///
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
    fn a_payload_without_an_action_trains() {
        let given = json!({"horizon_days": 7});
        let Value::Object(settings) = given.clone() else { unreachable!() };
        assert_eq!(parse(given), Ok(Request::Train(settings.clone())));
        assert_eq!(parse(json!({"action": "train", "horizon_days": 7})), Ok(Request::Train(settings.clone())));
        let settings = Map::from_iter([("stride_days".to_owned(), json!(1))]);
        let evaluate = Request::Evaluate { model: ModelRef::Champion, settings };
        assert_eq!(parse(json!({"action": "evaluate", "stride_days": 1})), Ok(evaluate));
    }

    #[test]
    fn an_invalid_request_names_the_member() {
        for (payload, expected) in [
            (json!({"action": "demote"}), "action is \"demote\", there are"),
            (json!({"action": 1}), "action is 1, there are"),
            (json!({"action": "promote", "version": "challenger"}), "payload of action promote: missing field `why`"),
            (json!({"action": "promote", "version": 3, "why": "x"}), "payload of action promote: invalid type"),
            (json!({"action": "rollback", "why": "x", "to": "y"}), "payload of action rollback: unknown field `to`"),
            (json!({"action": "rollback", "why": "x", "version": "champion"}), "version is \"champion\", expected 16"),
            (json!({"action": "evaluate", "horizon_days": 7}), "horizon_days is the model's own"),
            (json!({"action": "list", "all": true}), "payload of action list: unknown field `all`"),
            (json!({"action": "evaluate", "version": "ABC"}), "version is \"ABC\", expected"),
            (json!({"action": "evaluate", "version": 7}), "version is \"7\", expected"),
        ] {
            let error = parse(payload.clone()).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{payload}: {error}");
        }
        let no_role = ModelRef::Challenger.resolve(&Registry::default()).unwrap_err().to_string();
        assert_eq!(no_role, "there is no challenger");
    }
}
