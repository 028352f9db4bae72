//! Which model comes to serve: the gate, moves by hand, backtests, retention, and who wins where two run at once.

use churn_common::calendar::{Day, Timestamp};
use churn_common::metrics::Evaluation;
use churn_common::model::card::{Card, GateReasonKind};
use churn_common::model::{Model, ModelVersion};
use churn_common::snapshot::at_risk;
use churn_common::store::objects::Condition;
use churn_common::store::registry::{Action, Registry, Retired};
use churn_common::store::{AllStores, StoreError};
use churn_local::Stack;
use churn_tests::{invocation, put, simulated, stores, training};
use ingest::IngestSettings;
use predict::{Champion, PredictSettings};
use retrain::{Audience, Deadline, Outcome, TrainError, Trained, TrainingSettings, handle};
use serde_json::{Value, json};

struct Bench {
    stack: Stack,
    stores: AllStores,
}

impl Bench {
    /// Stores with the first `days` days of a log of 62.
    async fn new(days: i64) -> Self {
        let (stack, stores) = stores().await.unwrap();
        let bench = Self { stack, stores };
        bench.drop_log(0, days).await;
        bench
    }

    /// Ingests what the log tells of the days from `first` up to `last`.
    async fn drop_log(&self, first: i64, last: i64) {
        let log = String::from_utf8(simulated(250, 62, 4).unwrap()).unwrap();
        let at = |line: &str| serde_json::from_str::<Value>(line).unwrap()["ts"].as_i64().unwrap() / 86_400_000;
        let start = log.lines().map(at).min().unwrap();
        let days = (start + first)..(start + last);
        let told: Vec<&str> = log.lines().filter(|line| days.contains(&at(line))).collect();
        let record = put(&self.stack, &format!("{first}.json"), told.join("\n").into_bytes(), 1).await.unwrap();
        let now = invocation("id", Timestamp::now());
        ingest::handle(json!({"Records": [record]}), &self.stores, &IngestSettings::default(), &now).await.unwrap();
    }

    async fn retrain(&self, payload: Value) -> Result<Outcome, TrainError> {
        let quick = json!({"candidates": ["logistic_regression"], "logistic_l2": [1000.0], "min_rows_per_class": 5, "min_log_days": 6,
            "bootstrap_resamples": 100});
        let settings = serde_json::from_value::<TrainingSettings>({
            let mut all = serde_json::to_value(TrainingSettings::default()).unwrap();
            quick.as_object().unwrap().iter().for_each(|(name, value)| all[name] = value.clone());
            all
        });
        handle(payload, &self.stores, &settings.unwrap(), &Audience::default(), &training(Deadline::NONE)).await
    }

