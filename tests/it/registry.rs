//! The model registry: manual changes, backtests, retention and concurrent trainings.

mod data_check;
mod gate;
mod lost;

use churn_common::calendar::{Day, Timestamp};
use churn_common::metrics::Evaluation;
use churn_common::model::card::{Card, GateReasonKind};
use churn_common::model::{Model, ModelVersion};
use churn_common::snapshot::features_if_at_risk;
use churn_common::store::files::ReportFile;
use churn_common::store::objects::Condition;
use churn_common::store::registry::{Action, Registry, Retired};
use churn_common::store::{StoreError, Stores};
use churn_local::Stack;
use churn_tests::{invocation, put, simulated, stores, training};
use ingest::IngestSettings;
use lambda_http::lambda_runtime::Diagnostic;
use predict::{ChampionCache, PredictSettings};
use retrain::{Deadline, Notifiers, Outcome, TrainError, Trained, TrainingSettings, handle};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const NAMES: &str = include_str!("../snapshots/retrain_names.json");

struct TrainingFixture {
    stack: Stack,
    stores: Stores,
}

impl TrainingFixture {
    /// Stores with the first `days` days of a log of 62 days.
    async fn new(days: i64) -> Self {
        let (stack, stores) = stores().await.unwrap();
        let fixture = Self { stack, stores };
        fixture.drop_log(0, days).await;
        fixture
    }

    /// Ingests the log's lines of the days from `first` up to `last`.
    async fn drop_log(&self, first: i64, last: i64) {
        let log = String::from_utf8(simulated(250, 62, 4).unwrap()).unwrap();
        let lines: Vec<(i64, &str)> = log.lines().map(|line| (day(line), line)).collect();
        let start = lines.iter().map(|(day, _)| *day).min().unwrap();
        let days = (start + first)..(start + last);
        let lines: Vec<&str> = lines.into_iter().filter(|(day, _)| days.contains(day)).map(|(_, line)| line).collect();
        let record = put(&self.stack, &format!("{first}.json"), lines.join("\n").into_bytes(), 1).await.unwrap();
        let now = invocation("id", Timestamp::now());
        ingest::handle(json!({"Records": [record]}), &self.stores, &IngestSettings::default(), &now).await.unwrap();
    }

    async fn retrain(&self, payload: Value) -> Result<Outcome, TrainError> {
        let quick = json!({"candidates": ["logistic_regression"], "logistic_l2": [1000.0], "min_rows_per_class": 5, "min_history_days": 6,
            "cutoff_interval_days": 7, "cv_repeats": 1,
            "bootstrap_resamples": 100});
        let settings = serde_json::from_value::<TrainingSettings>({
            let mut all = serde_json::to_value(TrainingSettings::default()).unwrap();
            quick.as_object().unwrap().iter().for_each(|(name, value)| all[name] = value.clone());
            all
        });
        handle(payload, &self.stores, &settings.unwrap(), &Notifiers::default(), &training(Deadline::NONE)).await
    }

    /// Trains; every model passes the gate, unless the payload sets a limit.
    async fn train(&self, mut payload: Value) -> Box<Trained> {
        for (limit, lax) in
            [("gate_non_inferiority_margin", 1), ("gate_max_ece", 1), ("gate_max_calibration_in_the_large", 100)]
        {
            let given = payload.as_object().unwrap().get(limit).cloned();
            payload[limit] = given.unwrap_or(json!(lax));
        }
        match self.retrain(payload).await.unwrap() {
            Outcome::Trained(trained) => trained,
            other => panic!("{other:?}"),
        }
    }

    async fn registry(&self) -> Registry {
        self.stores.registry().read().await.unwrap().0
    }

    async fn card(&self, version: &ModelVersion) -> Card {
        self.stores.models().card(version).await.unwrap()
    }

    async fn corrupt(&self, version: &ModelVersion) {
        let key = format!("models/{version}/model.bin");
        self.stores.store.put(&key, b"damaged".to_vec(), "", Condition::Always).await.unwrap();
    }

    async fn fails(&self, payload: Value) -> String {
        let before = self.registry().await;
        let error = self.retrain(payload).await.unwrap_err().to_string();
        assert_eq!(self.registry().await, before, "after {error}");
        error
    }
}

