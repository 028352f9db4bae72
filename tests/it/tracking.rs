//! Tracking in MLflow on servers with different features and faults. Models are always trained.

use aws_sdk_s3::Client;
use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_tests::ingest_fixture::IngestFixture;
use churn_tests::mlflow::{FakeMlflow, Kind};
use churn_tests::{simulated, training};
use retrain::tracking::{Tracked, TrainingRun};
use retrain::{Deadline, Mlflow, Notifiers, Outcome, Trained, TrainingSettings, handle};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// Stores with a log in them.
async fn fixture() -> IngestFixture {
    let fixture = IngestFixture::new().await;
    fixture.ingest("log.json", simulated(150, 60, 1).unwrap()).await;
    fixture
}

/// Only the server at `url`.
fn mlflow(url: &str) -> Notifiers {
    mlflow_with(url, &[])
}

fn mlflow_with(url: &str, more: &[(&str, &str)]) -> Notifiers {
    let variable = |name: &str| match name {
        "MLFLOW_TRACKING_URI" => Some(url.to_owned()),
        _ => more.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
    };
    Notifiers { mlflow: Mlflow::from_variables(variable).unwrap(), ..Notifiers::default() }
}

/// Trains two logistic regressions, the second with a much larger penalty.
async fn train(stores: &Stores, notifiers: &Notifiers, deadline: Deadline) -> Trained {
    let payload = json!({"cutoff_interval_days": 7, "candidates": ["logistic_regression"], "logistic_l2": [1.0, 1000.0], "cv_folds": 3,
        "bootstrap_resamples": 100, "min_rows_per_class": 2, "gate_non_inferiority_margin": 1, "gate_max_ece": 1,
        "gate_max_calibration_in_the_large": 100});
    let trained = handle(payload, stores, &TrainingSettings::default(), notifiers, &training(deadline)).await;
    match trained.unwrap() {
        Outcome::Trained(trained) => *trained,
        other => panic!("{other:?}"),
    }
}

async fn track(stores: &Stores, notifiers: Notifiers) -> Tracked {
    train(stores, &notifiers, Deadline::NONE).await.tracking.unwrap()
}

async fn stored(s3: &Client, bucket: &str, key: &str) -> Vec<u8> {
    let got = s3.get_object().bucket(bucket).key(key).send().await.unwrap();
    got.body.collect().await.unwrap().to_vec()
}

