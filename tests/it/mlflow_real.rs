//! Tracking on a real MLflow server: the deployed functions train on a simulated log, and everything is read back.
//!
//! Needs the URL of a tracking server in `CHURN_TEST_MLFLOW`: `tests/mlflow.sh` starts one and runs this.

use axum::http::Method;
use churn_common::store::Stores;
use churn_local::{Stack, http};
use churn_tests::{deployed_with, simulated};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const EXPERIMENT: &str = "churn in tests";
const MODEL: &str = "churn-in-tests";

struct DeployedFixture {
    url: String,
    stack: Stack,
    stores: Stores,
}

impl DeployedFixture {
    /// The deployed functions, with tracking on the server at `url`.
    async fn new(url: String) -> Self {
        let variables =
            [("MLFLOW_TRACKING_URI", &*url), ("MLFLOW_EXPERIMENT_NAME", EXPERIMENT), ("CHURN_MLFLOW_MODEL", MODEL)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (stack, stores) = deployed_with(None, |function| function.env.extend(variables.clone())).await.unwrap();
        let mut ingested = stack.ingest_results();
        let log = simulated(150, 60, 1).unwrap();
        stack.s3().put_object().bucket("churn-logs").key("log.json").body(log.into()).send().await.unwrap();
        ingested.recv().await.unwrap().result.unwrap();
        Self { url, stack, stores }
    }

    async fn retrain(&self) -> Value {
        self.retrain_with(json!({"gate_max_ece": 1, "gate_max_calibration_in_the_large": 100})).await
    }

    async fn retrain_with(&self, settings: Value) -> Value {
        let mut payload = json!({"candidates": ["logistic_regression", "gradient_boosting"], "logistic_l2": [10.0],
            "boosting_max_depths": [2], "boosting_learning_rates": [0.1], "boosting_n_estimators": 20, "cv_folds": 3,
            "bootstrap_resamples": 100});
        settings.as_object().unwrap().iter().for_each(|(name, value)| payload[name] = value.clone());
        let answer = self.stack.lambda().invoke("retrain", payload.to_string().into_bytes()).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["outcome"], "trained", "{answer}");
        assert_eq!(answer["tracking"]["errors"], json!([]));
        answer
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Vec<u8> {
        let url = format!("{}/api/2.0/{path}", self.url);
        let answer = http::client().unwrap().request(method, url).json(&body).send().await.unwrap();
        let (status, body) = (answer.status(), answer.bytes().await.unwrap());
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
        body.into()
    }

    async fn get(&self, path: &str) -> Value {
        serde_json::from_slice(&self.send(Method::GET, path, Value::Null).await).unwrap()
    }

    async fn runs(&self, experiment: &str, filter: &str) -> Vec<Value> {
        let body = json!({"experiment_ids": [experiment], "filter": filter, "order_by": ["attributes.start_time"]});
        let found = self.send(Method::POST, "mlflow/runs/search", body).await;
        let found: Value = serde_json::from_slice(&found).unwrap();
        found["runs"].as_array().cloned().unwrap_or_default()
    }
}

/// The tags, parameters or metrics of a run.
fn data(run: &Value, kind: &str) -> BTreeMap<String, Value> {
    let items = run["data"][kind].as_array().into_iter().flatten(); // the server omits an empty list
    items.map(|item| (item["key"].as_str().unwrap().to_owned(), item["value"].clone())).collect()
}

fn percent_encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an MLflow server: run tests/mlflow.sh"]
async fn training_is_read_back_from_mlflow() {
    let url = std::env::var("CHURN_TEST_MLFLOW").expect("CHURN_TEST_MLFLOW is the URL of an MLflow server");
    let fixture = DeployedFixture::new(url).await;
    let answer = fixture.retrain().await;
    let version = answer["model_version"].as_str().unwrap();

    // The experiment and the run.
    let by_name = format!("mlflow/experiments/get-by-name?experiment_name={}", percent_encoded(EXPERIMENT));
    let experiment = fixture.get(&by_name).await["experiment"]["experiment_id"].as_str().unwrap().to_owned();
    let id = answer["tracking"]["run"]["run_id"].as_str().unwrap();
    let run = fixture.get(&format!("mlflow/runs/get?run_id={id}")).await["run"].clone();
    assert_eq!((&run["info"]["experiment_id"], &run["info"]["status"]), (&json!(experiment), &json!("FINISHED")));
    let (tags, params, metrics) = (data(&run, "tags"), data(&run, "params"), data(&run, "metrics"));
    let card: Value = serde_json::from_slice(&stored(&fixture, version, "card.json").await).unwrap();
    assert_eq!(tags["mlflow.runName"], json!(format!("{} {version}", card["family"].as_str().unwrap())));
    for (tag, value) in [
        ("model_version", &card["version"]),
        ("schema_hash", &card["schema_hash"]),
        ("family", &card["family"]),
        ("source.objects", &json!("1")),
        ("source.logs", &json!("s3://churn-logs/")),
        ("source.snapshots", &answer["snapshots_url"]),
    ] {
        assert_eq!(&tags[tag], value, "{tag}");
    }
    let settings = card["settings"].as_object().unwrap();
    assert_eq!(params.len(), settings.len());
    for (name, value) in settings {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(params[name], json!(value), "{name}");
    }
    for (name, estimate) in card["metrics"].as_object().unwrap() {
        for (metric, part) in [("", "value"), ("_low", "low"), ("_high", "high")] {
            let tracked = metrics.get(&format!("test_{name}{metric}")).unwrap_or(&Value::Null);
            assert_eq!(tracked.as_f64(), estimate[part].as_f64(), "{name}{metric}");
        }
    }
    assert_eq!(metrics["test_uncalibrated_ece"], card["calibration"]["uncalibrated_ece"]);

    // The candidates.
    let nested = fixture.runs(&experiment, &format!("tags.`mlflow.parentRunId` = '{id}'")).await;
    let candidates = card["candidates"].as_array().unwrap();
    assert_eq!((nested.len(), candidates.len()), (3, 3), "the baseline and two others");
    for candidate in candidates {
        let of_family = |run: &&Value| data(run, "tags")["family"] == candidate["family"];
        let run = nested.iter().find(of_family).unwrap();
        let params = data(run, "params");
        for (name, value) in candidate["hyper_parameters"].as_object().unwrap() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(params[name], json!(value), "{name}");
        }
        assert_eq!(data(run, "tags")["selected"], json!(candidate["selected"].to_string()));
        let run_id = run["info"]["run_id"].as_str().unwrap();
        let folds = candidate["folds"].as_array().unwrap();
        assert_eq!(folds.len() as u64, 3 * candidate["repeats"].as_u64().unwrap());
        for metric in ["log_loss", "roc_auc", "pr_auc", "rows", "positives"] {
            let path = format!("mlflow/metrics/get-history?run_id={run_id}&metric_key=fold_{metric}");
            let mut history = fixture.get(&path).await["metrics"].as_array().unwrap().clone();
            history.sort_by_key(|point| point["step"].as_i64());
            let tracked: Vec<_> = history.iter().map(|p| (p["step"].as_i64(), p["value"].as_f64())).collect();
            let expected: Vec<_> = (0..).map(Some).zip(folds.iter().map(|fold| fold[metric].as_f64())).collect();
            assert_eq!(tracked, expected, "{metric}");
        }
    }

