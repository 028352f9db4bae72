//! The report: drift, performance, and whether to train again. Stored as `reports/drift/<day>.json`.

use crate::drift::Drift;
use crate::performance::Performance;
use crate::settings::MonitorSettings;
use churn_common::calendar::{Day, Timestamp};
use churn_common::model::ModelVersion;
use churn_common::store::StoreError;
use churn_common::store::objects::{Bucket, Condition};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Report {
    pub(crate) created_at: Timestamp,
    /// The champion.
    pub(crate) model_version: ModelVersion,
    /// The current users are those at risk at this cutoff.
    pub(crate) as_of: Day,
    pub(crate) settings: MonitorSettings,
    pub(crate) drift: Drift,
    /// `None` while no cutoff has known labels.
    pub(crate) performance: Option<Performance>,
    /// Whether a new model should be trained.
    pub(crate) needs_retrain: bool,
    /// Why a new model should be trained.
    pub(crate) reasons: Vec<String>,
}

impl Report {
    /// Decides by the settings whether a new model should be trained.
    pub(crate) fn new(
        model_version: ModelVersion,
        as_of: Day,
        drift: Drift,
        performance: Option<Performance>,
        settings: MonitorSettings,
        created_at: Timestamp,
    ) -> Self {
        let mut reasons = performance.as_ref().map(|p| p.losses(&settings)).unwrap_or_default();
        let features = drift.features.len();
        if drift.drifted > 0 && drift.drifted as f64 >= settings.drifted_share * features as f64 {
            reasons.push(format!("{} of {features} features have drifted", drift.drifted));
        }
        let needs_retrain = !reasons.is_empty();
        Self { created_at, model_version, as_of, settings, drift, performance, needs_retrain, reasons }
    }

    /// Writes the report; returns its URL. A later report of the same day replaces it.
    pub(crate) async fn write(&self, store: &Bucket) -> Result<String, StoreError> {
        let key = format!("reports/drift/{}.json", self.as_of);
        let json = serde_json::to_vec_pretty(self).map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
        store.put(&key, json, "application/json", Condition::Always).await?;
        Ok(format!("s3://{}/{key}", store.name()))
    }
}
