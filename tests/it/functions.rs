//! The deployed binaries over the Lambda Runtime API, S3 and DynamoDB: from an uploaded log to a prediction.

use churn_common::calendar::Timestamp;
use churn_common::features::{COUNT, position};
use churn_common::model::LoadedModel;
use churn_common::snapshot::features_if_at_risk;
use churn_common::store::Stores;
use churn_common::table;
use churn_local::lambda::InvokeError;
use churn_local::{Stack, http};
use churn_tests::{deployed, simulated};
use serde_json::{Value, json};
use std::collections::BTreeSet;

struct DeployedFixture {
    stack: Stack,
    stores: Stores,
}

impl DeployedFixture {
    async fn new() -> Self {
        let (stack, stores) = deployed().await.unwrap();
        Self { stack, stores }
    }

    /// Uploads an object and returns the result of `ingest` for it.
    async fn upload_log(&self, key: &str, body: Vec<u8>) -> Value {
        let mut results = self.stack.ingest_results();
        self.stack.s3().put_object().bucket("churn-logs").key(key).body(body.into()).send().await.unwrap();
        let delivery = results.recv().await.unwrap();
        assert_eq!(delivery.event.key, key);
        serde_json::from_slice::<Value>(&delivery.result.unwrap()).unwrap()["objects"][0].clone()
    }

    async fn invoke(&self, function: &str, payload: Value) -> Result<Value, InvokeError> {
        let response = self.stack.lambda().invoke(function, payload.to_string().into_bytes()).await?;
        Ok(serde_json::from_slice(&response).unwrap())
    }

