//! The table of IAM actions lists the permissions that the functions use, and no others: each function runs on stores that record
//! its calls.

use super::rows_in;
use crate::alert_faults::due;
use crate::user_lists::scored;
use anyhow::Context;
use churn_common::actions::Actions;
use churn_common::calendar::{Day, Timestamp};
use churn_common::event_bus::EventSettings;
use churn_common::model::{ModelVersion, Probability};
use churn_common::pseudonym::StoredUser;
use churn_common::risk::{Assignment, Crossing, Epoch, Group};
use churn_common::store::Stores;
use churn_common::store::objects::Condition;
use churn_common::table::write_assignments;
use churn_local::sns::topic_arn;
use churn_tests::call::{Call, Service};
use churn_tests::delivery::{DeliveryAttempt, run_deterministically};
use churn_tests::fault_plan::FaultInjector;
use churn_tests::in_process::InProcessStores;
use churn_tests::{record, removal, simulated};
use ingest::IngestSettings;
use lambda_http::{Body, Request};
use monitor::MonitorSettings;
use percent_encoding::percent_decode_str;
use predict::{ChampionCache, PredictSettings};
use retrain::{Deadline, Invocation, Notifiers, TrainingSettings};
use score::{AlertSettings, AlertTargets, Alerts, ScoreSettings};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const PAGE: &str = include_str!("../../../docs/deployment.md");
/// Milliseconds after which the manifest of an older version is deleted.
const TWO_HOURS: i64 = 7_200_000;

/// A function, an IAM action and its resource.
type Permission = (String, String, String);

/// Stores within this process on which each function runs as an own process.
struct Recorder {
    local: InProcessStores,
    used: BTreeSet<Permission>,
}

impl Recorder {
    async fn new() -> anyhow::Result<Self> {
        let local = InProcessStores::new(Timestamp::from_millis(1_764_000_000_000)).await?;
        Ok(Self { local, used: BTreeSet::new() })
    }

    /// Adds the permissions for the calls that `function` made.
    fn add(&mut self, function: &str, injector: &FaultInjector) {
        self.used.extend(injector.calls().iter().map(|call| {
            let (action, resource) = permission(call);
            (function.to_owned(), action, resource)
        }));
    }

    /// Runs `function` on its stores.
    async fn run(
        &mut self,
        function: &str,
        run: impl AsyncFnOnce(&Stores, Timestamp) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let injector = Arc::new(FaultInjector::without_faults());
        run(&self.local.process(injector.clone()).stores, self.local.now()).await?;
        self.add(function, &injector);
        Ok(())
    }

    async fn ingest(&mut self, event: Value, is_short_of_time: bool) -> anyhow::Result<()> {
        let injector = Arc::new(FaultInjector::without_faults());
        let request_id = fastrand::u64(..).to_string();
        let attempt = DeliveryAttempt {
            event: json!({ "Records": [event] }),
            request_id,
            now: self.local.now(),
            is_short_of_time,
        };
        let settings = IngestSettings { chunk_bytes: 1 << 18, ..IngestSettings::default() };
        self.local.process(injector.clone()).deliver(attempt, &settings).await?;
        self.add("ingest", &injector);
        Ok(())
    }

    async fn retrain(&mut self, payload: Value) -> anyhow::Result<()> {
        let settings = training_settings();
        self.run("retrain", async |stores, now| {
            let invocation = Invocation { id: fastrand::u64(..).to_string(), now, deadline: Deadline::NONE };
            retrain::handle(payload, stores, &settings, &Notifiers::default(), &invocation).await?;
            Ok(())
        })
        .await
    }

    async fn score(&mut self, payload: Value) -> anyhow::Result<()> {
        let injector = Arc::new(FaultInjector::without_faults());
        let bus = EventSettings { event_bus: Some("churn".into()) };
        let settings = AlertSettings { alert_topic: Some(topic_arn()), ..AlertSettings::default() };
        let targets = AlertTargets::connect(&self.local.config(injector.clone()), &bus, &settings);
        let alerts = Alerts::new(&targets, "request", SystemTime::now() + Duration::from_secs(900));
        let stores = self.local.process(injector.clone()).stores;
        let outcome = score::handle(payload, &stores, &ScoreSettings::default(), &alerts, self.local.now()).await?;
        anyhow::ensure!(matches!(outcome, score::Outcome::Scored { .. }), "{outcome:?}");
        self.add("score", &injector);
        Ok(())
    }

