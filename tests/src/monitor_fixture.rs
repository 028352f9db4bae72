//! A log, a champion that is trained on its first days, and the reports of `monitor` on later days.

use crate::delivery::DeliveryAttempt;
use crate::in_process::InProcessStores;
use crate::record;
use anyhow::{Context, bail, ensure};
use churn_common::calendar::{Day, Timestamp};
use churn_common::store::Stores;
use ingest::IngestSettings;
use monitor::{MonitorSettings, Outcome};
use retrain::{Deadline, Notifiers, TrainingSettings};
use serde_json::{Value, json};

/// Days that the model is trained on.
pub const TRAINED: i32 = 62;

pub struct MonitorFixture {
    pub local: InProcessStores,
    /// First day of the log.
    pub start: Day,
}

impl MonitorFixture {
    /// Ingests a log and trains on its first days.
    pub async fn new(log: &[u8]) -> anyhow::Result<Self> {
        Self::with_settings(log, json!({})).await
    }

    /// As [`MonitorFixture::new`], with these settings of the training besides.
    pub async fn with_settings(log: &[u8], settings: Value) -> anyhow::Result<Self> {
        let local = InProcessStores::new(Timestamp::parse("2019-06-01").context("no time")?).await?;
        put(&local, "log.json", log, 1).await?;
        let stores = local.process_without_faults().stores;
        let start = stores.ledger.data_range(local.now()).await?.context("no log")?.first;

        let mut quick = json!({"cutoff_interval_days": 7, "cv_repeats": 1, "candidates": ["logistic_regression"], "logistic_l2": [1000.0], "min_rows_per_class": 5,
            "bootstrap_resamples": 100, "gate_non_inferiority_margin": 1, "gate_max_ece": 1,
            "gate_max_calibration_in_the_large": 100, "total_segments": 1});
        if let (Some(quick), Value::Object(settings)) = (quick.as_object_mut(), settings) {
            quick.extend(settings);
        }
        let now = start.plus(TRAINED).start();
        let invocation = retrain::Invocation { id: "training".into(), now, deadline: Deadline::NONE };
        let settings = TrainingSettings::default();
        let trained = retrain::handle(quick, &stores, &settings, &Notifiers::default(), &invocation).await?;
        let retrain::Outcome::Trained(trained) = trained else { bail!("no training: {trained:?}") };
        // A constant model cannot get worse.
        let roc_auc = trained.evaluation.roc_auc;
        ensure!(roc_auc.is_some_and(|auc| auc != 0.5), "ROC-AUC {roc_auc:?}");
        Ok(Self { local, start })
    }

    pub fn stores(&self) -> Stores {
        self.local.process_without_faults().stores
    }

    /// Puts an object and ingests it as this version.
    pub async fn put(&self, key: &str, body: &[u8], version: u32) -> anyhow::Result<()> {
        put(&self.local, key, body, version).await
    }

    /// The report after `days` days of the log. Decides on performance with few rows, so that chance matters.
    pub async fn report(&self, days: i32) -> anyhow::Result<Value> {
        let (payload, now) = (json!({"min_rows_per_class": 5, "total_segments": 1}), self.start.plus(days).start());
        let outcome = monitor::handle(payload, &self.stores(), &MonitorSettings::default(), now).await?;
        let Outcome::Reported { report_url, .. } = outcome else { bail!("no report: {outcome:?}") };
        let key = report_url.strip_prefix("s3://churn-store/").context("another bucket")?;
        Ok(serde_json::from_slice(&self.stores().store.get(key).await?.context("no report")?.bytes)?)
    }
}

async fn put(local: &InProcessStores, key: &str, body: &[u8], version: u32) -> anyhow::Result<()> {
    let now = local.now();
    let mut record = record("churn-logs", key, &local.put(key, body).await?, version);
    record["eventTime"] = json!(now);
    let event = json!({"Records": [record]});
    let attempt = DeliveryAttempt { event, request_id: format!("{key} {version}"), now, is_short_of_time: false };
    local.process_without_faults().deliver(attempt, &IngestSettings::default()).await?;
    Ok(())
}
