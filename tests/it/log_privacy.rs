//! No personal data of the input is in the logs of the functions: names, locations, user agents and, with a key for pseudonyms,
//! user ids. The run has valid and invalid lines, requests that succeed and that fail, and stores that fail.

use churn_local::config::FUNCTIONS;
use churn_local::{Stack, http};
use churn_tests::{deployed_with, record, simulated};
use serde_json::{Value, json};

/// A part of every personal value of the input, and of no other text.
const MARK: &str = "Zqx";
const PERSONAL: [&str; 5] = ["userId", "firstName", "lastName", "location", "userAgent"];
/// A user of the log.
const USER: &str = "Zqx-userId-7";

/// The simulated log with marked personal values.
fn marked_log() -> Vec<u8> {
    let mut marked = Vec::new();
    for line in simulated(200, 60, 5).unwrap().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut event: Value = serde_json::from_slice(line).unwrap();
        for name in PERSONAL {
            match &event[name] {
                Value::String(text) if text.is_empty() => {}
                Value::Null => {}
                value => event[name] = json!(format!("{MARK}-{name}-{}", value.to_string().trim_matches('"'))),
            }
        }
        marked.extend(event.to_string().into_bytes());
        marked.push(b'\n');
    }
    marked
}

/// An event with all personal values, changed by `change`.
fn event(change: impl Fn(&mut Value)) -> Value {
    let mut event = json!({"ts": 1_543_000_000_000_i64, "userId": USER, "sessionId": 1, "page": "NextSong",
        "firstName": "Zqx-first", "lastName": "Zqx-last", "location": "Zqx-city, ZQ", "userAgent": "\"Zqx-agent\"",
        "song": "Zqx-song", "artist": "Zqx-artist"});
    change(&mut event);
    event
}

/// Lines that are rejected, each for another reason. Some are valid and some are not JSON.
fn rejected_lines() -> Vec<u8> {
    let valid = event(|_| {}).to_string();
    let lines = [
        event(|e| e["ts"] = json!("Zqx-yesterday")).to_string(),
        event(|e| e["ts"] = json!(1_543_000_000)).to_string(),
        event(|e| e["ts"] = json!(4_000_000_000_000_i64)).to_string(),
        event(|e| e["page"] = json!({"Zqx-page": 1})).to_string(),
        event(|e| e["userId"] = json!(["Zqx-in-a-list"])).to_string(),
        event(|e| e["userId"] = json!(format!("Zqx{}", "x".repeat(3000)))).to_string(),
        json!(["Zqx-in-an-array"]).to_string(),
        valid[..valid.len() - 1].to_owned(),
        valid.replace("\":", "\"="),
        "Zqx-first,Zqx-last,Zqx-city".to_owned(),
        format!("{{\"Zqx-name\": \"{}", "Zqx".repeat(400_000)),
    ];
    lines.join("\n").into_bytes()
}

struct Run {
    stack: Stack,
}

impl Run {
    async fn upload(&self, key: &str, body: Vec<u8>) -> Value {
        let mut results = self.stack.ingest_results();
        self.stack.s3().put_object().bucket("churn-logs").key(key).body(body.into()).send().await.unwrap();
        match results.recv().await.unwrap().result {
            Ok(response) => serde_json::from_slice::<Value>(&response).unwrap()["objects"][0].clone(),
            Err(error) => json!(error.to_string()),
        }
    }