#[tokio::test]
async fn training_is_a_run_with_candidates_and_a_registered_version() {
    let (fixture, server) = (fixture().await, FakeMlflow::start(Kind::default()).await.unwrap());
    let mlflow = mlflow(&server.url);
    let trained = train(&fixture.stores, &mlflow, Deadline::NONE).await;
    let tracking = trained.tracking.unwrap();
    assert_eq!((tracking.errors.len(), tracking.registered_version.as_deref()), (0, Some("1")), "{tracking:?}");
    assert_eq!(tracking.run.unwrap().url, format!("{}/#/experiments/1/runs/0", server.url));
    {
        let recorded = server.recorded();
        assert_eq!((recorded.experiments.as_slice(), recorded.runs.len()), (&["churn".to_owned()][..], 4));
        assert!(recorded.runs.iter().all(|run| run.finished));
        let run = &recorded.runs[0];
        let tag = |name: &str| run.tags[name].as_str();
        assert_eq!(
            (tag("model_version"), tag("family")),
            (trained.model_version.to_string().as_str(), "logistic_regression")
        );
        assert_eq!((tag("source.logs"), tag("source.objects")), ("s3://churn-logs/", "1"));
        assert_eq!(tag("source.snapshots"), trained.snapshots_url);
        assert_eq!((run.params["logistic_l2"].as_str(), run.params["cv_folds"].as_str()), ("[1.0,1000.0]", "3"));
        assert_eq!(run.metrics["test_log_loss"], [(trained.metrics["log_loss"].value.unwrap(), 0)]);
        let estimate = trained.metrics["roc_auc"];
        assert_eq!(run.metrics["test_roc_auc_low"], [(estimate.low.unwrap(), 0)]);
        assert_eq!(run.metrics["test_roc_auc_high"], [(estimate.high.unwrap(), 0)]);
        assert!(run.metrics.contains_key("test_uncalibrated_ece"));
        for (nested, candidate) in recorded.runs[1..].iter().zip(&trained.candidates) {
            assert_eq!((nested.tags["mlflow.parentRunId"].as_str(), &nested.tags["family"]), ("0", &candidate.family));
            assert_eq!(nested.tags["selected"], candidate.selected.to_string());
            assert_eq!(candidate.folds.len(), 3 * candidate.repeats, "three folds in each repeat");
            let folds: Vec<(f64, i64)> = candidate.folds.iter().map(|f| f.log_loss).zip(0..).collect();
            assert_eq!(nested.metrics["fold_log_loss"], folds);
            assert_eq!(nested.metrics["cv_log_loss"].len(), 1);
            for (name, value) in candidate.hyper_parameters.as_object().unwrap() {
                assert_eq!(nested.params[name], value.to_string());
            }
        }
        for file in ["model.bin", "card.json", "report.html", "report.json", "xgboost.json"] {
            let key = format!("models/{}/{file}", trained.model_version);
            let artifact = recorded.artifacts.get(&format!("1/0/artifacts/{file}"));
            let object = fixture.stores.store.get(&key).await.unwrap().map(|object| object.bytes);
            assert_eq!(artifact, object.as_ref(), "{file}");
            assert_eq!(artifact.is_some(), file != "xgboost.json", "{file}");
        }
        assert_eq!(recorded.versions[0]["source"], "mlflow-artifacts:/1/0/artifacts");
        assert_eq!(recorded.aliases["champion"], "1");
    }

    // The same model again: another run, the same registered version.
    let again = track(&fixture.stores, mlflow).await;
    assert_eq!((again.run.unwrap().run_id.as_str(), again.registered_version.as_deref()), ("4", Some("1")));
    assert_eq!(server.recorded().versions.len(), 1);
}

#[tokio::test]
async fn registered_model_is_found_and_gets_the_alias() {
    for tag_filters in [true, false] {
        let (fixture, server) =
            (fixture().await, FakeMlflow::start(Kind { tag_filters, ..Kind::default() }).await.unwrap());
        let notifiers = mlflow(&server.url);
        let trained = train(&fixture.stores, &notifiers, Deadline::NONE).await;
        let mlflow = notifiers.mlflow.unwrap();
        // Newer versions, of other models.
        let other = json!({"version": "2", "tags": [{"key": "model_version", "value": "other"}]});
        server.change(|recorded| {
            recorded.versions.extend([other.clone(), other]);
            recorded.aliases = BTreeMap::from([("challenger".to_owned(), "1".to_owned())]);
        });
        let champion = mlflow.champion_changed(&trained.model_version, Deadline::NONE).await;
        assert_eq!((champion.registered_version.as_deref(), champion.errors.len()), (Some("1"), 0));
        let aliases = server.recorded().aliases;
        assert_eq!(
            aliases,
            BTreeMap::from([("champion".to_owned(), "1".to_owned())]),
            "the champion is no longer challenger"
        );
        let unknown = mlflow.champion_changed(&ModelVersion::from_file(b"another"), Deadline::NONE).await;
        assert!(unknown.errors[0].contains("alias champion: no version of the registered model churn"));
        assert_eq!(server.recorded().aliases, aliases);
    }
}