    async fn predict(&mut self, request: Request) -> anyhow::Result<()> {
        let settings = PredictSettings::default();
        self.run("predict", async |stores, now| {
            let champion = ChampionCache::new(stores, &settings);
            let actions = Actions::load(None)?;
            let response = predict::handle(&request, stores, &champion, &settings, &actions, now).await;
            let response = response.map_err(|e| anyhow::anyhow!("{e}"))?;
            anyhow::ensure!(response.status() == 200, "{:?}", response.body());
            Ok(())
        })
        .await
    }
}

fn training_settings() -> TrainingSettings {
    let quick = json!({"candidates": ["random_forest"], "cv_folds": 2, "max_training_cutoffs": 3, "cv_repeats": 1,
        "cutoff_interval_days": 7,
        "min_rows_per_class": 2, "min_users": 20, "bootstrap_resamples": 100, "gate_max_ece": 1.0, "gate_max_calibration_in_the_large": 100,
        "gate_non_inferiority_margin": 1.0, "min_history_days": 6, "leakage_roc_auc_limit": 1.0, "retained_versions": 1});
    let mut all = serde_json::to_value(TrainingSettings::default()).unwrap();
    quick.as_object().unwrap().iter().for_each(|(name, value)| all[name] = value.clone());
    serde_json::from_value(all).unwrap()
}

/// The action and the resource that a call needs, as the page names them.
fn permission(call: &Call) -> (String, String) {
    let target = percent_decode_str(&call.target).decode_utf8_lossy().into_owned();
    match call.service {
        Service::Lambda => ("lambda:InvokeFunction".to_owned(), "itself".to_owned()),
        Service::EventBridge => ("events:PutEvents".to_owned(), "event bus".to_owned()),
        Service::Sns => ("sns:Publish".to_owned(), "alert topic".to_owned()),
        Service::DynamoDb => {
            let resource = match target.split_once('/') {
                Some((_, item)) if item.starts_with("index/") => target.as_str(),
                Some((table, _)) => table,
                None => target.as_str(),
            };
            (format!("dynamodb:{}", call.operation), resource.to_owned())
        }
        Service::S3 => {
            let action = match call.operation.as_str() {
                "HEAD" | "HeadObject" | "GetObject" => "s3:GetObject",
                "ListObjectsV2" => "s3:ListBucket",
                "PutObject" => "s3:PutObject",
                "DeleteObject" => "s3:DeleteObject",
                other => panic!("the IAM action of {other} is unknown"),
            };
            let resource = match target.split_once('/') {
                Some(("churn-store", key)) => match key.split_once('/') {
                    Some((folder, _)) => format!("{folder}/*"),
                    None => key.to_owned(),
                },
                _ => "logs bucket".to_owned(),
            };
            (action.to_owned(), resource)
        }
    }
}

/// The permissions on the page.
fn documented() -> BTreeSet<Permission> {
    let quoted = |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut permissions = BTreeSet::new();
    for [function, actions, resources] in rows_in(PAGE, "## IAM actions") {
        let named = quoted(resources);
        let resources = if named.is_empty() { vec![resources.to_owned()] } else { named };
        for action in quoted(actions) {
            permissions.extend(resources.iter().map(|r| (quoted(function).concat(), action.clone(), r.clone())));
        }
    }
    permissions
}