    async fn send(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> u16 {
        let url = format!("{}{path}", self.stack.http_url());
        let request = http::client().unwrap().request(method.parse().unwrap(), url).body(body.into());
        let request = request.header("content-type", "application/json").header("user-agent", "Zqx-browser");
        request.send().await.unwrap().status().as_u16()
    }

    /// Whether the invocation succeeds.
    async fn invoke(&self, function: &str, payload: Value) -> bool {
        self.stack.lambda().invoke(function, payload.to_string().into_bytes()).await.is_ok()
    }

    /// Requests with personal data, and their statuses.
    async fn requests(&self) -> Vec<u16> {
        let one = |event: Value| json!({"user_id": USER, "events": [event]}).to_string();
        let user = format!("/users/{USER}");
        let mut statuses = Vec::new();
        for (method, path, body) in [
            ("POST", "/predict", json!({"user_id": USER}).to_string()),
            ("POST", "/predict", one(event(|_| {}))),
            ("POST", "/predict", one(event(|e| e["ts"] = json!(4_000_000_000_000_i64)))),
            ("POST", "/predict", one(event(|e| e["ts"] = json!("Zqx-yesterday")))),
            ("POST", "/predict", one(event(|e| e["userId"] = json!("Zqx-another")))),
            ("POST", "/predict", json!({"user_id": "Zqx-unknown"}).to_string()),
            ("POST", "/predict", json!({"Zqx-member": USER}).to_string()),
            ("POST", "/predict", format!("{{\"user_id\": \"{USER}\"")),
            ("GET", "/users?risk_level=low&limit=3", String::new()),
            ("GET", "/users/Zqx-unknown", String::new()),
            ("POST", "/Zqx-path", String::new()),
            ("DELETE", &user, String::new()),
        ] {
            statuses.push(self.send(method, path, body).await);
        }
        statuses
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.stack.functions_log().unwrap()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_contain_no_personal_data() {
    let (stack, _) = deployed_with(Some("correct horse battery staple"), |function| {
        let variables = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "TRACE")];
        function.env.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    })
    .await
    .unwrap();
    let run = Run { stack };

    assert_eq!(run.upload("2018/valid.json", marked_log()).await["outcome"], "ingested");
    let rejected = run.upload("2018/rejected.json", rejected_lines()).await;
    assert_eq!((&rejected["accepted"], &rejected["rejected"]), (&json!(0), &rejected["lines"]), "{rejected}");
    let offer = |ts: i64| json!({"user_id": USER, "ts": ts, "offer_id": "Zqx-offer", "accepted": true}).to_string();
    let offers = run.upload("offers/2018.json", [offer(1_543_000_000_000), offer(1)].join("\n").into_bytes()).await;
    assert_eq!((&offers["accepted"], &offers["rejected"]), (&json!(1), &json!(1)), "{offers}");
    let settings = json!({"cutoff_interval_days": 7, "min_rows_per_class": 5, "candidates": ["logistic_regression"],
        "logistic_l2": [1000.0], "bootstrap_resamples": 100, "gate_non_inferiority_margin": 1, "gate_max_ece": 1,
        "gate_max_calibration_in_the_large": 100});
    assert!(run.invoke("retrain", settings).await);
    assert!(run.invoke("monitor", json!({})).await);
    assert!(run.invoke("score", json!({})).await);
    assert_eq!(run.requests().await, [200, 200, 200, 400, 400, 404, 400, 400, 200, 404, 404, 200]);

    // Payloads that a function does not accept, with an event of the log instead of one of AWS.
    for function in FUNCTIONS {
        for payload in [event(|_| {}), json!([event(|_| {})]), json!({"user_id": USER, "events": [event(|_| {})]})] {
            assert!(!run.invoke(function, payload).await, "{function}");
        }
    }
    // Stores that fail.
    let dynamodb = run.stack.dynamodb();
    for table in dynamodb.list_tables().send().await.unwrap().table_names() {
        dynamodb.delete_table().table_name(table).send().await.unwrap();
    }
    let failed = run.requests().await;
    assert_eq!((failed[0], failed[1], failed[8], failed[11]), (503, 503, 503, 503), "{failed:?}");
    let delivered = json!({"Records": [record("churn-logs", "2018/rejected.json", "x", 9)]});
    assert!(!run.invoke("ingest", delivered).await);
    assert!(!run.invoke("retrain", json!({})).await);
    assert!(!run.invoke("monitor", json!({})).await);
    assert!(!run.invoke("score", json!({})).await);

    let log = run.log();
    let leaks: Vec<&str> = log.lines().filter(|line| line.contains(MARK)).collect();
    assert!(leaks.is_empty(), "{} lines with personal data, such as {}", leaks.len(), leaks[0]);
    lines_have_the_fields_of_powertools(&log);
    run.stack.shutdown().await;
}

/// Each function has logged errors, with the fields of the invocation, and one cold start for each process.
fn lines_have_the_fields_of_powertools(log: &str) {
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(lines.len(), log.lines().count(), "all lines are JSON");
    for function in FUNCTIONS {
        let is_error = |line: &&Value| line["level"] == "ERROR" && line["spans"][0]["service"] == function;
        let error = lines.iter().find(is_error).unwrap_or_else(|| panic!("no error of {function} in {log}"));
        let invocation = &error["spans"][0];
        assert_eq!(invocation["function_version"], "$LATEST");
        let id = invocation["request_id"].as_str().unwrap().replace('-', "");
        assert!(invocation["xray_trace_id"].as_str().unwrap().starts_with(&format!("Root=1-{}", &id[..8])));
        assert!(error["timestamp"].is_string() && error["message"].is_string(), "{error}");
        let cold_starts = lines.iter().filter(|line| line["ColdStart"] == 1 && line["service"] == function);
        assert!(cold_starts.clone().count() >= 1, "no cold start of {function}");
        for line in cold_starts {
            assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["service", "function_name"]]));
            assert_eq!(line["function_name"], function);
        }
    }
}
