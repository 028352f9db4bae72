//! The model that serves: kept in memory, refreshed by a conditional read at most once in a while.

use crate::metrics;
use crate::settings::PredictSettings;
use churn_common::calendar::Timestamp;
use churn_common::model::{Explainer, Model, ModelVersion};
use churn_common::store::models::{ModelError, Models};
use churn_common::store::registry::{Look, RegistryStore};
use churn_common::store::{StoreError, Stores};
use lambda_http::tracing;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A model that serves, and its name.
#[derive(Debug)]
pub struct Serving {
    /// Its version.
    pub version: ModelVersion,
    /// The model.
    pub model: Model,
    /// What explains its answers.
    pub explainer: Explainer,
}

/// The champion, as last seen.
#[derive(Debug)]
pub struct Champion {
    registry: RegistryStore,
    models: Models,
    refresh: Duration,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    serving: Option<Arc<Serving>>,
    etag: Option<String>,
    at: Option<Instant>,
}

impl Champion {
    /// The champion of these stores; nothing is read yet.
    pub fn new(stores: &Stores, settings: &PredictSettings) -> Self {
        Self {
            registry: stores.registry(),
            models: stores.models(),
            refresh: Duration::from_secs(settings.model_refresh_seconds.into()),
            seen: Mutex::default(),
        }
    }

    /// The model that serves; `None` while none has been promoted.
    ///
    /// A store that fails, or a champion that is not fit to serve, leaves the last good model in service; the log and a
    /// metric say so each time it is looked for. It is an error only if there is none. While there is no model at all, every call looks for one.
    pub async fn current(&self) -> Result<Option<Arc<Serving>>, ModelError> {
        let mut seen = self.seen.lock().await;
        let fresh = seen.at.is_some_and(|at| at.elapsed() < self.refresh);
        if seen.serving.is_none() || !fresh {
            seen.at = Some(Instant::now());
            if let Err(error) = self.refresh(&mut seen).await {
                metrics::of_refusal(&error, seen.serving.as_ref().map(|s| &s.version), Timestamp::now());
                let Some(serving) = &seen.serving else { return Err(error) };
                let serving = serving.version.as_str();
                tracing::error!(%error, serving, "the champion could not be refreshed, the last good one serves on");
            }
        }
        Ok(seen.serving.clone())
    }

    async fn refresh(&self, seen: &mut Seen) -> Result<(), ModelError> {
        let Look::Now(registry, etag) = self.registry.look(seen.etag.as_deref()).await? else { return Ok(()) };
        let Some(version) = &registry.champion else {
            let vanished = || StoreError::corrupt("GetObject", "registry.json", "it names no champion any more");
            return if seen.serving.is_some() { Err(vanished().into()) } else { Ok(()) };
        };
        if seen.serving.as_ref().is_none_or(|s| s.version != *version) {
            match self.load(version).await {
                Ok(serving) => seen.serving = Some(serving),
                Err(error) => {
                    // A process that has just started has no last good model but the champion before.
                    if let (None, Some(before)) = (&seen.serving, registry.before()) {
                        let loaded = self.load(before).await;
                        seen.serving = loaded
                            .inspect_err(|error| tracing::error!(%error, "nor could the champion before be loaded"))
                            .ok();
                    }
                    return Err(error);
                }
            }
        }
        // Only now: a champion that could not be loaded is tried again.
        seen.etag = etag;
        Ok(())
    }

    async fn load(&self, version: &ModelVersion) -> Result<Arc<Serving>, ModelError> {
        let model = self.models.get(version).await?;
        let explainer = Explainer::new(&model);
        tracing::info!(%version, "model loaded");
        Ok(Arc::new(Serving { version: version.clone(), model, explainer }))
    }
}
