//! The report: drift, performance, effect of offers, and whether to train a new model. Stored as `reports/drift/<day>.json`.

use crate::drift::Drift;
use crate::effect::Effect;
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
    /// Version of the champion.
    pub(crate) model_version: ModelVersion,
    /// Cutoff at which the current users are active.
    pub(crate) as_of: Day,
    pub(crate) settings: MonitorSettings,
    pub(crate) drift: Drift,
    /// `None` while no cutoff has known labels.
    pub(crate) performance: Option<Performance>,
    /// `None` while no user was assigned to a group.
    pub(crate) effect: Option<Effect>,
    /// Whether a new model should be trained.
    pub(crate) needs_retrain: bool,
    /// One text per reason to train; empty if there is none.
    pub(crate) retrain_reasons: Vec<String>,
}

impl Report {
    /// Decides from `settings` whether a new model should be trained.
    pub(crate) fn new(
        model_version: ModelVersion,
        as_of: Day,
        drift: Drift,
        performance: Option<Performance>,
        effect: Option<Effect>,
        settings: MonitorSettings,
        created_at: Timestamp,
    ) -> Self {
        let loss = performance.as_ref().and_then(|p| p.retrain_reason(&settings));
        let mut retrain_reasons: Vec<String> = loss.into_iter().collect();
        let (drifted, all) = (drift.drifted_feature_count, drift.features.len());
        if drift.has_full_windows && drifted as f64 > settings.max_drifted_share * all as f64 {
            retrain_reasons.push(format!("{drifted} of {all} features have drifted"));
        }
        let needs_retrain = !retrain_reasons.is_empty();
        Self { created_at, model_version, as_of, settings, drift, performance, effect, needs_retrain, retrain_reasons }
    }

    /// Writes the report and returns its URL. Replaces an earlier report for the same `as_of`.
    pub(crate) async fn write(&self, store: &Bucket) -> Result<String, StoreError> {
        let key = format!("reports/drift/{}.json", self.as_of);
        let json = serde_json::to_vec_pretty(self).map_err(|e| StoreError::corrupt("PutObject", &key, e))?;
        store.put(&key, json, "application/json", Condition::Always).await?;
        Ok(format!("s3://{}/{key}", store.name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::FeatureDrift;
    use crate::stats::{Ks, MissingShares, Psi};
    use serde_json::json;

    fn report(drifted_feature_count: usize, max_drifted_share: f64, has_full_windows: bool) -> Report {
        let feature = FeatureDrift {
            name: "recency_days",
            unit: "days",
            psi: Psi { value: 0.5, bins: 10, null_mean: 0.1, p_value: 0.001 },
            psi_adjusted_p_value: 0.002,
            ks: Some(Ks { statistic: 0.25, p_value: 0.003 }),
            ks_adjusted_p_value: Some(0.004),
            missing_share: MissingShares { baseline: 0.0, current: 0.125 },
            drift_detected: true,
        };
        let features = vec![feature; 2];
        let (version, as_of) = (ModelVersion::from_file(b"model"), Day::parse("2018-12-01").unwrap());
        let drift = Drift {
            baseline_as_of: Day::parse("2018-11-01").unwrap(),
            baseline_users: 200,
            has_full_windows,
            current_users: 120,
            drifted_feature_count,
            features,
        };
        let settings = MonitorSettings { max_drifted_share, ..MonitorSettings::default() };
        Report::new(version, as_of, drift, None, None, settings, Timestamp::from_millis(1_543_622_400_000))
    }

    #[test]
    fn drift_above_the_largest_share_is_a_reason_to_train() {
        assert!(report(2, 0.5, true).needs_retrain);
        assert!(!report(1, 0.5, true).needs_retrain);
        assert!(!report(0, 0.0, true).needs_retrain);
        assert!(!report(2, 0.5, false).needs_retrain, "filling windows are no drift");
    }

    #[test]
    fn report_has_its_public_names() {
        let feature = json!({
            "name": "recency_days",
            "unit": "days",
            "psi": {"value": 0.5, "bins": 10, "null_mean": 0.1, "p_value": 0.001},
            "psi_adjusted_p_value": 0.002,
            "ks": {"statistic": 0.25, "p_value": 0.003},
            "ks_adjusted_p_value": 0.004,
            "missing_share": {"baseline": 0.0, "current": 0.125},
            "drift_detected": true,
        });
        let expected = json!({
            "created_at": "2018-12-01T00:00:00Z",
            "model_version": ModelVersion::from_file(b"model"),
            "as_of": "2018-12-01",
            "settings": {
                "psi_bins": 10,
                "psi_threshold": 0.2,
                "ks_threshold": 0.1,
                "missing_threshold": 0.1,
                "drift_significance_level": 0.01,
                "max_drifted_share": 0.3,
                "max_performance_loss": 0.1,
                "performance_significance_level": 0.01,
                "bootstrap_resamples": 1000,
                "min_current_users": 30,
                "min_rows_per_class": 10,
                "effect_window_days": 365,
                "min_detectable_effect": 0.3,
                "effect_power": 0.8,
                "value_per_user": null,
                "total_segments": 4,
            },
            "drift": {
                "baseline_as_of": "2018-11-01",
                "baseline_users": 200,
                "has_full_windows": true,
                "current_users": 120,
                "drifted_feature_count": 2,
                "features": [feature, feature],
            },
            "performance": null,
            "effect": null,
            "needs_retrain": true,
            "retrain_reasons": ["2 of 2 features have drifted"],
        });
        assert_eq!(json!(report(2, 0.3, true)), expected);
    }
}
