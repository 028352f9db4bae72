//! Experiments and runs: the part of MLflow's REST API that takes what a run did.

use super::client::Client;
use super::content::{Metric, Told};
use super::error::MlflowError;
use churn_common::calendar::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Most parameters that one call takes.
const PARAMS: usize = 100;
/// Most metrics that one call takes.
const METRICS: usize = 1000;

/// A name and a text, as parameters and tags have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// The name.
    pub key: String,
    /// The text.
    pub value: String,
}

/// A run that was created.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunInfo {
    /// Its id.
    pub run_id: String,
    /// Where its artifacts belong.
    pub artifact_uri: String,
}

impl Client<'_> {
    /// The id of the experiment, which is created if there is none of the name.
    ///
    /// # Errors
    /// See [`MlflowError`].
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
            // Another run came between.
            Err(MlflowError::Refused { code, .. }) if code == "RESOURCE_ALREADY_EXISTS" => {
                let why = "it exists already, and there is none".to_owned();
                self.known_experiment().await?.ok_or(MlflowError::Unreadable { call, why })
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
            Err(MlflowError::Refused { code, .. }) if code == "RESOURCE_DOES_NOT_EXIST" => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Creates a run with the tags of `told`.
    ///
    /// # Errors
    /// See [`MlflowError`].
    pub async fn create_run(&self, experiment: &str, told: &Told) -> Result<RunInfo, MlflowError> {
        #[derive(Deserialize)]
        struct Created {
            run: Run,
        }
        #[derive(Deserialize)]
        struct Run {
            info: RunInfo,
        }
        let body = json!({"experiment_id": experiment, "start_time": told.begun.millis(), "tags": told.tags});
        Ok(self.post::<Created>("runs/create", &body).await?.run.info)
    }

    /// Adds parameters to a run.
    ///
    /// # Errors
    /// See [`MlflowError`].
    pub async fn log_params(&self, run: &str, params: &[Pair]) -> Result<(), MlflowError> {
        self.log(batches(run, "params", params, PARAMS)).await
    }

    /// Adds metrics to a run.
    ///
    /// # Errors
    /// See [`MlflowError`].
    pub async fn log_metrics(&self, run: &str, metrics: &[Metric]) -> Result<(), MlflowError> {
        self.log(batches(run, "metrics", metrics, METRICS)).await
    }

    async fn log(&self, batches: impl Iterator<Item = Value>) -> Result<(), MlflowError> {
        for batch in batches {
            let _: Map<String, Value> = self.post("runs/log-batch", &batch).await?;
        }
        Ok(())
    }

    /// Ends a run.
    ///
    /// # Errors
    /// See [`MlflowError`].
    pub async fn finish_run(&self, run: &str, ended: Timestamp) -> Result<(), MlflowError> {
        let body = json!({"run_id": run, "status": "FINISHED", "end_time": ended.millis()});
        self.post::<Map<String, Value>>("runs/update", &body).await.map(drop)
    }
}

/// The bodies of the calls that add `items` to a run, no more than `most` in each.
fn batches<T: Serialize>(run: &str, of: &'static str, items: &[T], most: usize) -> impl Iterator<Item = Value> {
    items.chunks(most).map(move |items| json!({"run_id": run, of: items}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_tells_more_than_servers_take() {
        let metric = |step| Metric { key: "fold_log_loss".into(), value: 0.5, timestamp: 1, step };
        let metrics: Vec<Metric> = (0..2500).map(metric).collect();
        let bodies: Vec<Value> = batches("r", "metrics", &metrics, METRICS).collect();
        let lengths: Vec<usize> = bodies.iter().map(|body| body["metrics"].as_array().unwrap().len()).collect();
        assert_eq!(lengths, [1000, 1000, 500]);
        let last = json!({"key": "fold_log_loss", "value": 0.5, "timestamp": 1, "step": 2499});
        assert_eq!((&bodies[2]["metrics"][499], &bodies[2]["run_id"]), (&last, &json!("r")));
        assert_eq!(batches::<Pair>("r", "params", &[], PARAMS).count(), 0);
    }
}
