//! Every call by which a training or a move by hand comes to the registry fails, in every way, once and for good; and the
//! process is killed at every call. At every moment the champion, the challenger and what a roll-back goes to are whole;
//! and asked again, all ends as in a calm run.

use anyhow::{Context, ensure};
use churn_common::calendar::Timestamp;
use churn_common::model::ModelVersion;
use churn_common::store::AllStores;
use churn_common::store::models::ReportFile;
use churn_common::store::objects::Condition;
use churn_common::store::registry::{Action, Registry};
use churn_tests::call::{Call, Service};
use churn_tests::delivery::{Try, repeatably};
use churn_tests::fault::Fault;
use churn_tests::mishap::{Misdirector, Mishap, try_all};
use churn_tests::world::World;
use churn_tests::{record, simulated};
use ingest::IngestSettings;
use retrain::{Audience, Deadline, Invocation, Outcome, TrainError, TrainingSettings, handle};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Milliseconds after which Lambda makes a request again.
const RETRY: i64 = 60_000;
/// Milliseconds until the run that completes deletions that broke off.
const NEXT_RUN: i64 = 7_200_000;

fn now() -> Timestamp {
    Timestamp::from_millis(1_764_000_000_000)
}

fn after(milliseconds: i64) -> Timestamp {
    Timestamp::from_millis(now().millis() + milliseconds)
}

fn settings() -> TrainingSettings {
    let quick = json!({"candidates": ["random_forest"], "folds": 2, "max_cutoffs": 3, "time_blocks": 1,
        "min_rows_per_class": 2, "min_users": 20, "bootstrap_resamples": 100, "scan_segments": 1, "gate_margin": 1.0,
        "gate_max_ece": 1.0, "min_log_days": 6, "leak_roc_auc": 1.0});
    let mut all = serde_json::to_value(TrainingSettings::default()).unwrap();
    quick.as_object().unwrap().iter().for_each(|(name, value)| all[name] = value.clone());
    serde_json::from_value(all).unwrap()
}

/// One request to `retrain`, by a process with these stores.
async fn ask(stores: AllStores, payload: Value, request: &'static str, now: Timestamp) -> Result<Outcome, TrainError> {
    let invocation = Invocation { id: request.to_owned(), now, deadline: Deadline::NONE };
    handle(payload, &stores, &settings(), &Audience::default(), &invocation).await
}

/// A log with models of it: the champion, the one before it, and a challenger.
struct Scene {
    world: World,
    /// What the bucket holds, by key.
    objects: BTreeMap<String, Vec<u8>>,
}

impl Scene {
    async fn new() -> anyhow::Result<Self> {
        let world = World::new(now()).await?;
        let log = simulated(80, 50, 4)?;
        let event = json!({"Records": [record("churn-logs", "log.json", &world.put("log.json", &log).await?, 1)]});
        let once = Try { event, request: "log".into(), now: now(), is_short: false };
        world.calm_process().deliver(once, &IngestSettings::default()).await?;
        let mut scene = Self { world, objects: BTreeMap::new() };
        for (request, payload) in [
            ("first", json!({"n_trees": 3})),
            ("second", json!({"n_trees": 4})),
            ("third", json!({"n_trees": 5, "gate_margin": 1e-9})),
        ] {
            scene.calmly(payload, request, now()).await?;
        }
        let registry = scene.registry().await?;
        let actions: Vec<Action> = registry.history.iter().map(|moved| moved.action).collect();
        ensure!(actions == [Action::Promote, Action::Promote, Action::Challenge], "{actions:?}");
        scene.objects = scene.bucket().await?;
        Ok(scene)
    }

    fn stores(&self) -> AllStores {
        self.world.calm_process().stores
    }

    async fn registry(&self) -> anyhow::Result<Registry> {
        Ok(self.stores().registry().read().await?.0)
    }