/// Days from the epoch to the event of a line.
fn day(line: &str) -> i64 {
    #[derive(serde::Deserialize)]
    struct Line {
        ts: i64,
    }
    serde_json::from_str::<Line>(line).unwrap().ts / 86_400_000
}

fn registration_status(trained: &Trained) -> Value {
    json!(trained.registered_as)
}

fn kinds(trained: &Trained) -> Vec<GateReasonKind> {
    trained.gate.iter().flat_map(|gate| &gate.reasons).map(|reason| reason.kind).collect()
}

/// The settings of another model, which ranks slightly worse than the default one.
fn other() -> Value {
    json!({"logistic_l2": [10.0]})
}

#[tokio::test]
async fn challenger_is_promoted_and_rolled_back_manually() {
    let fixture = TrainingFixture::new(60).await;
    let settings = PredictSettings { model_refresh_seconds: 0, ..PredictSettings::default() };
    let served = ChampionCache::new(&fixture.stores, &settings);
    let serves = async || served.current().await.unwrap().map(|serving| serving.version.clone());

    let first = fixture.train(json!({})).await;
    assert_eq!((registration_status(&first), &first.previous_version), (json!("champion"), &None));
    let gate = fixture.card(&first.model_version).await.gate.unwrap();
    assert!(gate.passed && gate.comparison.is_none());

    let second = fixture.train(json!({"logistic_l2": [10.0], "gate_non_inferiority_margin": 1e-9})).await;
    assert_eq!(
        (registration_status(&second), kinds(&second)),
        (json!("challenger"), vec![GateReasonKind::InferiorityNotExcluded])
    );
    assert_eq!(fixture.card(&second.model_version).await.gate, second.gate, "the card has the reasons");
    let compared = second.gate.as_ref().unwrap().comparison.as_ref().unwrap();
    assert_eq!((compared.rows, &compared.cutoffs), (second.test.rows, &second.test.cutoffs));
    assert_eq!(compared.champion_roc_auc, first.evaluation.roc_auc);
    assert_eq!(compared.roc_auc, second.evaluation.roc_auc);
    assert_eq!(serves().await, Some(first.model_version.clone()));

    let Outcome::Listed(listing) = fixture.retrain(json!({"action": "list"})).await.unwrap() else { panic!() };
    assert_eq!(listing.challenger.as_ref(), Some(&second.model_version));
    let listed: Vec<&ModelVersion> = listing.models.iter().map(|model| &model.version).collect();
    assert_eq!(listed, [&second.model_version, &first.model_version]);
    assert_eq!(listing.models[0].card.as_ref().unwrap().passed_gate, Some(false));

    let promote = json!({"action": "promote", "version": "challenger", "reason": "better lift", "actor": "amal"});
    let Outcome::ChampionSet(set) = fixture.retrain(promote).await.unwrap() else { panic!() };
    let change = set.change.unwrap();
    assert_eq!(
        (change.action, change.actor.as_str(), change.reason.as_str()),
        (Action::Promote, "amal", "better lift")
    );
    assert_eq!(serves().await, Some(second.model_version.clone()));

    let wrong = json!({"action": "rollback", "version": first.model_version, "reason": "too late"});
    assert!(fixture.fails(wrong).await.contains("expected the champion"));
    let back = json!({"action": "rollback", "version": second.model_version, "reason": "complaints"});
    fixture.retrain(back).await.unwrap();
    assert_eq!(serves().await, Some(first.model_version.clone()));
    assert!(fixture.fails(json!({"action": "rollback", "reason": "more"})).await.contains("no previous champion"));

    // After a manual rollback, a scheduled training does not replace the champion.
    for payload in [other(), json!({"logistic_l2": [1.0]})] {
        let challenger = fixture.train(payload).await;
        assert_eq!(
            (registration_status(&challenger), kinds(&challenger)),
            (json!("challenger"), vec![GateReasonKind::RollbackHold])
        );
    }
    let history = fixture.registry().await.history;
    let actions: Vec<Action> = history.iter().map(|change| change.action).collect();
    let expected = [Action::Promote, Action::RegisterChallenger, Action::Promote, Action::Rollback];
    assert_eq!(actions, [&expected[..], &[Action::RegisterChallenger; 2]].concat());
    assert!(history.iter().all(|change| !change.actor.is_empty() && !change.reason.is_empty()));
    fixture.train(json!({})).await;
    assert_eq!(fixture.registry().await.history, history, "the champion was trained again");
    fixture.retrain(json!({"action": "promote", "version": "challenger", "reason": "fixed"})).await.unwrap();
    assert_eq!(
        registration_status(&*fixture.train(other()).await),
        json!("champion"),
        "a manual promotion ends the hold"
    );
}

