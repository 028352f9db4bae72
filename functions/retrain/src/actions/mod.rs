//! What a payload may ask of `retrain` besides training: to move the champion by hand, to list the models, to evaluate one.

mod evaluate;
mod list;
mod moves;

pub use evaluate::{AtCutoff, Backtest, evaluate};
pub use list::{Listing, list};
pub use moves::{Asked, Moved, move_by_hand};

use churn_common::model::ModelVersion;
use churn_common::store::registry::Registry;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Who asks, where the payload does not tell.
const SOMEBODY: &str = "operator";
/// Settings that say what a model predicts from what.
const OF_MODEL: [&str; 4] = ["window_days", "definition", "horizon_days", "inactivity_days"];

/// What a payload asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// To train, with these settings other than usual.
    Train(Map<String, Value>),
    /// To move the champion.
    Move(Asked),
    /// To list the models.
    List,
    /// To evaluate a model on what is stored now.
    Evaluate {
        /// The model.
        which: Which,
        /// Settings other than usual.
        settings: Map<String, Value>,
    },
}

/// Names a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one that serves.
    Champion,
    /// The one that waits.
    Challenger,
    /// The one of this version.
    Version(ModelVersion),
}

/// A payload asks for what cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There is no such action.
    #[error("action is {0}, there are train, promote, rollback, list and evaluate")]
    NoSuchAction(Value),
    /// The payload lacks something, has too much, or something of a wrong type.
    #[error("payload of action {action}: {why}")]
    Payload {
        /// The action.
        action: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The version is neither a place nor of the form of one.
    #[error("version is {0:?}, accepted is champion, challenger or 16 hexadecimal digits")]
    NoVersion(String),
    /// A place, where only a version says which model is meant.
    #[error("version is {0:?}, accepted is 16 hexadecimal digits: that of the model to take back")]
    NotOne(String),
    /// A setting that is the model's own.
    #[error("{0} is the model's own, an evaluation cannot change it")]
    OfModel(&'static str),
    /// Nobody has the place.
    #[error("there is no {0}")]
    NobodyThere(&'static str),
    /// A roll-back of a model that does not serve.
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
struct RollBack {
    version: Option<String>,
    why: String,
    by: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Request {
    /// Reads a payload: the member `action`, and what goes with it.
    ///
    /// # Errors
    /// Names what it cannot be understood for.
    pub fn read(mut payload: Map<String, Value>) -> Result<Self, RequestError> {
        let Some(action) = payload.remove("action") else { return Ok(Self::Train(payload)) };
        match action.as_str() {
            Some("train") => Ok(Self::Train(payload)),
            Some("promote") => {
                let Promote { version, why, by } = members("promote", payload)?;
                Ok(Self::Move(Asked::promote(Which::read(&version)?, by.unwrap_or(SOMEBODY.into()), why)))
            }
            Some("rollback") => {
                let RollBack { version, why, by } = members("rollback", payload)?;
                let from =
                    version.map(|from| ModelVersion::parse(&from).ok_or(RequestError::NotOne(from))).transpose()?;
                Ok(Self::Move(Asked::roll_back(from, by.unwrap_or(SOMEBODY.into()), why)))
            }
            Some("list") => members("list", payload).map(|Nothing {}| Self::List),
            Some("evaluate") => {
                let version = payload.remove("version").unwrap_or("champion".into());
                if let Some(own) = OF_MODEL.into_iter().find(|name| payload.contains_key(*name)) {
                    return Err(RequestError::OfModel(own));
                }
                let which = Which::read(version.as_str().ok_or_else(|| RequestError::NoVersion(version.to_string()))?)?;
                Ok(Self::Evaluate { which, settings: payload })
            }
            _ => Err(RequestError::NoSuchAction(action)),
        }
    }
}

fn members<T: DeserializeOwned>(action: &'static str, payload: Map<String, Value>) -> Result<T, RequestError> {
    let read = serde_json::from_value(Value::Object(payload));
    read.map_err(|e| RequestError::Payload { action, why: e.to_string() })
}

impl Which {
    fn read(text: &str) -> Result<Self, RequestError> {
        match text {
            "champion" => Ok(Self::Champion),
            "challenger" => Ok(Self::Challenger),
            version => {
                let version = ModelVersion::parse(version).ok_or_else(|| RequestError::NoVersion(version.into()))?;
                Ok(Self::Version(version))
            }
        }
    }

    /// The version that is meant.
    ///
    /// # Errors
    /// If nobody has the place.
    pub fn of(&self, registry: &Registry) -> Result<ModelVersion, RequestError> {
        let (place, name) = match self {
            Self::Champion => (registry.champion.as_ref(), "champion"),
            Self::Challenger => (registry.challenger.as_ref(), "challenger"),
            Self::Version(version) => return Ok(version.clone()),
        };
        place.cloned().ok_or(RequestError::NobodyThere(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(payload: Value) -> Result<Request, RequestError> {
        Request::read(payload.as_object().unwrap().clone())
    }

    #[test]
    fn a_payload_without_an_action_trains() {
        let given = json!({"horizon_days": 7});
        let Value::Object(settings) = given.clone() else { unreachable!() };
        assert_eq!(read(given), Ok(Request::Train(settings.clone())));
        assert_eq!(read(json!({"action": "train", "horizon_days": 7})), Ok(Request::Train(settings.clone())));
        let settings = Map::from_iter([("stride_days".to_owned(), json!(1))]);
        let evaluate = Request::Evaluate { which: Which::Champion, settings };
        assert_eq!(read(json!({"action": "evaluate", "stride_days": 1})), Ok(evaluate));
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        for (payload, told) in [
            (json!({"action": "demote"}), "action is \"demote\", there are"),
            (json!({"action": 1}), "action is 1, there are"),
            (json!({"action": "promote", "version": "challenger"}), "payload of action promote: missing field `why`"),
            (json!({"action": "promote", "version": 3, "why": "x"}), "payload of action promote: invalid type"),
            (json!({"action": "rollback", "why": "x", "to": "y"}), "payload of action rollback: unknown field `to`"),
            (
                json!({"action": "rollback", "why": "x", "version": "champion"}),
                "version is \"champion\", accepted is 16",
            ),
            (json!({"action": "evaluate", "horizon_days": 7}), "horizon_days is the model's own"),
            (json!({"action": "list", "all": true}), "payload of action list: unknown field `all`"),
            (json!({"action": "evaluate", "version": "ABC"}), "version is \"ABC\", accepted is"),
            (json!({"action": "evaluate", "version": 7}), "version is \"7\", accepted is"),
        ] {
            let error = read(payload.clone()).unwrap_err().to_string();
            assert!(error.starts_with(told), "{payload} says {error}");
        }
        let nobody = Which::Challenger.of(&Registry::default()).unwrap_err().to_string();
        assert_eq!(nobody, "there is no challenger");
    }
}