/// Runs every function such that it makes each kind of call.
async fn used() -> anyhow::Result<BTreeSet<Permission>> {
    let mut recorder = Recorder::new().await?;
    let log = simulated(50, 40, 6)?;
    let put = async |recorder: &Recorder, key: &str, body: &[u8], version| {
        anyhow::Ok(record("churn-logs", key, &recorder.local.put(key, body).await?, version))
    };

    // A rejected line, a new version, a removal, an object in two invocations.
    let first = put(&recorder, "a.json", &[&log[..], b"no event\n"].concat(), 1).await?;
    recorder.ingest(first, false).await?;
    let end = log.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let removed = put(&recorder, "removed.json", &log[..end], 1).await?;
    recorder.ingest(removed, false).await?;
    recorder.local.advance(TWO_HOURS);
    let second = put(&recorder, "a.json", &log, 2).await?;
    recorder.ingest(second, true).await?;
    if let Some(event) = recorder.local.queued() {
        recorder.ingest(event["Records"][0].clone(), false).await?;
    }
    recorder.local.remove("removed.json").await?;
    recorder.ingest(removal("churn-logs", "removed.json", 2), false).await?;

    for trees in [3, 4, 5] {
        recorder.retrain(json!({ "forest_n_estimators": trees })).await?;
    }
    recorder.retrain(json!({"action": "list"})).await?;
    recorder.retrain(json!({"action": "evaluate"})).await?;
    recorder.retrain(json!({"action": "rollback", "reason": "a test"})).await?;
    recorder.local.advance(TWO_HOURS);
    recorder.retrain(json!({"forest_n_estimators": 6, "gate_non_inferiority_margin": 1e-9})).await?;

    // A due alert. Another number of segments replaces files. After the last activity, records are removed.
    let risks = recorder.local.process_without_faults().stores.risks;
    anyhow::ensure!(risks.put(&due(999, 0.9, recorder.local.now())).await?, "the user has a record");
    let repeated =
        [json!({"total_segments": 2, "orphan_search_days": 1, "export_audience": "csv"}), json!({"total_segments": 1})];
    for payload in repeated.into_iter().chain([json!({"as_of": "2025-11-01"})]) {
        recorder.score(payload).await?;
    }

    let user: Value = serde_json::from_slice(&log[..end])?;
    let body = json!({"user_id": user["userId"], "as_of": "2018-10-20"}).to_string();
    let request = |method: &str, path: &str, body: String| {
        let request = lambda_http::http::Request::builder().method(method).uri(path);
        request.header("content-type", "application/json").body(Body::from(body))
    };
    recorder.predict(request("POST", "/predict", body)?).await?;
    recorder.predict(request("GET", "/model", String::new())?).await?;
    let stores = recorder.local.process_without_faults().stores;
    let name = user["userId"].as_str().unwrap_or_default();
    anyhow::ensure!(stores.risks.put(&scored(&stores, name, &[0.7], 0.0)).await?, "user {name} has a record");
    let list = lambda_http::request::from_str(include_str!("../../../events/users.json"))?;
    recorder.predict(list).await?;
    recorder.predict(request("GET", &format!("/users/{name}"), String::new())?).await?;
    let erasure = lambda_http::request::from_str(include_str!("../../../events/erase.json"))?;
    recorder.predict(erasure).await?;

    let crossing = Crossing {
        user: StoredUser::from_stored("30").context("no user")?,
        assignment: Assignment { group: Group::Control, epoch: Epoch::from_stored("2018-Q4").context("no epoch")? },
        probability: Probability::try_from(0.5)?,
        became_high_on: Day::from_number(17_820),
        model_version: ModelVersion::from_file(b"model"),
    };
    let file = write_assignments(&[crossing])?;
    let store = recorder.local.process_without_faults().stores.store;
    store.put("assignments/date=2018-10-16/part-0-of-1.parquet", file, "", Condition::Always).await?;
    recorder
        .run("monitor", async |stores, now| {
            monitor::handle(Value::Null, stores, &MonitorSettings::default(), now).await?;
            Ok(())
        })
        .await?;
    Ok(recorder.used)
}

#[test]
fn iam_actions_are_those_that_the_functions_need() {
    let used = run_deterministically(1, used()).unwrap().unwrap();
    let documented = documented();
    let missing: Vec<_> = used.difference(&documented).collect();
    assert!(missing.is_empty(), "not on the page: {missing:#?}");
    // Without s3:ListBucket, S3 reports a missing object as forbidden. The bus is no part of this process.
    let implied = |(function, action, resource): &Permission| match action.as_str() {
        "s3:ListBucket" => used.contains(&(function.clone(), "s3:GetObject".to_owned(), resource.clone())),
        "events:PutEvents" => function == "retrain",
        // After a write of two runs at the same time.
        "dynamodb:GetItem" => function == "score",
        _ => false,
    };
    let unused: Vec<_> = documented.difference(&used).filter(|permission| !implied(permission)).collect();
    assert!(unused.is_empty(), "on the page, but not used: {unused:#?}");
}
