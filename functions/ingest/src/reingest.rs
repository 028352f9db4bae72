//! The operator's request to ingest objects again, whatever the ledger says of them.

use crate::delivery::Delivery;
use crate::invalid_event::InvalidEvent;
use churn_common::calendar::Timestamp;
use churn_common::ids::Sequencer;
use churn_common::store::ledger::{State, Version};
use churn_common::store::{StoreError, Stores};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The objects to ingest again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reingest {
    /// `None` for the logs bucket.
    pub bucket: Option<String>,
    pub objects: Objects,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Objects {
    Key(String),
    /// All objects whose keys start with `prefix`, in ascending order, from the first key after `start_after`.
    Prefix {
        prefix: String,
        start_after: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    #[serde(rename = "action")]
    _action: String,
    bucket: Option<String>,
    key: Option<String>,
    prefix: Option<String>,
    start_after: Option<String>,
}

impl Reingest {
    /// Parses a payload whose action is `reingest`. Keys are not encoded.
    ///
    /// # Errors
    /// Names the invalid member.
    pub fn parse(payload: &Value) -> Result<Self, InvalidEvent> {
        let members = Members::deserialize(payload).map_err(|e| InvalidEvent::InvalidReingest(e.to_string()))?;
        let objects = match (members.key, members.prefix) {
            (Some(key), None) if !key.is_empty() && members.start_after.is_none() => Objects::Key(key),
            (None, Some(prefix)) => Objects::Prefix { prefix, start_after: members.start_after },
            _ => return Err(InvalidEvent::InvalidReingest("expected either key or prefix".into())),
        };
        Ok(Self { bucket: members.bucket, objects })
    }

    /// The keys to ingest, in ascending order.
    ///
    /// # Errors
    /// The objects cannot be listed.
    pub async fn keys(&self, stores: &Stores) -> Result<Vec<String>, StoreError> {
        match &self.objects {
            Objects::Key(key) => Ok(vec![key.clone()]),
            Objects::Prefix { prefix, start_after } => {
                let listed = stores.logs.sibling(self.bucket(stores)).list(prefix).await?;
                let keys = listed.into_iter().map(|(key, _)| key);
                Ok(keys.filter(|key| start_after.as_ref().is_none_or(|last| key > last)).collect())
            }
        }
    }

    pub fn bucket<'a>(&'a self, stores: &'a Stores) -> &'a str {
        self.bucket.as_deref().unwrap_or(stores.logs.name())
    }

    /// The payload that continues after `last`.
    pub fn continuation(&self, last: &str) -> Value {
        let mut payload = json!({"action": "reingest", "start_after": last});
        if let Some(bucket) = &self.bucket {
            payload["bucket"] = json!(bucket);
        }
        if let Objects::Prefix { prefix, .. } = &self.objects {
            payload["prefix"] = json!(prefix);
        }
        payload
    }
}

/// The change that makes an object's items those of the object as it is now: a version newer than the ledger's. `None` if
/// neither S3 nor the ledger has the object.
pub async fn delivery(
    stores: &Stores,
    bucket: &str,
    key: &str,
    now: Timestamp,
) -> Result<Option<Delivery>, StoreError> {
    let entry = stores.ledger.get(&format!("s3://{bucket}/{key}")).await?;
    let object = stores.logs.sibling(bucket).head(key).await?;
    if object.is_none() && entry.as_ref().is_none_or(|entry| entry.state == State::Removed) {
        return Ok(None);
    }
    let event_time = object.as_ref().map_or(now, |object| object.modified_at);
    let sequencer = entry.map_or_else(|| Sequencer::at(event_time), |entry| entry.version.sequencer.successor());
    let event_name = if object.is_some() { "ObjectCreated:Reingest" } else { "ObjectRemoved:Reingest" };
    let etag = object.map(|object| object.etag).unwrap_or_default();
    Ok(Some(Delivery {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
        event_name: event_name.to_owned(),
        version: Version { sequencer, etag, event_time },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_names_one_key_or_one_prefix() {
        let parse = |members: Value| {
            let mut payload = json!({"action": "reingest"});
            payload.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            Reingest::parse(&payload)
        };
        let key = Reingest { bucket: Some("logs".into()), objects: Objects::Key("a b+c.json".into()) };
        assert_eq!(parse(json!({"bucket": "logs", "key": "a b+c.json"})).unwrap(), key);
        let prefix = parse(json!({"prefix": "2018/"})).unwrap();
        let next = Reingest::parse(&prefix.continuation("2018/k")).unwrap();
        let start_after = Some("2018/k".into());
        assert_eq!(next, Reingest { objects: Objects::Prefix { prefix: "2018/".into(), start_after }, ..prefix });
        for (members, expected) in [
            (json!({"bucket": "logs"}), "action reingest: expected either key or prefix"),
            (json!({"key": "a", "prefix": "b"}), "action reingest: expected either key or prefix"),
            (json!({"key": ""}), "action reingest: expected either key or prefix"),
            (json!({"keys": ["a"]}), "action reingest: unknown field `keys`"),
            (json!({"key": 7}), "action reingest: invalid type: integer `7`, expected a string"),
        ] {
            let error = parse(members).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