    // The files, byte for byte, and the registered version.
    let mut files = vec!["model.bin", "card.json", "report.html", "report.json"];
    if card["family"] == "gradient_boosting" || card["family"] == "ensemble" {
        files.push("xgboost.json");
    }
    for file in files {
        let path = format!("mlflow-artifacts/artifacts/{experiment}/{id}/artifacts/{file}");
        let artifact = fixture.send(Method::GET, &path, Value::Null).await;
        assert!(artifact == stored(&fixture, version, file).await, "{file}");
    }
    let champion = async || {
        let path = format!("mlflow/registered-models/alias?name={MODEL}&alias=champion");
        fixture.get(&path).await["model_version"].clone()
    };
    let registered = champion().await;
    assert_eq!(
        (&registered["run_id"], &registered["version"]),
        (&json!(id), &answer["tracking"]["registered_version"])
    );
    assert_eq!(registered["tags"], json!([{"key": "model_version", "value": version}]));
    assert_eq!(registered["source"], run["info"]["artifact_uri"]);

    // The same model again: another run, but the same registered version.
    let again = fixture.retrain().await;
    assert_eq!(again["model_version"], version);
    assert_ne!(again["tracking"]["run"]["run_id"], id);
    assert_eq!(again["tracking"]["registered_version"], registered["version"]);
    assert_eq!(champion().await["version"], registered["version"]);
    let filter = percent_encoded(&format!("name='{MODEL}'"));
    let all = fixture.get(&format!("mlflow/model-versions/search?filter={filter}")).await;
    assert_eq!(all["model_versions"].as_array().unwrap().len(), 1);
    assert_eq!(fixture.runs(&experiment, "").await.len(), 8);

    // Another model, which does not pass the gate and is promoted manually.
    let other = fixture
        .retrain_with(json!({"logistic_l2": [1000.0], "boosting_max_depths": [1], "gate_non_inferiority_margin": 1e-9}))
        .await;
    assert_eq!(
        (&other["registered_as"], &other["tracking"]["registered_version"]),
        (&json!("challenger"), &json!("2"))
    );
    let model =
        async || fixture.get(&format!("mlflow/registered-models/get?name={MODEL}")).await["registered_model"].clone();
    let mut aliases = model().await["aliases"].as_array().unwrap().clone();
    aliases.sort_by_key(|alias| alias["alias"].to_string());
    let alias = |alias: &str, version: &str| json!({"alias": alias, "version": version});
    assert_eq!(aliases, [alias("challenger", "2"), alias("champion", "1")]);
    let promote = json!({"action": "promote", "version": "challenger", "reason": "a test"}).to_string();
    let promoted = fixture.stack.lambda().invoke("retrain", promote.into_bytes()).await.unwrap();
    let promoted: Value = serde_json::from_slice(&promoted).unwrap();
    assert_eq!(promoted["tracking"], json!({"run": null, "registered_version": "2", "errors": []}));
    assert_eq!(model().await["aliases"], json!([alias("champion", "2")]));
}

async fn stored(fixture: &DeployedFixture, version: &str, file: &str) -> Vec<u8> {
    fixture.stores.store.get(&format!("models/{version}/{file}")).await.unwrap().unwrap().bytes
}
