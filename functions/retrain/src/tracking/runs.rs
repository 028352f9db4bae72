//! Experiments and runs in MLflow's REST API.

use super::client::Client;
use super::error::MlflowError;
use super::payload::{Metric, Pair, RunPayload};
use churn_common::calendar::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Maximum number of parameters per call.
const MAX_PARAMS: usize = 100;
/// Maximum number of metrics per call.
const MAX_METRICS: usize = 1000;

/// A created run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunInfo {
    pub run_id: String,
    /// The location of the run's artifacts.
    pub artifact_uri: String,
}

impl Client<'_> {
    /// The id of the experiment, which is created if it does not exist.
    pub async fn experiment(&self) -> Result<String, MlflowError> {
        if let Some(id) = self.known_experiment().await? {
            return Ok(id);
        }
        #[derive(Deserialize)]
        struct Created {
            experiment_id: String,
        }
        let call = "experiments/create";
        match self.post::<Created>(call, &json!({"name": self.server.experiment})).await {
            Ok(created) => Ok(created.experiment_id),
            // It was created concurrently.
            Err(MlflowError::Rejected { code, .. }) if code == "RESOURCE_ALREADY_EXISTS" => {
                let reason = "the experiment exists, but was not found".to_owned();
                self.known_experiment().await?.ok_or(MlflowError::InvalidResponse { call, reason })
            }
            Err(e) => Err(e),
        }
    }

    async fn known_experiment(&self) -> Result<Option<String>, MlflowError> {
        #[derive(Deserialize)]
        struct Found {
            experiment: Experiment,
        }
        #[derive(Deserialize)]
        struct Experiment {
            experiment_id: String,
        }
        let query = [("experiment_name", &*self.server.experiment)];
        match self.get::<Found>("experiments/get-by-name", &query).await {
            Ok(found) => Ok(Some(found.experiment.experiment_id)),
            Err(MlflowError::Rejected { code, .. }) if code == "RESOURCE_DOES_NOT_EXIST" => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Creates a run with the tags of the payload.
    pub async fn create_run(&self, experiment: &str, payload: &RunPayload) -> Result<RunInfo, MlflowError> {
        #[derive(Deserialize)]
        struct Created {
            run: Run,
        }
        #[derive(Deserialize)]
        struct Run {
            info: RunInfo,
        }
        let start_time = payload.started_at.millis();
        let body = json!({"experiment_id": experiment, "start_time": start_time, "tags": payload.tags});
        Ok(self.post::<Created>("runs/create", &body).await?.run.info)
    }

    pub async fn log_params(&self, run: &str, params: &[Pair]) -> Result<(), MlflowError> {
        self.log(batches(run, "params", params, MAX_PARAMS)).await
    }

    pub async fn log_metrics(&self, run: &str, metrics: &[Metric]) -> Result<(), MlflowError> {
        self.log(batches(run, "metrics", metrics, MAX_METRICS)).await
    }

    async fn log(&self, batches: impl Iterator<Item = Value>) -> Result<(), MlflowError> {
        for batch in batches {
            let _: Map<String, Value> = self.post("runs/log-batch", &batch).await?;
        }
        Ok(())
    }

    pub async fn finish_run(&self, run: &str, ended_at: Timestamp) -> Result<(), MlflowError> {
        let body = json!({"run_id": run, "status": "FINISHED", "end_time": ended_at.millis()});
        self.post::<Map<String, Value>>("runs/update", &body).await.map(drop)
    }
}

/// Request bodies that add `items` to a run, at most `max` each.
fn batches<T: Serialize>(run: &str, name: &'static str, items: &[T], max: usize) -> impl Iterator<Item = Value> {
    items.chunks(max).map(move |items| json!({"run_id": run, name: items}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_respect_the_limits_of_the_server() {
        let metric = |step| Metric { key: "fold_log_loss".into(), value: 0.5, timestamp: 1, step };
        let metrics: Vec<Metric> = (0..2500).map(metric).collect();
        let bodies: Vec<Value> = batches("r", "metrics", &metrics, MAX_METRICS).collect();
        let lengths: Vec<usize> = bodies.iter().map(|body| body["metrics"].as_array().unwrap().len()).collect();
        assert_eq!(lengths, [1000, 1000, 500]);
        let last = json!({"key": "fold_log_loss", "value": 0.5, "timestamp": 1, "step": 2499});
        assert_eq!((&bodies[2]["metrics"][499], &bodies[2]["run_id"]), (&last, &json!("r")));
        assert_eq!(batches::<Pair>("r", "params", &[], MAX_PARAMS).count(), 0);
    }
}