#[tokio::test]
async fn manual_changes_move_the_aliases() {
    let (fixture, server) = (fixture().await, FakeMlflow::start(Kind::default()).await.unwrap());
    let notifiers = mlflow(&server.url);
    let first = train(&fixture.stores, &notifiers, Deadline::NONE).await.model_version;
    let call = async |payload: Value| {
        let settings = TrainingSettings::default();
        handle(payload, &fixture.stores, &settings, &notifiers, &training(Deadline::NONE)).await.unwrap()
    };
    let challenger = json!({"cutoff_interval_days": 7, "candidates": ["logistic_regression"], "logistic_l2": [10.0], "cv_folds": 3,
        "bootstrap_resamples": 100, "min_rows_per_class": 2, "gate_non_inferiority_margin": 1e-9});
    let Outcome::Trained(second) = call(challenger).await else { panic!("not trained") };
    assert_ne!(second.model_version, first);
    let aliases = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(alias, version)| ((*alias).to_owned(), (*version).to_owned())).collect()
    };
    assert_eq!(server.recorded().aliases, aliases(&[("challenger", "2"), ("champion", "1")]));
    for (payload, version) in [
        (json!({"action": "promote", "version": "challenger", "reason": "a test"}), "2"),
        (json!({"action": "rollback", "reason": "a test"}), "1"),
    ] {
        let Outcome::ChampionSet(set) = call(payload).await else { panic!("champion not set") };
        let tracking = set.tracking.unwrap();
        assert_eq!((tracking.registered_version.as_deref(), tracking.errors.len()), (Some(version), 0));
        assert_eq!(server.recorded().aliases, aliases(&[("champion", version)]));
    }

    // A training that is tracked only after its model was rolled back.
    let card = fixture.stores.models().card(&second.model_version).await.unwrap();
    let run = TrainingRun { stores: &fixture.stores, card: &card, snapshots_url: "s3://rows", artifacts: &[] };
    let late = notifiers.mlflow.as_ref().unwrap().track(&run, Deadline::NONE).await;
    assert_eq!((late.registered_version.as_deref(), late.errors.len()), (Some("2"), 0));
    assert_eq!(server.recorded().aliases, aliases(&[("champion", "1")]));
}

#[tokio::test]
async fn rejected_items_are_reported_and_the_rest_is_tracked() {
    let fixture = fixture().await;
    let tracked = async |kind: Kind| {
        let server = FakeMlflow::start(kind).await.unwrap();
        let tracked = track(&fixture.stores, mlflow(&server.url)).await;
        assert!(tracked.run.is_some() && tracked.registered_version.as_deref() == Some("1"), "{tracked:?}");
        (tracked.errors, server)
    };
    let (errors, server) = tracked(Kind { aliases: false, ..Kind::default() }).await;
    let response = "(registered-models/alias: status 404)";
    let expected =
        format!("alias champion: the server does not support aliases, expected MLflow 2.3 or later {response}");
    assert_eq!(errors, [expected]);
    assert_eq!((server.recorded().aliases.len(), server.recorded().runs.len()), (0, 4));

    let (errors, server) = tracked(Kind { artifact_root: "file:///mnt/mlruns".into(), ..Kind::default() }).await;
    assert!(
        errors.len() == 1 && errors[0].starts_with("artifacts: the server stores artifacts at file:"),
        "{errors:?}"
    );
    assert!(server.recorded().artifacts.is_empty());

    let (errors, server) = tracked(Kind { artifact_root: "s3://churn-store/mlflow".into(), ..Kind::default() }).await;
    assert_eq!((errors.len(), server.recorded().artifacts.len()), (0, 0), "{errors:?}");
    let version = server.recorded().runs[0].tags["model_version"].clone();
    let expected = stored(fixture.stack.s3(), "churn-store", &format!("models/{version}/model.bin")).await;
    assert_eq!(stored(fixture.stack.s3(), "churn-store", "mlflow/0/artifacts/model.bin").await, expected);

    let (errors, _) = tracked(Kind { artifact_root: "s3://no-such-bucket".into(), ..Kind::default() }).await;
    assert_eq!(errors.len(), 4, "an error for each file");
    assert!(errors[0].starts_with("artifact model.bin: PutObject on s3://no-such-bucket/"), "{errors:?}");

    // Servers that throttle and fail for a moment.
    for faults in [vec![429], vec![503, 429]] {
        let (errors, server) = tracked(Kind { faults, ..Kind::default() }).await;
        assert_eq!((errors.len(), server.recorded().runs.len()), (0, 4), "{errors:?}");
    }
}