#[tokio::test]
async fn retried_request_changes_the_registry_once() {
    let fixture = TrainingFixture::new(60).await;
    for l2 in [1.0, 10.0, 1000.0] {
        fixture.train(json!({"logistic_l2": [l2]})).await;
    }
    let (settings, same) = (TrainingSettings::default(), training(Deadline::NONE));
    let again =
        async |payload: Value| handle(payload, &fixture.stores, &settings, &Notifiers::default(), &same).await.unwrap();
    let back = json!({"action": "rollback", "reason": "complaints"});
    let once = again(back.clone()).await;
    let registry = fixture.registry().await;
    assert_eq!(again(back).await, once);
    assert_eq!(fixture.registry().await, registry);
    assert_eq!(registry.champion.as_ref(), registry.versions.get(1));
}

#[tokio::test]
async fn invalid_models_are_not_promoted_and_block_no_other() {
    let fixture = TrainingFixture::new(60).await;
    let (first, second) = (fixture.train(json!({})).await, fixture.train(other()).await);
    assert_eq!(second.previous_version, Some(first.model_version.clone()));
    fixture.corrupt(&first.model_version).await;
    assert!(fixture.fails(json!({"action": "rollback", "reason": "x"})).await.contains("damaged"));
    let promote = |version: &str| json!({"action": "promote", "version": version, "reason": "x"});
    assert!(fixture.fails(promote(first.model_version.as_str())).await.contains("damaged"));
    assert!(fixture.fails(promote("0123456789abcdef")).await.contains("model 0123456789abcdef not found"));
    assert!(fixture.fails(promote("challenger")).await.contains("no challenger"));
    assert!(fixture.fails(json!({"action": "improve"})).await.contains("action is \"improve\""));

    fixture.corrupt(&second.model_version).await;
    let third = fixture.train(json!({"logistic_l2": [1.0], "gate_non_inferiority_margin": 1e-9})).await;
    let gate = third.gate.as_ref().unwrap();
    assert!(gate.passed && gate.champion_error.as_ref().unwrap().contains("damaged"), "{gate:?}");
    assert_eq!((registration_status(&third), third.previous_version), (json!("champion"), Some(second.model_version)));

    // Not even after a manual rollback.
    for payload in [json!({"logistic_l2": [100.0]}), json!({"logistic_l2": [30.0]})] {
        fixture.train(payload).await;
    }
    let Outcome::ChampionSet(back) = fixture.retrain(json!({"action": "rollback", "reason": "x"})).await.unwrap()
    else {
        panic!()
    };
    fixture.corrupt(&back.champion).await;
    let third = fixture.train(json!({"logistic_l2": [3.0]})).await;
    assert_eq!(
        (registration_status(&third), third.previous_version.as_ref()),
        (json!("champion"), Some(&back.champion))
    );

    // A training that gives the same model repairs its file.
    fixture.corrupt(&third.model_version).await;
    assert_eq!(registration_status(&*fixture.train(json!({"logistic_l2": [3.0]})).await), json!("already_champion"));
    assert!(fixture.stores.models().get(&third.model_version).await.is_ok());
}