    async fn calmly(&self, payload: Value, request: &'static str, now: Timestamp) -> anyhow::Result<Outcome> {
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

    /// Makes everything as it was at first.
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

    /// Checks that whatever may be called on to serve is whole.
    async fn check(&self) -> anyhow::Result<()> {
        let (registry, models) = (self.registry().await?, self.stores().models());
        ensure!(registry.champion.is_some(), "nothing serves");
        for version in
            [registry.champion.as_ref(), registry.challenger.as_ref(), registry.before()].into_iter().flatten()
        {
            ensure!(registry.versions.contains(version), "{version} is not among those that are kept");
            models.get(version).await?;
            models.card(version).await?;
            for file in [ReportFile::Html, ReportFile::Json] {
                ensure!(models.report(version, file).await?.is_some(), "{version} has no {}", file.name());
            }
        }
        let moved = registry.history.iter().rev().find(|m| matches!(m.action, Action::Promote | Action::RollBack));
        ensure!(moved.map(|m| &m.version) == registry.champion.as_ref(), "the history tells of another champion");
        Ok(())
    }

    /// What is left at the end, but for moments and requests.
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
            history: registry.history.into_iter().map(|m| (m.action, m.version, m.replaced, m.why)).collect(),
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
    /// How it differs from what was expected, in words; empty if it does not.
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

/// A mishap at a call that a request makes, and who asks again.
#[derive(Debug, Clone, Copy)]
struct Trial {
    at: usize,
    mishap: Mishap,
    /// The next scheduled run, rather than Lambda's retry of the same request.
    by_another: bool,
}

/// Asks for `payload` under every mishap at every call from the first to the store bucket on, and again until it is done.
/// `operations` are those that there must be among the calls.
fn check(payload: &Value, is_scheduled: bool, operations: &[&str]) {
    let calm = async {
        let scene = Scene::new().await?;
        let director = Arc::new(Misdirector::of_nothing());
        let stores = scene.world.process(director.clone()).stores;
        ask(stores, payload.clone(), "request", now()).await?;
        scene.check().await?;
        anyhow::Ok((scene.end().await?, director.calls()))
    };
    let (expected, calls) = repeatably(0, calm).unwrap().unwrap();
    let trials = trials(&calls, is_scheduled);
    let run = async |scene: &Scene, trial: &Trial, director: &Arc<Misdirector>| {
        scene.restore().await?;
        director.befall(ask(scene.world.process(director.clone()).stores, payload.clone(), "request", now())).await?;
        scene.check().await.context("after the mishap")?;
        if !matches!(trial.mishap, Mishap::Once(_)) {
            let again = if trial.by_another { "another" } else { "request" };
            scene.calmly(payload.clone(), again, after(RETRY)).await?;
            scene.check().await.context("asked again")?;
        }
        if !scene.registry().await?.retired.is_empty() {
            scene.calmly(payload.clone(), "next", after(NEXT_RUN)).await?;
        }
        let differences = scene.end().await?.differences(&expected);
        ensure!(differences.is_empty(), differences);
        anyhow::Ok(())
    };
    let prepare = || repeatably(0, Scene::new()).unwrap().unwrap();
    try_all(&trials, prepare, |scene, trial| {
        let director = Arc::new(Misdirector::new(trial.at, trial.mishap));
        let done = repeatably(trial.at as u64, run(scene, trial, &director)).unwrap();
        done.map_err(|wrong| director.tell(trial, &wrong))
    });
    for operation in operations {
        assert!(calls.iter().any(|call| call.operation == *operation), "{operation} was not called");
    }
}

/// All there are, given the calls of a calm run.
fn trials(calls: &[Call], is_scheduled: bool) -> Vec<Trial> {
    let mut all = Vec::new();
    let stored = calls.iter().enumerate().skip_while(|(_, call)| call.service != Service::S3);
    for (at, call) in stored {
        // Of faults that look alike from here one each: the call does not take place, or does; or its answer breaks off.
        for fault in [Fault::ServerError, Fault::Lost, Fault::CutOff].into_iter().filter(|fault| fault.befalls(call)) {
            let mishaps = [Mishap::Once(fault), Mishap::FromThenOn(fault)];
            all.extend(mishaps.map(|mishap| Trial { at, mishap, by_another: false }));
        }
        for performed in [false, true] {
            let mishap = Mishap::Killed { performed };
            all.push(Trial { at, mishap, by_another: false });
            all.extend(is_scheduled.then_some(Trial { at, mishap, by_another: true }));
        }
    }
    all
}

#[test]
fn whatever_befalls_a_training_that_is_promoted_what_serves_is_whole_and_the_next_one_mends_it() {
    let payload = json!({"n_trees": 6, "keep_versions": 1});
    check(&payload, true, &["GetObject", "PutObject", "DeleteObject", "ListObjectsV2"]);
}

#[test]
fn whatever_befalls_a_move_by_hand_it_is_made_once() {
    for action in ["promote", "rollback"] {
        let mut payload = json!({"action": action, "why": "a test", "by": "amal"});
        if action == "promote" {
            payload["version"] = json!("challenger");
        }
        check(&payload, false, &["GetObject", "PutObject"]);
    }
}
