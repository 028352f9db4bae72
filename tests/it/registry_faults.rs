//! Every store call of a training and of the manual changes fails with each fault, once and permanently, and the
//! process is killed at every call. The champion, the challenger and the rollback target are always complete, and the
//! retried request ends in the same state as a run without faults.

use anyhow::{Context, ensure};
use churn_common::calendar::Timestamp;
use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_common::store::files::ReportFile;
use churn_common::store::objects::Condition;
use churn_common::store::registry::{Action, Registry};
use churn_tests::call::{Call, Service};
use churn_tests::delivery::{DeliveryAttempt, run_deterministically};
use churn_tests::fault::Fault;
use churn_tests::fault_plan::{FaultInjector, FaultPlan, run_trials};
use churn_tests::in_process::InProcessStores;
use churn_tests::{record, simulated};
use ingest::IngestSettings;
use retrain::{Deadline, Invocation, Notifiers, Outcome, TrainError, TrainingSettings, handle};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Milliseconds until Lambda retries a request.
const RETRY: i64 = 60_000;
/// Milliseconds until the run that completes interrupted deletions.
const NEXT_RUN: i64 = 7_200_000;

fn now() -> Timestamp {
    Timestamp::from_millis(1_764_000_000_000)
}

fn after(milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(now().millis() + milliseconds)
}

fn settings() -> TrainingSettings {
    let quick = json!({"candidates": ["random_forest"], "cv_folds": 2, "max_training_cutoffs": 3, "cv_repeats": 1,
        "cutoff_interval_days": 7,
        "min_rows_per_class": 2, "min_users": 20, "bootstrap_resamples": 100, "total_segments": 1, "gate_non_inferiority_margin": 1.0,
        "gate_max_ece": 1.0, "gate_max_calibration_in_the_large": 100, "min_history_days": 6, "leakage_roc_auc_limit": 1.0});
    let mut all = serde_json::to_value(TrainingSettings::default()).unwrap();
    quick.as_object().unwrap().iter().for_each(|(name, value)| all[name] = value.clone());
    serde_json::from_value(all).unwrap()
}

/// One request to `retrain`, by a process with these stores.
async fn ask(stores: Stores, payload: Value, request: &'static str, now: Timestamp) -> Result<Outcome, TrainError> {
    let invocation = Invocation { id: request.to_owned(), now, deadline: Deadline::NONE };
    handle(payload, &stores, &settings(), &Notifiers::default(), &invocation).await
}

/// A log and three models: the champion, the rollback target and a challenger.
struct RegistryFixture {
    local: InProcessStores,
    /// The objects of the store bucket, by key.
    objects: BTreeMap<String, Vec<u8>>,
}

impl RegistryFixture {
    async fn new() -> anyhow::Result<Self> {
        let local = InProcessStores::new(now()).await?;
        let log = simulated(50, 40, 6)?;
        let event = json!({"Records": [record("churn-logs", "log.json", &local.put("log.json", &log).await?, 1)]});
        let attempt = DeliveryAttempt { event, request_id: "log".into(), now: now(), is_short_of_time: false };
        local.process_without_faults().deliver(attempt, &IngestSettings::default()).await?;
        let mut fixture = Self { local, objects: BTreeMap::new() };
        for (request, payload) in [
            ("first", json!({"forest_n_estimators": 3})),
            ("second", json!({"forest_n_estimators": 4})),
            ("third", json!({"forest_n_estimators": 5, "gate_quality_rule": "reject"})),
        ] {
            fixture.without_faults(payload, request, now()).await?;
        }
        let registry = fixture.registry().await?;
        let actions: Vec<Action> = registry.history.iter().map(|change| change.action).collect();
        ensure!(actions == [Action::Promote, Action::Promote, Action::RegisterChallenger], "{actions:?}");
        fixture.objects = fixture.bucket().await?;
        Ok(fixture)
    }

    fn stores(&self) -> Stores {
        self.local.process_without_faults().stores
    }

    async fn registry(&self) -> anyhow::Result<Registry> {
        Ok(self.stores().registry().read().await?.0)
    }

    async fn without_faults(&self, payload: Value, request: &'static str, now: Timestamp) -> anyhow::Result<Outcome> {
        Ok(ask(self.stores(), payload, request, now).await?)
    }