#[tokio::test]
async fn backtest_scores_a_model_on_newer_data() {
    let fixture = TrainingFixture::new(55).await;
    let first = fixture.train(json!({})).await;
    let evaluate = async |payload: Value| match fixture.retrain(payload).await.unwrap() {
        Outcome::Evaluated(backtest) => backtest,
        other => panic!("{other:?}"),
    };
    // Without new data, the rows are those that the training held out.
    let now = evaluate(json!({"action": "evaluate"})).await;
    // The expected profit belongs to the settings of the training.
    let mut held_out = first.metrics.clone();
    held_out.retain(|name, _| !name.starts_with("empc"));
    assert_eq!((&now.evaluation, &now.metrics), (&first.evaluation, &held_out));
    assert_eq!(now.by_cutoff.iter().map(|at| at.cutoff).collect::<Vec<_>>(), first.test.cutoffs);
    assert_eq!((now.champion_comparison, now.training_metrics), (None, first.metrics.clone()));

    fixture.drop_log(55, 62).await;
    // A later champion may be trained on newer rows, which the comparison excludes.
    let second = fixture.train(other()).await;
    let later =
        evaluate(json!({"action": "evaluate", "version": first.model_version, "bootstrap_resamples": 150})).await;
    assert!(later.by_cutoff.len() > 1 && later.rows > now.rows);
    let file = fixture.stores.store.get(&format!("models/{}/model.bin", first.model_version)).await.unwrap().unwrap();
    let model = Model::from_bytes(&first.model_version, &file.bytes).unwrap();
    let log_end = fixture.stores.ledger.data_range(Timestamp::now()).await.unwrap().unwrap().last;
    let label = TrainingSettings::default().label();
    let cutoffs: Vec<Day> = later.by_cutoff.iter().map(|at| at.cutoff).collect();
    let rows = fixture.stores.histories.map_users(1, |_, history| {
        let at = |cutoff: &Day| {
            let p = model.predict(&features_if_at_risk(&history, *cutoff, 30, 24)?).unwrap().get();
            Some((label.for_history(&history, *cutoff, log_end)?, p))
        };
        Some(cutoffs.iter().filter_map(at).collect::<Vec<_>>())
    });
    let rows: Vec<(bool, f64)> = rows.await.unwrap().into_iter().flat_map(|(_, rows)| rows).collect();
    let (labels, p): (Vec<bool>, Vec<f64>) = rows.into_iter().unzip();
    let expected = Evaluation::new(&labels, &p, model.threshold().get()).unwrap();
    let scores = |e: &Evaluation| (e.confusion, e.roc_auc.unwrap());
    assert_eq!(scores(&later.evaluation), scores(&expected));
    assert!(expected.roc_auc != Some(0.5) && (later.evaluation.log_loss - expected.log_loss).abs() < 1e-12);
    assert_eq!(later.by_cutoff.iter().map(|at| at.rows).sum::<usize>(), later.rows);

    let champion = fixture.card(&second.model_version).await;
    let trained_to = champion.training.cutoffs.last().unwrap().plus(14);
    let compared = later.champion_comparison.unwrap();
    assert_eq!(compared.champion, second.model_version);
    assert_eq!(compared.cutoffs, cutoffs.into_iter().filter(|c| *c >= trained_to).collect::<Vec<_>>());
}

#[tokio::test]
async fn retention_keeps_the_versions_in_use() {
    let fixture = TrainingFixture::new(60).await;
    let mut versions = Vec::new();
    for l2 in [1.0, 10.0, 100.0] {
        versions.push(fixture.train(json!({"logistic_l2": [l2], "retained_versions": 1})).await.model_version);
    }
    let kept = fixture.registry().await;
    assert_eq!(kept.versions, versions[1..], "the champion and the rollback target");
    assert!(fixture.stores.store.list(&format!("models/{}/", versions[0])).await.unwrap().is_empty());
    assert!(kept.retired.is_empty());
    assert_eq!(kept.history.iter().filter(|m| m.action == Action::Retire).count(), 1);
    let gone = json!({"action": "promote", "version": versions[0], "reason": "x"});
    assert!(fixture.fails(gone).await.contains("not found"));
    for version in &versions[1..] {
        assert!(fixture.stores.models().get(version).await.is_ok());
    }

    // A later run completes an interrupted deletion; until then, the model cannot be registered.
    let interrupted = async |ago: i64| {
        let claimed_at = Timestamp::from_millis(Timestamp::now().millis() - ago);
        let interrupt = |registry: &mut Registry| {
            registry.retired = vec![Retired { version: versions[0].clone(), claimed_at }];
            Ok::<_, StoreError>(())
        };
        fixture.stores.registry().update(interrupt).await.unwrap();
    };
    interrupted(60_000).await;
    let error = fixture.retrain(json!({"logistic_l2": [1.0]})).await.unwrap_err();
    assert_eq!(Diagnostic::from(error).error_type, "Retryable");
    interrupted(3_600_000).await;
    assert_eq!(fixture.train(json!({"logistic_l2": [10.0]})).await.retired, [versions[0].clone()]);
    let again = fixture.train(json!({"logistic_l2": [1.0]})).await;
    assert_eq!((&again.model_version, registration_status(&again)), (&versions[0], json!("champion")));
    assert!(fixture.stores.models().get(&versions[0]).await.is_ok());
}

