//! MLflow's model registry: a registered version for each model, and an alias for each role.

use super::client::Client;
use super::error::MlflowError;
use super::payload::{MODEL_VERSION, Pair};
use super::runs::RunInfo;
use churn_common::model::ModelVersion;
use churn_common::store::registry::Registry;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::fmt;

/// The role of a model; at most one version has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alias {
    Champion,
    Challenger,
}

impl Alias {
    /// The role of a model in `registry.json`, if any.
    pub fn in_registry(version: &ModelVersion, registry: &Registry) -> Option<Self> {
        let roles = [(&registry.champion, Self::Champion), (&registry.challenger, Self::Challenger)];
        roles.into_iter().find(|(model, _)| model.as_ref() == Some(version)).map(|(_, alias)| alias)
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Champion => "champion",
            Self::Challenger => "challenger",
        })
    }
}

#[derive(Deserialize)]
struct Registered {
    version: String,
    #[serde(default)]
    tags: Vec<Pair>,
}

impl Client<'_> {
    /// The number of the registered version with the tag `version`, if any.
    pub async fn registered(&self, version: &ModelVersion) -> Result<Option<String>, MlflowError> {
        let name = self.server.model.replace('\'', "''");
        let by_name = format!("name='{name}'");
        match self.find(&format!("{by_name} AND tags.{MODEL_VERSION}='{version}'"), version).await {
            // Older servers search by name only.
            Err(MlflowError::Rejected { status: 400, .. }) => self.find(&by_name, version).await,
            found => found,
        }
    }

    async fn find(&self, filter: &str, version: &ModelVersion) -> Result<Option<String>, MlflowError> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Page {
            model_versions: Vec<Registered>,
            next_page_token: String,
        }
        let tag = Pair::tag(MODEL_VERSION, version);
        let mut token = String::new();
        loop {
            let query = [("filter", filter), ("page_token", &token)];
            let page: Page = self.get("model-versions/search", &query[..if token.is_empty() { 1 } else { 2 }]).await?;
            let found = page.model_versions.into_iter().find(|registered| registered.tags.contains(&tag));
            match found {
                Some(registered) => return Ok(Some(registered.version)),
                None if page.next_page_token.is_empty() => return Ok(None),
                None => token = page.next_page_token,
            }
        }
    }

    /// Registers the model of `run` with the tag `version`. Returns the number of the registered version. Creates the
    /// registered model if it does not exist.
    pub async fn register(&self, run: &RunInfo, version: &ModelVersion) -> Result<String, MlflowError> {
        #[derive(Deserialize)]
        struct Created {
            model_version: Registered,
        }
        let name = &self.server.model;
        match self.post::<Map<String, Value>>("registered-models/create", &json!({"name": name})).await {
            Ok(_) => {}
            Err(MlflowError::Rejected { code, .. }) if code == "RESOURCE_ALREADY_EXISTS" => {}
            Err(e) => return Err(e),
        }
        let body = json!({"name": name, "source": run.artifact_uri, "run_id": run.run_id,
            "tags": [Pair::tag(MODEL_VERSION, version)]});
        Ok(self.post::<Created>("model-versions/create", &body).await?.model_version.version)
    }

    /// Sets an alias on a registered version, which removes it from any other.
    ///
    /// # Errors
    /// [`MlflowError::NoAliases`] if the server is too old.
    pub async fn set_alias(&self, alias: Alias, registered: &str) -> Result<(), MlflowError> {
        let body = json!({"name": self.server.model, "alias": alias.to_string(), "version": registered});
        match self.post::<Map<String, Value>>("registered-models/alias", &body).await {
            Ok(_) => Ok(()),
            // If the endpoint exists, the response has MLflow's own code, for example for a missing version.
            Err(e @ MlflowError::Rejected { status: 404 | 405, .. }) if !e.has_code() => {
                Err(MlflowError::NoAliases(e.into()))
            }
            Err(e) => Err(e),
        }
    }

    /// Removes an alias from a registered version, if it has it: a champion is not challenger too.
    pub async fn remove_alias(&self, alias: Alias, registered: &str) -> Result<(), MlflowError> {
        #[derive(Deserialize)]
        struct Holder {
            model_version: Registered,
        }
        let (call, name, alias) = ("registered-models/alias", &*self.server.model, alias.to_string());
        match self.get::<Holder>(call, &[("name", name), ("alias", &alias)]).await {
            Ok(holder) if holder.model_version.version == registered => {
                self.delete(call, &json!({"name": name, "alias": alias})).await
            }
            // Another version has the alias, or none.
            Ok(_) | Err(MlflowError::Rejected { status: 400 | 404, .. }) => Ok(()),
            Err(e) => Err(e),
        }
    }
}