    async fn bucket(&self) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let store = self.stores().store;
        let mut objects = BTreeMap::new();
        for (key, _) in store.list("").await? {
            let object = store.get(&key).await?.with_context(|| format!("{key} is gone"))?;
            objects.insert(key, object.bytes);
        }
        Ok(objects)
    }

    /// Restores the bucket's initial objects.
    async fn restore(&self) -> anyhow::Result<()> {
        let store = self.stores().store;
        for (key, _) in store.list("").await? {
            if !self.objects.contains_key(&key) {
                store.delete(&key).await?;
            }
        }
        for (key, bytes) in &self.objects {
            store.put(key, bytes.clone(), "", Condition::Always).await?;
        }
        Ok(())
    }

    /// Checks that every model that can serve is complete.
    async fn check(&self) -> anyhow::Result<()> {
        let (registry, models) = (self.registry().await?, self.stores().models());
        ensure!(registry.champion.is_some(), "no champion");
        for version in [registry.champion.as_ref(), registry.challenger.as_ref(), registry.previous_champion()]
            .into_iter()
            .flatten()
        {
            ensure!(registry.versions.contains(version), "{version} is not registered");
            models.get(version).await?;
            models.card(version).await?;
            for file in [ReportFile::Html, ReportFile::Json] {
                ensure!(models.report(version, file).await?.is_some(), "{version} has no {}", file.name());
            }
        }
        let change = registry.history.iter().rev().find(|c| matches!(c.action, Action::Promote | Action::Rollback));
        ensure!(change.map(|c| &c.version) == registry.champion.as_ref(), "the history has another champion");
        Ok(())
    }

    /// The final state, without times and request ids.
    async fn end(&self) -> anyhow::Result<End> {
        let registry = self.registry().await?;
        let mut files = self.bucket().await?;
        for (key, bytes) in &mut files {
            if key.ends_with("/card.json") {
                let card: Value = serde_json::from_slice(bytes)?;
                *bytes = json!([card["version"], card["gate"]]).to_string().into_bytes();
            } else if key == "registry.json" || key.contains("/report.") {
                bytes.clear();
            }
        }
        Ok(End {
            champion: registry.champion,
            challenger: registry.challenger,
            versions: registry.versions,
            deleting: registry.retired.len(),
            history: registry
                .history
                .into_iter()
                .map(|c| (c.action, c.version, c.previous_version, c.reason))
                .collect(),
            files,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    champion: Option<ModelVersion>,
    challenger: Option<ModelVersion>,
    versions: Vec<ModelVersion>,
    deleting: usize,
    history: Vec<(Action, ModelVersion, Option<ModelVersion>, String)>,
    files: BTreeMap<String, Vec<u8>>,
}

impl End {
    /// How it differs from `expected`; empty if it does not.
    fn differences(&self, expected: &Self) -> String {
        let files: BTreeSet<&String> = self.files.keys().chain(expected.files.keys()).collect();
        let other: Vec<_> = files.into_iter().filter(|key| self.files.get(*key) != expected.files.get(*key)).collect();
        if self == expected {
            return String::new();
        }
        let [found, expected] = [self, expected].map(|end| Self { files: BTreeMap::new(), ..end.clone() });
        format!("found {found:?}\nexpected {expected:?}\nfiles that differ: {other:?}")
    }
}

/// A fault at one call of a request, and the request after it.
#[derive(Debug, Clone, Copy)]
struct Trial {
    at: usize,
    plan: FaultPlan,
    /// Whether the next request is another scheduled run, instead of Lambda's retry.
    by_another: bool,
}

/// Requests `payload` with every fault at every call after the first S3 call, and retries until it succeeds. The calls
/// must include `operations`.
fn check(payload: &Value, is_scheduled: bool, operations: &[&str]) {
    let without_faults = async {
        let fixture = RegistryFixture::new().await?;
        let injector = Arc::new(FaultInjector::without_faults());
        let stores = fixture.local.process(injector.clone()).stores;
        ask(stores, payload.clone(), "request", now()).await?;
        fixture.check().await?;
        anyhow::Ok((fixture.end().await?, injector.calls()))
    };
    let (expected, calls) = run_deterministically(0, without_faults).unwrap().unwrap();
    let trials = trials(&calls, is_scheduled);
    let run = async |fixture: &RegistryFixture, trial: &Trial, injector: &Arc<FaultInjector>| {
        fixture.restore().await?;
        injector
            .run_with_fault(ask(fixture.local.process(injector.clone()).stores, payload.clone(), "request", now()))
            .await?;
        fixture.check().await.context("after the fault")?;
        if !matches!(trial.plan, FaultPlan::Once(_)) {
            let again = if trial.by_another { "another" } else { "request" };
            fixture.without_faults(payload.clone(), again, after(RETRY)).await?;
            fixture.check().await.context("requested again")?;
        }
        if !fixture.registry().await?.retired.is_empty() {
            fixture.without_faults(payload.clone(), "next", after(NEXT_RUN)).await?;
        }
        let differences = fixture.end().await?.differences(&expected);
        ensure!(differences.is_empty(), differences);
        anyhow::Ok(())
    };
    let prepare = || run_deterministically(0, RegistryFixture::new()).unwrap().unwrap();
    run_trials(&trials, prepare, |fixture, trial| {
        let injector = Arc::new(FaultInjector::new(trial.at, trial.plan));
        let done = run_deterministically(trial.at as u64, run(fixture, trial, &injector)).unwrap();
        done.map_err(|error| injector.describe(trial, &error))
    });
    for operation in operations {
        assert!(calls.iter().any(|call| call.operation == *operation), "{operation} was not called");
    }
}

/// All trials, given the calls of a run without faults.
fn trials(calls: &[Call], is_scheduled: bool) -> Vec<Trial> {
    let mut all = Vec::new();
    let stored = calls.iter().enumerate().skip_while(|(_, call)| call.service != Service::S3);
    for (at, call) in stored {
        // One fault of each kind: the call is not performed, it is performed, or its response is truncated.
        for fault in [Fault::ServerError, Fault::ResponseLost, Fault::BodyTruncated]
            .into_iter()
            .filter(|fault| fault.applies_to(call))
        {
            let plans = [FaultPlan::Once(fault), FaultPlan::FromHereOn(fault)];
            all.extend(plans.map(|plan| Trial { at, plan, by_another: false }));
        }
        for performed in [false, true] {
            let plan = FaultPlan::Kill { performed };
            all.push(Trial { at, plan, by_another: false });
            all.extend(is_scheduled.then_some(Trial { at, plan, by_another: true }));
        }
    }
    all
}

#[test]
fn training_survives_any_single_fault() {
    let payload = json!({"forest_n_estimators": 6, "retained_versions": 1});
    check(&payload, true, &["GetObject", "PutObject", "DeleteObject", "ListObjectsV2"]);
}

#[test]
fn manual_change_survives_any_single_fault() {
    for action in ["promote", "rollback"] {
        let mut payload = json!({"action": action, "reason": "a test", "actor": "amal"});
        if action == "promote" {
            payload["version"] = json!("challenger");
        }
        check(&payload, false, &["GetObject", "PutObject"]);
    }
}