    /// Sends a request, checks the content type and returns status and body.
    async fn send(&self, method: &str, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> (u16, Value) {
        let url = format!("{}{path}", self.stack.http_url());
        let request =
            http::client().unwrap().request(method.parse().unwrap(), url).header("content-type", content_type);
        let response = request.body(body.into()).send().await.unwrap();
        let status = response.status().as_u16();
        let content_type = response.headers()["content-type"].to_str().unwrap();
        let expected = if status < 300 || path == "/health" { "application/json" } else { "application/problem+json" };
        assert_eq!(content_type, expected, "{method} {path} returned {status}");
        (status, response.json().await.unwrap())
    }

    async fn predict(&self, body: Value) -> (u16, Value) {
        self.send("POST", "/predict", "application/json", body.to_string()).await
    }

    /// Requests a prediction with `Accept-Language: accept` and returns `Content-Language` and body.
    async fn predict_in(&self, accept: &str, body: Value) -> (String, Value) {
        let request = http::client().unwrap().post(format!("{}/predict", self.stack.http_url()));
        let response = request.header("accept-language", accept).json(&body).send().await.unwrap();
        assert_eq!(response.headers()["vary"], "accept-language");
        let language = response.headers()["content-language"].to_str().unwrap().to_owned();
        (language, response.json().await.unwrap())
    }

    async fn stored(&self, key: &str) -> Vec<u8> {
        self.stores.store.get(key).await.unwrap().unwrap().bytes
    }
}

/// The example of the API's documentation.
fn example() -> Value {
    json!({"events": [{"ts": 1_538_352_117_000_i64, "userId": "30", "sessionId": 29, "page": "NextSong", "level": "paid",
        "itemInSession": 50, "registration": 1_538_173_362_000_i64, "gender": "M", "artist": "Martha Tilston",
        "song": "Rockpools", "length": 277.89016}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn uploaded_log_leads_to_a_prediction() {
    let fixture = DeployedFixture::new().await;

    // Without a model.
    let (status, health) = fixture.send("GET", "/health", "", "").await;
    assert_eq!((status, &health["status"]), (503, &json!("model_not_available")));
    assert_eq!(fixture.predict(example()).await.0, 503);
    assert_eq!(fixture.invoke("retrain", json!({})).await.unwrap()["reason"], "no_data");
    assert_eq!(fixture.invoke("monitor", json!({})).await.unwrap()["reason"], "no_model");

    // With half of the users, the model of this log gives all users the same probability.
    let log = simulated(400, 60, 5).unwrap();
    let half = log.len() / 2 + log[log.len() / 2..].iter().position(|b| *b == b'\n').unwrap() + 1;
    for (key, part) in [("2018/first half.json", &log[..half]), ("2018/second+half.json", &log[half..])] {
        let answer = fixture.upload_log(key, part.to_vec()).await;
        assert_eq!((&answer["outcome"], &answer["rejected"]), (&json!("ingested"), &json!(0)), "{answer}");
        assert_eq!(answer["lines"], part.iter().filter(|b| **b == b'\n').count());
    }

    // A run that trains nothing changes nothing. A good run promotes, and a repeated run gives the same bytes.
    let not_trained = fixture.invoke("retrain", json!({"min_users": 100_000})).await.unwrap();
    assert_eq!(
        (&not_trained["outcome"], &not_trained["reason"]),
        (&json!("not_trained"), &json!("insufficient_users"))
    );
    assert_eq!(fixture.send("GET", "/health", "", "").await.0, 503);
    // The gate accepts any score: registry.rs tests it.
    let settings = json!({"forest_n_estimators": 20, "min_rows_per_class": 5, "boosting_max_depths": [3],
        "boosting_reg_lambda": 1, "boosting_min_child_weight": 0.5, "boosting_colsample_bytree": 0.5, "logistic_l2": [100.0], "bootstrap_resamples": 100,
        "gate_non_inferiority_margin": 1, "gate_max_ece": 1, "gate_max_calibration_in_the_large": 100});
    let trained = fixture.invoke("retrain", settings.clone()).await.unwrap();
    assert_eq!(trained["registered_as"], "champion", "{trained}");
    let version = trained["model_version"].as_str().unwrap().to_owned();
    let bytes = fixture.stored(&format!("models/{version}/model.bin")).await;
    let again = fixture.invoke("retrain", json!({"detail-type": "Scheduled Event", "detail": settings})).await.unwrap();
    assert_eq!((&again["model_version"], &again["previous_version"]), (&json!(version), &Value::Null));
    assert_eq!(fixture.stores.registry().read().await.unwrap().0.history.len(), 1, "the repeated run promotes nothing");
    assert_eq!(fixture.stored(&format!("models/{version}/model.bin")).await, bytes);
    let mut only_boosting = settings.clone();
    only_boosting["candidates"] = json!(["gradient_boosting"]);
    let other = fixture.invoke("retrain", only_boosting).await.unwrap();
    assert_ne!(other["model_version"], json!(version));
    assert_eq!(other["previous_version"], json!(version), "{}", other["gate"]);
    let events: Vec<Value> = fixture.stack.events().unwrap();
    let published: Vec<&Value> = events.iter().map(|event| &event["detail"]["version"]).collect();
    assert_eq!(published, [&trained["model_version"], &other["model_version"]]);
    assert_eq!(trained["event"], json!({"event_id": events[0]["id"]}));

    rows_are_exported(&fixture, &trained).await;
    predictions_agree_with_the_stored_history(&fixture).await;
    predictions_are_explained(&fixture).await;
    errors_have_their_own_status(&fixture).await;

    let (status, card) = fixture.send("GET", "/model", "", "").await;
    assert_eq!((status, &card["family"]), (200, &json!("gradient_boosting")));
    assert_eq!(&card["label"]["horizon_days"], &json!(14));
    card_matches_the_training(&card, &trained);
    let xgboost = fixture.stored(&format!("models/{}/xgboost.json", card["version"].as_str().unwrap())).await;
    assert!(serde_json::from_slice::<Value>(&xgboost).unwrap()["learner"].is_object());
    let importance = &card["shap_importance"];
    assert_eq!((&importance["rows"], importance["features"].as_array().unwrap().len()), (&card["test"]["rows"], COUNT));
    let bins = card["shap_dependence"][0]["bins"].as_array().unwrap();
    assert_eq!(card["shap_dependence"][0]["feature"], importance["features"][0]["name"]);
    assert!((1..=10).contains(&bins.len()), "{importance}");
    let monitored = fixture.invoke("monitor", json!({})).await.unwrap();
    assert_eq!(monitored["outcome"], "reported", "{monitored}");
    let report: Value = serde_json::from_slice(
        &fixture.stored(monitored["report_url"].as_str().unwrap().strip_prefix("s3://churn-store/").unwrap()).await,
    )
    .unwrap();
    assert_eq!(report["drift"]["features"].as_array().unwrap().len(), COUNT);
    assert_eq!(report["performance"]["is_newer_than_test"], false);

    each_user_at_risk_raises_one_alert(&fixture).await;

    // Errors have the type and the message of the function.
    let failed = fixture.invoke("retrain", json!({"no_such_setting": 1})).await.unwrap_err().to_string();
    assert!(failed.contains("InvalidSettings") && failed.contains("no_such_setting"), "{failed}");
    let failed = fixture.invoke("ingest", json!({"no": "event"})).await.unwrap_err().to_string();
    assert!(failed.contains("InvalidEvent"), "{failed}");
    fixture.stack.shutdown().await;
}

async fn each_user_at_risk_raises_one_alert(fixture: &DeployedFixture) {
    let alerted = || -> Vec<Value> {
        let events = fixture.stack.events().unwrap().into_iter().filter(|event| event["source"] == "churn.score");
        events.map(|event| event["detail"]["user_id"].clone()).collect()
    };
    let mut digests = fixture.stack.digests();
    let scored = fixture.invoke("score", json!({"control_share": 0.5})).await.unwrap();
    let crossings = &scored["users"]["crossings"];
    let (treatment, control) = (crossings["treatment"].as_u64().unwrap(), crossings["control"].as_u64().unwrap());
    assert!(treatment > 0 && control > 0, "{scored}");
    let alerts = json!({"sent": treatment, "retried": 0, "failed": 0, "in_progress": 0, "waiting": 0,
        "digest": scored["alerts"]["digest"]});
    assert_eq!(scored["alerts"], alerts);
    let users = alerted();
    assert_eq!(users.iter().map(Value::to_string).collect::<BTreeSet<_>>().len() as u64, treatment);
    let digest = digests.try_recv().unwrap();
    assert_eq!(json!({"message_id": digest.message_id}), scored["alerts"]["digest"]);
    let in_control = format!("\nNot alerted: 0 until a later run, {control} in the control group.\n");
    assert!(digest.message.contains(&in_control), "{}", digest.message);

    // The same day again changes nothing.
    let again = fixture.invoke("score", json!({"control_share": 0.5})).await.unwrap();
    assert_eq!((&again["users"], &again["alerts"]["sent"]), (&scored["users"], &json!(0)));
    assert_eq!((alerted(), digests.try_recv().is_err()), (users, true));
}

/// `card` is of the champion (boosting only), `trained` the response of the run over all families.
fn card_matches_the_training(card: &Value, trained: &Value) {
    let families = |of: &Value| -> Vec<String> {
        let best = of["candidates"].as_array().unwrap().iter().filter(|c| c["best_of_family"] == true);
        best.map(|c| c["family"].as_str().unwrap().to_owned()).collect()
    };
    let all = ["logistic_regression", "gradient_boosting", "random_forest", "extra_trees", "ensemble", "prior"];
    assert_eq!(families(trained), all);
    assert_eq!(families(card), ["gradient_boosting", "prior"]);
    let chosen: Vec<_> = trained["candidates"].as_array().unwrap().iter().filter(|c| c["selected"] == true).collect();
    assert_eq!((chosen.len(), &chosen[0]["family"]), (1, &trained["family"]));
    for of in [&card["metrics"], &chosen[0]["metrics"]] {
        for metric in ["roc_auc", "pr_auc", "log_loss", "brier", "ece", "lift_at_10_percent", "recall_at_k"] {
            let [low, value, high] = ["low", "value", "high"].map(|part| of[metric][part].as_f64().unwrap());
            assert!(low <= high && low - 0.2 <= value && value <= high + 0.2, "{metric}: {low} {value} {high}");
        }
    }
    assert_eq!(card["metrics"]["roc_auc"]["value"], card["evaluation"]["roc_auc"]);
    assert!(card["leakage_checks"]["future_events"]["users"].as_u64().unwrap() > 100);
    assert_eq!(card["leakage_checks"]["permuted_labels"]["passed"], true, "{}", card["leakage_checks"]);
    assert_eq!(card["leakage_checks"]["test_score"], json!({"limit": 0.95, "passed": true}));
    // By default, a tenth of the users at the newest training cutoff get the label 1. On the held-out rows the share differs by
    // chance and by drift.
    let (confusion, rows) = (&card["evaluation"]["confusion"], card["test"]["rows"].as_f64().unwrap());
    let labelled = (confusion["tp"].as_f64().unwrap() + confusion["fp"].as_f64().unwrap()) / rows;
    assert!((0.03..0.25).contains(&labelled), "{labelled}: {}", card["decision"]);
    let trade_off = card["decision"]["trade_off"].as_array().unwrap();
    assert!(trade_off.iter().any(|row| row["threshold"] == card["decision"]["threshold"]));
    assert!(card["calibration"]["calibration"]["platt"].is_object(), "{}", card["calibration"]);
}

/// The snapshots have the number of rows in the response, the baseline one per user, and every value is in the range of the
/// observation window.
async fn rows_are_exported(fixture: &DeployedFixture, trained: &Value) {
    let key = trained["snapshots_url"].as_str().unwrap().strip_prefix("s3://churn-store/").unwrap();
    let rows = table::read_rows(fixture.stored(key).await).unwrap();
    let count = |part: &str| trained[part]["rows"].as_u64().unwrap() as usize;
    assert_eq!(rows.len(), count("training") + count("test"));
    let version = trained["model_version"].as_str().unwrap();
    let page = fixture.stored(trained["report_url"].as_str().unwrap().strip_prefix("s3://churn-store/").unwrap()).await;
    assert!(String::from_utf8(page).unwrap().contains(version), "the training report");
    let baseline = table::read_rows(fixture.stored(&format!("models/{version}/baseline.parquet")).await).unwrap();
    let log_end = fixture.stores.ledger.data_range(Timestamp::now()).await.unwrap().unwrap().last;
    let current = fixture.stores.histories.map_users(2, |_, h| features_if_at_risk(&h, log_end, 30, 24)).await.unwrap();
    assert_eq!(baseline.len(), current.len(), "the users who are active at the end of the log");
    let (recency, events) = (position("recency_days").unwrap(), position("events").unwrap());
    for row in rows.iter().chain(&baseline) {
        assert!((0.0..=30.0).contains(&row.values()[recency]) && row.values()[events] >= 1.0, "{row:?}");
    }
}

/// Predictions use the same feature function as training.
async fn predictions_agree_with_the_stored_history(fixture: &DeployedFixture) {
    let as_of = fixture.stores.ledger.data_range(Timestamp::now()).await.unwrap().unwrap().last;
    let model_version = fixture.send("GET", "/health", "", "").await.1["model_version"].clone();
    let version = serde_json::from_value(model_version.clone()).unwrap();
    let model = fixture.stores.models().get(&version).await.unwrap();
    let users = fixture.stores.histories.map_users(2, |_, h| features_if_at_risk(&h, as_of, 30, 24)).await.unwrap();
    assert!(users.len() > 20);
    for (user, row) in users.iter().step_by(users.len() / 10) {
        let (status, answer) = fixture.predict(json!({"user_id": user, "as_of": as_of})).await;
        assert_eq!(status, 200, "{answer}");
        let probability = model.predict(row).unwrap();
        assert_eq!(answer["churn_probability"], json!(probability));
        assert_eq!(answer["churn_label"], json!(u8::from(model.label(probability))));
        assert_eq!(answer["risk_level"], json!(model.risk(probability)));
        assert_eq!(answer["model_version"], model_version);
        assert_eq!(answer["as_of_source"], "request");
    }

    // One event in the request, without a stored history.
    let (status, answer) = fixture.predict(example()).await;
    assert_eq!((status, &answer["user_id"], &answer["as_of"]), (200, &json!("30"), &json!("2018-10-02T00:00:00Z")));
    assert_eq!((&answer["evidence"]["events"], &answer["evidence"]["is_sufficient"]), (&json!(1), &json!(false)));

    // A stored history and events in the request: a duplicate event counts once.
    let (user, _) = &users[0];
    let mut event = example()["events"][0].clone();
    event["userId"] = json!(user);
    event["sessionId"] = json!(987_654_321);
    event["ts"] = json!(as_of.start().millis() - 1000);
    let alone = fixture.predict(json!({"user_id": user, "as_of": as_of})).await.1;
    let both = fixture.predict(json!({"user_id": user, "as_of": as_of, "events": [event, event]})).await.1;
    let events = |answer: &Value| answer["evidence"]["events"].as_u64().unwrap();
    assert_eq!(events(&both), events(&alone) + 1);
    assert_eq!((&both["evidence"]["request_events"], &both["evidence"]["duplicate_events"]), (&json!(1), &json!(1)));
}

/// Contributions add up to the model output, and texts are in the requested language.
async fn predictions_are_explained(fixture: &DeployedFixture) {
    let as_of = fixture.stores.ledger.data_range(Timestamp::now()).await.unwrap().unwrap().last;
    let version =
        serde_json::from_value(fixture.send("GET", "/health", "", "").await.1["model_version"].clone()).unwrap();
    let model = fixture.stores.models().get(&version).await.unwrap();
    let loaded = LoadedModel::new(version, model.clone());
    let users = fixture.stores.histories.map_users(2, |_, h| features_if_at_risk(&h, as_of, 30, 24)).await.unwrap();
    for (user, row) in users.iter().step_by(users.len() / 5) {
        let body = json!({"user_id": user, "as_of": as_of});
        let (language, english) = fixture.predict_in("fr, en;q=0.8, ar;q=0.7", body.clone()).await;
        assert_eq!(language, "en");
        let reasons = english["reasons"].as_array().unwrap();
        let contributions = loaded.explain(row).unwrap().contributions;
        let contribute = contributions.iter().filter(|contribution| **contribution != 0.0).count();
        assert_eq!(reasons.len(), contribute.min(5), "{english}");
        assert!(contribute > 0, "the model is not constant");
        let contributions: Vec<f64> = reasons.iter().map(|r| r["contribution"].as_f64().unwrap()).collect();
        // With label 1, the features that raise the risk come first.
        let label = english["churn_label"].as_u64().unwrap();
        let rank = |contribution: f64| (label == 1 && contribution < 0.0, -contribution.abs());
        assert!(contributions.is_sorted_by_key(|c| rank(*c)), "label {label}: {contributions:?}");
        assert_eq!(label == 1, ["high", "critical"].contains(&english["risk_level"].as_str().unwrap()), "{english}");
        let number = |name: &str| english[name].as_f64().unwrap();
        let sum = number("base_value") + contributions.iter().sum::<f64>() + number("other_contributions");
        let (p, score) = (number("churn_probability"), model.scorer().score(&model.input(row)).unwrap());
        let output = match english["model_output"].as_str().unwrap() {
            "probability" => p,
            "log_odds" => (p / (1.0 - p)).ln(),
            "uncalibrated_probability" | "uncalibrated_log_odds" => score,
            other => panic!("unexpected output {other}"),
        };
        // A booster's score is summed in single precision.
        assert!((sum - output).abs() < 1e-5, "{sum} is not {output}: {english}");
        assert!((number("output_value") - sum).abs() < 1e-12);

        let (language, arabic) = fixture.predict_in("ar-EG, en;q=0.5", body).await;
        assert_eq!((language.as_str(), &arabic["churn_probability"]), ("ar", &english["churn_probability"]));
        assert_eq!(arabic["recommended_action"]["id"], english["recommended_action"]["id"]);
        let is_arabic = |text: &Value| text.as_str().unwrap().chars().any(|c| ('\u{0621}'..='\u{064a}').contains(&c));
        assert!(is_arabic(&arabic["recommended_action"]["text"]) && !is_arabic(&english["recommended_action"]["text"]));
        for (ar, en) in arabic["reasons"].as_array().unwrap().iter().zip(reasons) {
            let position = position(en["feature"].as_str().unwrap()).unwrap();
            let value = row.values()[position];
            assert_eq!(en["value"].as_f64().map(|v| v as f32), (!value.is_nan()).then_some(value));
            assert_eq!((&ar["feature"], &ar["contribution"]), (&en["feature"], &en["contribution"]));
            let (raises, text) = (en["contribution"].as_f64().unwrap() > 0.0, ar["text"].as_str().unwrap());
            let effect = if raises {
                "وهذا يرفع احتمال المغادرة."
            } else {
                "وهذا يخفض احتمال المغادرة."
            };
            assert!(text.ends_with(effect), "{text}");
            let effect = if raises { "this raises the risk of leaving." } else { "this lowers the risk of leaving." };
            assert!(en["text"].as_str().unwrap().ends_with(effect), "{en}");
        }
    }
}

async fn errors_have_their_own_status(fixture: &DeployedFixture) {
    let json = "application/json";
    let unknown = r#"{"user_id":"unknown"}"#;
    let unusable = r#"{"events":[{"ts":1538352117000,"userId":"","sessionId":1,"page":"Home"}]}"#;
    let two_users = r#"{"events":[{"ts":1538352117000,"userId":"1","sessionId":1,"page":"Home"},{"ts":1538352117000,"userId":"2","sessionId":1,"page":"Home"}]}"#;
    let large = vec![b' '; 4_500_000];
    let cases = [
        ("POST", "/predict", json, &b"{"[..], 400, "invalid-request"),
        ("POST", "/predict", json, two_users.as_bytes(), 400, "invalid-request"),
        ("POST", "/predict", json, unknown.as_bytes(), 404, "user-not-found"),
        ("GET", "/nowhere", "", &b""[..], 404, "not-found"),
        ("GET", "/predict", "", &b""[..], 405, "method-not-allowed"),
        ("DELETE", "/model", "", &b""[..], 405, "method-not-allowed"),
        ("POST", "/predict", json, &large[..], 413, "content-too-large"),
        ("POST", "/predict", "text/csv", &b"{}"[..], 415, "unsupported-media-type"),
        ("POST", "/predict", json, unusable.as_bytes(), 422, "no-scorable-events"),
    ];
    for (method, path, content_type, body, status, kind) in cases {
        let (got, problem) = fixture.send(method, path, content_type, body).await;
        assert_eq!(got, status, "{problem}");
        assert_eq!(problem["type"], format!("urn:churn:problem:{kind}"));
        assert_eq!(problem["status"], status);
    }
}
