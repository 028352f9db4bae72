//! The champion, cached in memory and refreshed by conditional reads of the registry.

use crate::metrics;
use crate::settings::PredictSettings;
use churn_common::calendar::Timestamp;
use churn_common::model::card::ModelQuality;
use churn_common::model::{LoadedModel, ModelVersion};
use churn_common::store::models::{ModelError, Models};
use churn_common::store::registry::{ReadResult, RegistryStore};
use churn_common::store::{StoreError, Stores};
use lambda_http::tracing;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Keeps the champion in memory, and reads the registry at most once every `model_refresh_seconds`.
#[derive(Debug)]
pub struct ChampionCache {
    registry: RegistryStore,
    models: Models,
    refresh_after: Duration,
    state: Mutex<CacheState>,
}

/// The model in service.
#[derive(Debug, Clone)]
pub struct Serving {
    pub model: Arc<LoadedModel>,
    pub quality: ModelQuality,
    /// The champion, if it could not be loaded and `model` serves in its place.
    pub failed_champion: Option<ModelVersion>,
}

/// A model with its quality.
#[derive(Debug, Clone)]
struct Loaded {
    model: Arc<LoadedModel>,
    quality: ModelQuality,
}

#[derive(Debug, Default)]
struct CacheState {
    loaded: Option<Loaded>,
    /// The champion that could not be loaded at the last refresh.
    failed_champion: Option<ModelVersion>,
    /// ETag of the registry at the time of the last successful refresh.
    etag: Option<String>,
    checked_at: Option<Instant>,
}

impl ChampionCache {
    /// An empty cache.
    pub fn new(stores: &Stores, settings: &PredictSettings) -> Self {
        Self {
            registry: stores.registry(),
            models: stores.models(),
            refresh_after: Duration::from_secs(settings.model_refresh_seconds.into()),
            state: Mutex::default(),
        }
    }

    /// The champion; `None` while no model has been promoted.
    ///
    /// If the store fails or the champion is invalid, the last valid model stays in service. The log and a metric record
    /// each failed refresh. While no model is loaded, every call reads the registry.
    ///
    /// # Errors
    /// Loading the champion failed, and no other model is loaded.
    pub async fn current(&self) -> Result<Option<Arc<LoadedModel>>, ModelError> {
        Ok(self.serving().await?.map(|serving| serving.model))
    }

    /// As [`ChampionCache::current`], and whether another model serves in place of the champion.
    ///
    /// # Errors
    /// As [`ChampionCache::current`].
    pub async fn serving(&self) -> Result<Option<Serving>, ModelError> {
        let mut state = self.state.lock().await;
        let is_fresh = state.checked_at.is_some_and(|at| at.elapsed() < self.refresh_after);
        if state.loaded.is_none() || !is_fresh {
            state.checked_at = Some(Instant::now());
            if let Err(error) = self.refresh(&mut state).await {
                metrics::load_failed(&error, state.loaded.as_ref().map(|l| &l.model.version), Timestamp::now());
                let Some(loaded) = &state.loaded else { return Err(error) };
                let serving = loaded.model.version.as_str();
                tracing::error!(%error, serving, "loading the champion failed; serving the last valid model");
            }
        }
        let failed_champion = state.failed_champion.clone();
        Ok(state.loaded.clone().map(|Loaded { model, quality }| Serving { model, quality, failed_champion }))
    }

    async fn refresh(&self, state: &mut CacheState) -> Result<(), ModelError> {
        let read = self.registry.read_if_changed(state.etag.as_deref()).await?;
        let ReadResult::Changed(registry, etag) = read else {
            if let Some(loaded) = state.loaded.as_mut().filter(|loaded| loaded.quality == ModelQuality::Unknown) {
                loaded.quality = self.quality(&loaded.model.version).await;
            }
            return Ok(());
        };
        let Some(champion) = &registry.champion else {
            let missing = || StoreError::corrupt("GetObject", "registry.json", "champion is missing");
            return if state.loaded.is_some() { Err(missing().into()) } else { Ok(()) };
        };
        if state.loaded.as_ref().is_none_or(|loaded| loaded.model.version != *champion) {
            match self.load(champion).await {
                Ok(loaded) => state.loaded = Some(loaded),
                Err(error) => {
                    state.failed_champion = Some(champion.clone());
                    // On a cold start there is no last valid model, so the previous champion serves.
                    if let (None, Some(previous)) = (&state.loaded, registry.previous_champion()) {
                        let loaded = self.load(previous).await;
                        state.loaded = loaded
                            .inspect_err(|error| tracing::error!(%error, "loading the previous champion failed"))
                            .ok();
                    }
                    return Err(error);
                }
            }
        }
        state.failed_champion = None;
        // Set only on success, so that the next refresh loads a champion that failed to load.
        state.etag = etag;
        Ok(())
    }

    async fn load(&self, version: &ModelVersion) -> Result<Loaded, ModelError> {
        let (model, quality) = tokio::join!(self.models.get(version), self.quality(version));
        let model = model?;
        tracing::info!(%version, %quality, "model loaded");
        Ok(Loaded { model: Arc::new(LoadedModel::new(version.clone(), model)), quality })
    }

    /// The quality of a model; unknown if its card cannot be read, because the model can serve without it.
    async fn quality(&self, version: &ModelVersion) -> ModelQuality {
        self.models.quality(version).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the quality of the model is unknown until the next refresh");
            ModelQuality::Unknown
        })
    }
}