#[tokio::test]
async fn tracking_stops_at_a_server_that_keeps_failing() {
    let fixture = fixture().await;
    // No server listens on port 1.
    let down = track(&fixture.stores, mlflow("http://127.0.0.1:1")).await;
    assert_eq!((down.run.as_ref(), down.registered_version.as_ref(), down.errors.len()), (None, None, 1));
    let start = "everything: experiments/get-by-name: no response: ";
    assert!(down.errors[0].starts_with(start), "{down:?}");
    assert!(down.errors[0].contains("refused"), "{down:?}");

    let (user, password, token) = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN");
    let secret = "open-sesame";
    for (variables, expected) in [
        (&[(user, "ann"), (password, secret)][..], "Basic YW5uOm9wZW4tc2VzYW1l"),
        (&[(token, secret)][..], "Bearer open-sesame"),
    ] {
        for (authorization, is_accepted) in [(expected, true), ("Bearer other", false)] {
            let kind = Kind { authorization: Some(authorization.into()), ..Kind::default() };
            let server = FakeMlflow::start(kind).await.unwrap();
            let tracked = track(&fixture.stores, mlflow_with(&server.url, variables)).await;
            assert_eq!((tracked.run.is_some(), tracked.errors.len()), (is_accepted, usize::from(!is_accepted)));
            assert_eq!(server.recorded().calls.len() == 1, !is_accepted, "{:?}", server.recorded().calls);
            let sentence = "everything: experiments/get-by-name: status 401: You are not authenticated.";
            assert!(is_accepted || tracked.errors == [sentence], "{tracked:?}");
            assert!(!json!(tracked).to_string().contains(secret));
        }
    }

    let server = FakeMlflow::start(Kind { faults: vec![500; 9], ..Kind::default() }).await.unwrap();
    let failing = track(&fixture.stores, mlflow(&server.url)).await;
    assert_eq!((failing.errors.len(), server.recorded().calls.len()), (1, 3), "{failing:?}");
    assert!(failing.errors[0].ends_with("status 500"), "{failing:?}");
}

#[tokio::test]
async fn errors_contain_the_server_s_own_sentence() {
    let fixture = fixture().await;
    for (status, body, expected) in [
        (
            400,
            r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid value 'churn' for 'experiment_name'"}"#,
            "status 400: INVALID_PARAMETER_VALUE: Invalid value 'churn' for 'experiment_name'",
        ),
        (
            401,
            r#"{"error_code": 401, "message": "Credential was not sent"}"#,
            "status 401: 401: Credential was not sent",
        ),
        (
            403,
            "Invalid Host header - possible DNS rebinding attack detected\n",
            "status 403: Invalid Host header - possible DNS rebinding attack detected",
        ),
        (403, r#"{"detail": "Permission denied"}"#, "status 403: Permission denied"),
        (404, "<!doctype html>\n<title>404 Not Found</title>", "status 404: 404 Not Found"),
        (422, "", "status 422"),
    ] {
        let kind = Kind { rejection: Some((status, body.to_owned())), ..Kind::default() };
        let server = FakeMlflow::start(kind).await.unwrap();
        let tracked = track(&fixture.stores, mlflow(&server.url)).await;
        assert_eq!(tracked.errors, [format!("everything: experiments/get-by-name: {expected}")]);
    }
}

#[tokio::test]
async fn tracking_addresses_are_http() {
    let fixture = fixture().await;
    for address in ["sqlite:///mlflow.db", "file:///mlruns", "./mlruns", "databricks", "localhost:5000", "http://"] {
        let tracked = track(&fixture.stores, mlflow(address)).await;
        assert_eq!(tracked.errors.len(), 1, "{tracked:?}");
        let start = "everything: MLFLOW_TRACKING_URI must be http:// or https:// and a host, got ";
        assert!(tracked.errors[0].starts_with(start), "{tracked:?}");
    }
}

#[tokio::test]
async fn tracking_needs_a_server_and_time() {
    let (fixture, server) = (fixture().await, FakeMlflow::start(Kind::default()).await.unwrap());
    let no_time = Deadline::after(Duration::ZERO);
    let late = train(&fixture.stores, &mlflow(&server.url), no_time).await.tracking.unwrap();
    assert_eq!((late.errors.len(), server.recorded().calls.len()), (1, 0));
    assert!(late.errors[0].ends_with("experiments/get-by-name: no time left for tracking"), "{late:?}");
    assert_eq!(train(&fixture.stores, &Notifiers::default(), Deadline::NONE).await.tracking, None);
}