#[tokio::test]
async fn later_of_two_concurrent_trainings_is_compared_with_the_earlier() {
    let fixture = TrainingFixture::new(60).await;
    let (a, b) = tokio::join!(fixture.train(json!({})), fixture.train(other()));
    let registry = fixture.registry().await;
    let [first, second] = &registry.history[..] else { panic!("{:?}", registry.history) };
    assert_eq!((&first.previous_version, &second.previous_version), (&None, &Some(first.version.clone())));
    let (earlier, later) = if a.model_version == first.version { (a, b) } else { (b, a) };
    assert_eq!(earlier.gate.as_ref().unwrap().comparison, None);
    assert_eq!(later.gate.as_ref().unwrap().comparison.as_ref().unwrap().champion, first.version);
    assert_eq!(fixture.card(&later.model_version).await.gate, later.gate, "the card has the gate that decided");
}

/// Adds the path of every member in a JSON value, such as `models[].roc_auc.low`.
fn add_names(value: &Value, path: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                names.insert(path.clone());
                add_names(member, &path, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| add_names(value, &format!("{path}[]"), names)),
        _ => {}
    }
}

/// The names of every response and stored JSON file are a contract: a change of the snapshot is a breaking change.
#[tokio::test]
async fn names_match_the_snapshot() {
    let fixture = TrainingFixture::new(60).await;
    let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut add = |name, value: Value| add_names(&value, "", names.entry(name).or_default());
    let all = json!({"forest_n_estimators": 5, "boosting_max_depths": [2], "boosting_n_estimators": 10,
        "candidates": ["logistic_regression", "gradient_boosting", "random_forest"]});
    let not_trained = fixture.retrain(json!({"min_users": 100_000})).await.unwrap();
    let first = fixture.train(all).await;
    let second = fixture.train(other()).await;
    let rejected = json!({"logistic_l2": [1.0], "gate_non_inferiority_margin": 1e-9, "gate_max_ece": 0});
    let challenger = fixture.train(rejected).await;
    for trained in [&first, &second, &challenger] {
        add("trained", json!(Outcome::Trained(trained.clone())));
        add("card.json", json!(fixture.card(&trained.model_version).await));
    }
    add("not_trained", json!(not_trained));
    for (name, payload) in [
        ("evaluated", json!({"action": "evaluate", "version": "challenger"})),
        ("champion_set", json!({"action": "rollback", "reason": "a test"})),
        ("listed", json!({"action": "list"})),
        ("checked", json!({"action": "check"})),
    ] {
        let response = json!(fixture.retrain(payload).await.unwrap());
        assert_eq!(response["outcome"], name);
        add(name, response);
    }
    let report = fixture.stores.models().report(&first.model_version, ReportFile::Json).await.unwrap().unwrap();
    let mut report: Value = serde_json::from_slice(&report).unwrap();
    report["card"] = Value::Null;
    add("report.json", report);
    let retired = Retired { version: first.model_version.clone(), claimed_at: Timestamp::now() };
    let mut registry = fixture.registry().await;
    registry.retired.push(retired);
    add("registry.json", json!(registry));

    let expected: BTreeMap<&str, BTreeSet<String>> = serde_json::from_str(NAMES).unwrap();
    let actual = serde_json::to_string_pretty(&names).unwrap();
    assert!(names == expected, "names differ from tests/snapshots/retrain_names.json:\n{actual}");
}