    /// Trains; whatever the gate says, unless the payload sets its bounds.
    async fn train(&self, mut payload: Value) -> Box<Trained> {
        for bound in ["gate_margin", "gate_max_ece"] {
            let given = payload.as_object().unwrap().get(bound).cloned();
            payload[bound] = given.unwrap_or(json!(1));
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

    async fn damage(&self, version: &ModelVersion) {
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

fn place(trained: &Trained) -> Value {
    json!(trained.registered_as)
}

fn kinds(trained: &Trained) -> Vec<GateReasonKind> {
    trained.gate.iter().flat_map(|gate| &gate.reasons).map(|reason| reason.kind).collect()
}

/// Another model than the one without it, which ranks a little worse.
fn other() -> Value {
    json!({"logistic_l2": [10.0]})
}

#[tokio::test]
async fn a_model_that_is_held_back_is_promoted_and_taken_back_by_hand() {
    let bench = Bench::new(60).await;
    let settings = PredictSettings { model_refresh_seconds: 0, ..PredictSettings::default() };
    let served = Champion::new(&bench.stores, &settings);
    let serves = async || served.current().await.unwrap().map(|serving| serving.version.clone());

    let first = bench.train(json!({})).await;
    assert_eq!((place(&first), &first.replaced), (json!("champion"), &None));
    let gate = bench.card(&first.model_version).await.gate.unwrap();
    assert!(gate.passed && gate.comparison.is_none());

    let second = bench.train(json!({"logistic_l2": [10.0], "gate_margin": 1e-9})).await;
    assert_eq!((place(&second), kinds(&second)), (json!("challenger"), vec![GateReasonKind::MayBeWorse]));
    assert_eq!(bench.card(&second.model_version).await.gate, second.gate, "the reasons are in the card");
    let compared = second.gate.as_ref().unwrap().comparison.as_ref().unwrap();
    assert_eq!((compared.rows, &compared.cutoffs), (second.test.rows, &second.test.cutoffs));
    assert_eq!(compared.champion_roc_auc, first.evaluation.roc_auc);
    assert_eq!(compared.roc_auc, second.evaluation.roc_auc);
    assert_eq!(serves().await, Some(first.model_version.clone()));

    let Outcome::Listed(listing) = bench.retrain(json!({"action": "list"})).await.unwrap() else { panic!() };
    assert_eq!(listing.challenger.as_ref(), Some(&second.model_version));
    let listed: Vec<&ModelVersion> = listing.models.iter().map(|model| &model.version).collect();
    assert_eq!(listed, [&second.model_version, &first.model_version]);
    assert_eq!(listing.models[0].card.as_ref().unwrap().passed_gate, Some(false));

    let by_hand = json!({"action": "promote", "version": "challenger", "why": "less regret", "by": "amal"});
    let Outcome::Moved(moved) = bench.retrain(by_hand).await.unwrap() else { panic!() };
    let noted = moved.moved.unwrap();
    assert_eq!((noted.action, noted.by.as_str(), noted.why.as_str()), (Action::Promote, "amal", "less regret"));
    assert_eq!(serves().await, Some(second.model_version.clone()));

    let wrong = json!({"action": "rollback", "version": first.model_version, "why": "too late"});
    assert!(bench.fails(wrong).await.contains("is to be taken back, but"));
    let back = json!({"action": "rollback", "version": second.model_version, "why": "complaints"});
    bench.retrain(back).await.unwrap();
    assert_eq!(serves().await, Some(first.model_version.clone()));
    assert!(bench.fails(json!({"action": "rollback", "why": "more"})).await.contains("no champion before"));

    // No schedule undoes what was done by hand, whatever model comes of it.
    for payload in [other(), json!({"logistic_l2": [1.0]})] {
        let held_back = bench.train(payload).await;
        assert_eq!((place(&held_back), kinds(&held_back)), (json!("challenger"), vec![GateReasonKind::RolledBack]));
    }
    let history = bench.registry().await.history;
    let actions: Vec<Action> = history.iter().map(|moved| moved.action).collect();
    let by_hand = [Action::Promote, Action::Challenge, Action::Promote, Action::RollBack];
    assert_eq!(actions, [&by_hand[..], &[Action::Challenge; 2]].concat());
    assert!(history.iter().all(|moved| !moved.by.is_empty() && !moved.why.is_empty()));
    bench.train(json!({})).await;
    assert_eq!(bench.registry().await.history, history, "the model that serves came of it again");
    bench.retrain(json!({"action": "promote", "version": "challenger", "why": "mended"})).await.unwrap();
    assert_eq!(place(&*bench.train(other()).await), json!("champion"), "schedules go on");
}

#[tokio::test]
async fn a_request_that_lambda_makes_again_moves_nothing_again() {
    let bench = Bench::new(60).await;
    for l2 in [1.0, 10.0, 1000.0] {
        bench.train(json!({"logistic_l2": [l2]})).await;
    }
    let (settings, same) = (TrainingSettings::default(), training(Deadline::NONE));
    let again =
        async |payload: Value| handle(payload, &bench.stores, &settings, &Audience::default(), &same).await.unwrap();
    let back = json!({"action": "rollback", "why": "complaints"});
    let once = again(back.clone()).await;
    let registry = bench.registry().await;
    assert_eq!(again(back).await, once);
    assert_eq!(bench.registry().await, registry);
    assert_eq!(registry.champion.as_ref(), registry.versions.get(1));
}

#[tokio::test]
async fn what_cannot_serve_is_not_promoted_and_does_not_hold_others_back() {
    let bench = Bench::new(60).await;
    let (first, second) = (bench.train(json!({})).await, bench.train(other()).await);
    assert_eq!(second.replaced, Some(first.model_version.clone()));
    bench.damage(&first.model_version).await;
    assert!(bench.fails(json!({"action": "rollback", "why": "x"})).await.contains("damaged"));
    let promote = |version: &str| json!({"action": "promote", "version": version, "why": "x"});
    assert!(bench.fails(promote(first.model_version.as_str())).await.contains("damaged"));
    assert!(bench.fails(promote("0123456789abcdef")).await.contains("there is no model 0123456789abcdef"));
    assert!(bench.fails(promote("challenger")).await.contains("there is no challenger"));
    assert!(bench.fails(json!({"action": "improve"})).await.contains("action is \"improve\""));

    bench.damage(&second.model_version).await;
    let third = bench.train(json!({"logistic_l2": [1.0], "gate_margin": 1e-9})).await;
    let gate = third.gate.as_ref().unwrap();
    assert!(gate.passed && gate.champion_unfit.as_ref().unwrap().contains("damaged"), "{gate:?}");
    assert_eq!((place(&third), third.replaced), (json!("champion"), Some(second.model_version)));

    // Not even where it was rolled back to by hand.
    for payload in [json!({"logistic_l2": [100.0]}), json!({"logistic_l2": [30.0]})] {
        bench.train(payload).await;
    }
    let Outcome::Moved(back) = bench.retrain(json!({"action": "rollback", "why": "x"})).await.unwrap() else {
        panic!()
    };
    bench.damage(&back.champion).await;
    let third = bench.train(json!({"logistic_l2": [3.0]})).await;
    assert_eq!((place(&third), third.replaced.as_ref()), (json!("champion"), Some(&back.champion)));

    // A training that comes to the same model mends it.
    bench.damage(&third.model_version).await;
    assert_eq!(place(&*bench.train(json!({"logistic_l2": [3.0]})).await), json!("champion_already"));
    assert!(bench.stores.models().get(&third.model_version).await.is_ok());
}

#[tokio::test]
async fn a_champion_that_serves_but_cannot_be_compared_with_stays() {
    let bench = Bench::new(60).await;
    let first = bench.train(json!({})).await;
    let held_back = async |payload: Value, why: &str| {
        let trained = bench.train(payload).await;
        assert_eq!((place(&trained), kinds(&trained)), (json!("challenger"), vec![GateReasonKind::NotComparable]));
        let told = &trained.gate.as_ref().unwrap().reasons[0].detail;
        assert!(told.contains(why), "{told}");
    };
    held_back(json!({"logistic_l2": [1.0], "horizon_days": 13}), "predicts something else").await;
    let positives = first.test.positives;
    held_back(json!({"logistic_l2": [1.0], "min_rows_per_class": positives + 1}), "it takes").await;
    let key = format!("models/{}/card.json", first.model_version);
    bench.stores.store.put(&key, b"{}".to_vec(), "", Condition::Always).await.unwrap();
    held_back(json!({"logistic_l2": [1.0]}), "card of champion").await;
    assert_eq!(bench.registry().await.champion, Some(first.model_version));
}

#[tokio::test]
async fn probabilities_that_are_off_and_suspected_leaks_are_held_back_even_without_a_champion() {
    let bench = Bench::new(60).await;
    // A forest on balanced classes takes every user for half gone.
    let forest = json!({"candidates": ["random_forest"], "n_trees": 10, "calibration": "none", "gate_max_ece": 0.05});
    let off = bench.train(forest).await;
    assert_eq!((place(&off), kinds(&off)), (json!("challenger"), vec![GateReasonKind::Miscalibrated]));
    let leak = bench.train(json!({"logistic_l2": [1.0], "leak_roc_auc": 0.5})).await;
    assert_eq!((place(&leak), kinds(&leak)), (json!("challenger"), vec![GateReasonKind::LeakGuard]));
    assert_eq!(leak.replaced, Some(off.model_version));
    let registry = bench.registry().await;
    assert_eq!((registry.champion, registry.challenger), (None, Some(leak.model_version)));
}

#[tokio::test]
async fn models_that_look_back_on_other_spans_are_compared_on_rows_of_their_own() {
    let bench = Bench::new(60).await;
    let first = bench.train(json!({"window_days": 14})).await;
    let second = bench.train(json!({})).await;
    let compared = second.gate.as_ref().unwrap().comparison.as_ref().unwrap();
    assert_eq!(compared.champion, first.model_version);
    // Who was active in 14 days was so in 30: the champion has a row for fewer of them.
    assert!(0 < compared.rows && compared.rows <= second.test.rows && compared.rows == first.test.rows);
    assert_eq!(compared.champion_roc_auc, first.evaluation.roc_auc);
}

#[tokio::test]
async fn a_backtest_scores_a_model_on_what_came_since() {
    let bench = Bench::new(55).await;
    let first = bench.train(json!({})).await;
    let evaluate = async |payload: Value| match bench.retrain(payload).await.unwrap() {
        Outcome::Evaluated(backtest) => backtest,
        other => panic!("{other:?}"),
    };
    // Nothing has come since: the very rows that training held out.
    let now = evaluate(json!({"action": "evaluate"})).await;
    assert_eq!((&now.evaluation, &now.estimates), (&first.evaluation, &first.estimates));
    assert_eq!(now.cutoffs.iter().map(|at| at.cutoff).collect::<Vec<_>>(), first.test.cutoffs);
    assert_eq!((now.against_champion, now.at_training), (None, first.estimates.clone()));

    bench.drop_log(55, 62).await;
    // A later training may have seen what the first one had not; the comparison leaves such rows out.
    let second = bench.train(other()).await;
    let later =
        evaluate(json!({"action": "evaluate", "version": first.model_version, "bootstrap_resamples": 150})).await;
    assert!(later.cutoffs.len() > 1 && later.rows > now.rows);
    let file = bench.stores.store.get(&format!("models/{}/model.bin", first.model_version)).await.unwrap().unwrap();
    let model = Model::from_bytes(&first.model_version, &file.bytes).unwrap();
    let (_, log_end) = bench.stores.ledger.log_span(Timestamp::now()).await.unwrap().unwrap();
    let label = TrainingSettings::default().label();
    let cutoffs: Vec<Day> = later.cutoffs.iter().map(|at| at.cutoff).collect();
    let rows = bench.stores.histories.map_users(1, |_, history| {
        let at = |cutoff: &Day| {
            let p = model.predict(&at_risk(&history, *cutoff, 30)?).get();
            Some((label.of(&history, *cutoff, log_end)?, p))
        };
        Some(cutoffs.iter().filter_map(at).collect::<Vec<_>>())
    });
    let rows: Vec<(bool, f64)> = rows.await.unwrap().into_iter().flat_map(|(_, rows)| rows).collect();
    let (labels, p): (Vec<bool>, Vec<f64>) = rows.into_iter().unzip();
    let expected = Evaluation::of(&labels, &p, model.threshold().get()).unwrap();
    let scores = |e: &Evaluation| (e.confusion, e.roc_auc.unwrap());
    assert_eq!(scores(&later.evaluation), scores(&expected));
    assert!(expected.roc_auc != Some(0.5) && (later.evaluation.log_loss - expected.log_loss).abs() < 1e-12);
    assert_eq!(later.cutoffs.iter().map(|at| at.rows).sum::<usize>(), later.rows);

    let champion = bench.card(&second.model_version).await;
    let trained_to = champion.training.cutoffs.last().unwrap().plus(14);
    let compared = later.against_champion.unwrap();
    assert_eq!(compared.champion, second.model_version);
    assert_eq!(compared.cutoffs, cutoffs.into_iter().filter(|c| *c >= trained_to).collect::<Vec<_>>());
}

#[tokio::test]
async fn old_versions_are_deleted_but_never_one_that_is_needed() {
    let bench = Bench::new(60).await;
    let mut versions = Vec::new();
    for l2 in [1.0, 10.0, 100.0] {
        versions.push(bench.train(json!({"logistic_l2": [l2], "keep_versions": 1})).await.model_version);
    }
    let kept = bench.registry().await;
    assert_eq!(kept.versions, versions[1..], "the champion, and what a roll-back goes to");
    assert!(bench.stores.store.list(&format!("models/{}/", versions[0])).await.unwrap().is_empty());
    assert!(kept.retired.is_empty());
    assert_eq!(kept.history.iter().filter(|m| m.action == Action::Retire).count(), 1);
    let gone = json!({"action": "promote", "version": versions[0], "why": "x"});
    assert!(bench.fails(gone).await.contains("there is no model"));
    for version in &versions[1..] {
        assert!(bench.stores.models().get(version).await.is_ok());
    }

    // A deletion that broke off is completed by a later run; until then the model does not come again.
    let begun = async |ago: i64| {
        let since = Timestamp::from_millis(Timestamp::now().millis() - ago);
        let broken_off = |registry: &mut Registry| {
            registry.retired = vec![Retired { version: versions[0].clone(), since }];
            Ok::<_, StoreError>(())
        };
        bench.stores.registry().update(broken_off).await.unwrap();
    };
    begun(60_000).await;
    let error = bench.retrain(json!({"logistic_l2": [1.0]})).await.unwrap_err();
    assert_eq!(error.kind(), "Retryable", "{error}");
    begun(3_600_000).await;
    assert_eq!(bench.train(json!({"logistic_l2": [10.0]})).await.retired, [versions[0].clone()]);
    let again = bench.train(json!({"logistic_l2": [1.0]})).await;
    assert_eq!((&again.model_version, place(&again)), (&versions[0], json!("champion")));
    assert!(bench.stores.models().get(&versions[0]).await.is_ok());
}

#[tokio::test]
async fn of_two_trainings_at_once_the_later_is_judged_against_the_earlier() {
    let bench = Bench::new(60).await;
    let (a, b) = tokio::join!(bench.train(json!({})), bench.train(other()));
    let registry = bench.registry().await;
    let [first, second] = &registry.history[..] else { panic!("{:?}", registry.history) };
    assert_eq!((&first.replaced, &second.replaced), (&None, &Some(first.version.clone())));
    let (earlier, later) = if a.model_version == first.version { (a, b) } else { (b, a) };
    assert_eq!(earlier.gate.as_ref().unwrap().comparison, None);
    assert_eq!(later.gate.as_ref().unwrap().comparison.as_ref().unwrap().champion, first.version);
    assert_eq!(bench.card(&later.model_version).await.gate, later.gate, "the card tells the verdict that counted");
}
