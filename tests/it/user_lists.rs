//! Lists of users at risk: `GET /users` page by page, `GET /users/{id}` with pseudonyms, and `churn export`.

use churn_common::calendar::{Day, Timestamp};
use churn_common::ids::UserId;
use churn_common::model::{Probability, RiskBounds};
use churn_common::pseudonym::UserIdKey;
use churn_common::reasons::Contribution;
use churn_common::risk::{RiskParams, Score, UserRisk};
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_local::{DataDir, Stack};
use churn_tests::{program, risk_record, stores, stores_in};
use lambda_http::{Body, Response};
use predict::{ChampionCache, PredictSettings};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

const USERS: &str = include_str!("../../events/users.json");
/// Below: medium at 0.1, high at 0.2, critical at 0.6.
const BOUNDS: (f64, f64, f64) = (0.1, 0.2, 0.6);

/// The record of a user who got the scores of consecutive days until 1 December 2018.
pub fn scored(stores: &Stores, user: &str, scores: &[f64], control_share: f64) -> UserRisk {
    let bounds = RiskBounds::new(BOUNDS.0, BOUNDS.1, BOUNDS.2).unwrap();
    let pseudonyms = stores.pseudonyms.clone();
    let params =
        RiskParams { cooldown_days: 30, control_share, min_change: 0.0001, pseudonyms, ..risk_record::params() };
    let reasons = [("recency_days", 9.0, 0.75), ("songs", 40.0, -0.125)];
    let reason = |(feature, value, contribution): (&'static str, f32, f64)| Contribution {
        feature: feature.into(),
        value: Some(value),
        contribution,
    };
    let last = Day::parse("2018-12-01").unwrap();
    let mut record: Option<UserRisk> = None;
    for (days_left, p) in (0..scores.len() as i32).rev().zip(scores) {
        let (probability, as_of) = (Probability::new(*p).unwrap(), last.plus(-days_left));
        let score = Score {
            user: stores.pseudonyms.stored_user(&UserId::new(user).unwrap()),
            as_of,
            risk_level: bounds.level(probability),
            high_bound: bounds.high(),
            reasons: reasons.map(reason).into(),
            action: Some(if *p >= BOUNDS.1 { "retention_offer" } else { "watch" }.into()),
            // The local DynamoDB deletes records that have expired.
            ..risk_record::score(user, *p, Timestamp::now())
        };
        let changed = risk_record::record(record.as_ref(), &score, &params);
        record = Some(UserRisk { revision: 1, ..changed });
    }
    record.unwrap()
}

/// Stores the record of a user with one score.
async fn put(stores: &Stores, user: &str, p: f64, control_share: f64) {
    assert!(stores.risks.put(&scored(stores, user, &[p], control_share)).await.unwrap());
}

/// The handler of `predict` over the stores of a stack.
struct Api {
    stores: Stores,
    settings: PredictSettings,
    _stack: Stack,
}

impl Api {
    async fn new(key: Option<&str>) -> Self {
        let (stack, _) = stores().await.unwrap();
        let user_id_key = key.map(UserIdKey::from).unwrap_or_default();
        let names = StoreNames { user_id_key, ..StoreNames::default() };
        let stores = Stores::over(stack.s3().clone(), stack.dynamodb().clone(), &names);
        Self { stores, settings: PredictSettings::default(), _stack: stack }
    }

    async fn send(&self, method: &str, path: &str, query: &str) -> Response<Body> {
        let mut event: Value = serde_json::from_str(USERS).unwrap();
        (event["rawPath"], event["rawQueryString"]) = (json!(path), json!(query));
        (event["requestContext"]["http"]["path"], event["requestContext"]["http"]["method"]) =
            (json!(path), json!(method));
        let champion = ChampionCache::new(&self.stores, &self.settings);
        let (actions, now) = (churn_common::actions::Actions::load(None).unwrap(), Timestamp::now());
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        predict::handle(&request, &self.stores, &champion, &self.settings, &actions, now).await.unwrap()
    }

    async fn get(&self, path: &str, query: &str) -> (u16, Value) {
        let response = self.send("GET", path, query).await;
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
    }
}

fn texts(list: &Value, member: &str) -> Vec<String> {
    list["users"].as_array().unwrap().iter().map(|user| user[member].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_have_every_user_once_although_users_change() {
    let api = Api::new(None).await;
    // 30 users, 6 of them medium or low. Several have the same probability.
    for n in 0..30 {
        put(&api.stores, &format!("u{n}"), f64::from(n / 3) / 10.0 + 0.05, 0.1).await;
    }
    let (mut users, mut probabilities, mut query) = (Vec::new(), Vec::new(), "limit=4".to_owned());
    let mut page_sizes = Vec::new();
    loop {
        let response = api.send("GET", "/users", &query).await;
        let page: Value = serde_json::from_slice(response.body()).unwrap();
        page_sizes.push(texts(&page, "user_id").len());
        users.extend(texts(&page, "user_id"));
        let values = page["users"].as_array().unwrap().iter().map(|user| user["churn_probability"].as_f64().unwrap());
        probabilities.extend(values);
        let link = response.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        let Some(cursor) = page["next_cursor"].as_str() else {
            assert_eq!(link, None);
            break;
        };
        query = format!("risk_level=critical,high&limit=4&cursor={cursor}");
        assert_eq!(link, Some(format!("<?{query}>; rel=\"next\"")));
        // The user at whose place the cursor is.
        let last = UserId::new(users.last().unwrap()).unwrap();
        api.stores.risks.delete(&last).await.unwrap();
    }
    assert_eq!(page_sizes, [4, 4, 4, 4, 4, 4], "no empty last page");
    assert!(probabilities.is_sorted_by(|a, b| a >= b), "{probabilities:?}");
    users.sort();
    let mut expected: Vec<String> = (6..30).map(|n| format!("u{n}")).collect();
    expected.sort();
    assert_eq!(users, expected);

    let (_, medium) = api.get("/users", "risk_level=medium,low").await;
    assert_eq!(texts(&medium, "risk_level"), ["medium", "medium", "medium", "low", "low", "low"]);
    let (_, low) = api.get("/users", "risk_level=low&limit=2").await;
    let other = format!("risk_level=high&cursor={}", low["next_cursor"].as_str().unwrap());
    let (status, problem) = api.get("/users", &other).await;
    let detail = "cursor belongs to risk_level=low, expected the parameters of the page before";
    assert_eq!((status, &problem["detail"]), (400, &json!(detail)));
    let (status, problem) = api.get("/users/u0", "limit=1").await;
    assert_eq!((status, &problem["detail"]), (400, &json!("unknown parameter \"limit\", expected no parameters")));
}

#[tokio::test]
async fn pseudonyms_of_a_list_and_ids_of_the_logs_lead_to_a_user() {
    let api = Api::new(Some("correct horse battery staple")).await;
    let odd = "../عمر بن الخطاب+100%41%2F";
    for user in [odd, "30"] {
        put(&api.stores, user, 0.7, 0.0).await;
    }
    let (_, list) = api.get("/users", "").await;
    let pseudonyms = texts(&list, "user_id");
    assert!(pseudonyms.len() == 2 && pseudonyms.iter().all(|user| user.len() == 43), "{pseudonyms:?}");
    // An HTTP API decodes the path.
    for user in [&pseudonyms[0], &pseudonyms[1], odd, "30"] {
        let (status, detail) = api.get(&format!("/users/{user}"), "").await;
        assert_eq!((status, &detail["user_id"]), (200, &json!(user)), "{detail}");
    }
    let (status, erased) = {
        let response = api.send("DELETE", &format!("/users/{odd}"), "").await;
        (response.status().as_u16(), serde_json::from_slice::<Value>(response.body()).unwrap())
    };
    assert_eq!(status, 200, "{erased}");
    let (status, problem) = api.get(&format!("/users/{odd}"), "").await;
    assert_eq!((status, &problem["type"]), (404, &json!("urn:churn:problem:user-not-scored")));
    assert_eq!(texts(&api.get("/users", "").await.1, "user_id").len(), 1);
}

fn churn(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program("deployed-churn").unwrap());
    command.current_dir(folder).args(arguments).output().unwrap()
}

/// Standard output of a command that succeeds.
fn succeeds(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn fails(output: Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn export_writes_the_audience_without_the_control_group() {
    let folder = tempfile::tempdir().unwrap();
    let (stack, stores) = stores_in(DataDir::Persistent(folder.path().join("data"))).await.unwrap();
    for (user, p, control_share) in
        [("=30", 0.25, 0.0), ("a/b,\"c\"", 0.8125, 0.0), ("kept", 0.9, 1.0), ("31", 0.15, 0.0)]
    {
        put(&stores, user, p, control_share).await;
    }
    let from_aws = {
        let mut command = Command::new(program("deployed-churn").unwrap());
        command.current_dir(folder.path()).args(["export", "--aws", "--out", "-", "--lang", "ar"]);
        command.env("AWS_ENDPOINT_URL_DYNAMODB", &stack.endpoints().dynamodb).env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local-secret");
        succeeds(command.output().unwrap())
    };
    assert_eq!(from_aws.lines().count(), 3, "{from_aws}");
    assert!(from_aws.contains("عدد الأيام منذ آخر نشاط"), "{from_aws}");
    stack.shutdown().await;

    let export = |arguments: &[&str]| churn(folder.path(), &[&["export", "--data", "data"], arguments].concat());
    let said = succeeds(export(&["--out", "audience.csv"]));
    let expected = "wrote audience.csv: 2 users (1 critical, 1 high)\n  left out: 1 user of the control group\n";
    assert_eq!(said, expected);
    let csv = std::fs::read_to_string(folder.path().join("audience.csv")).unwrap();
    let expected_csv = "user_id,churn_probability,risk_level,level_since,reason_feature,reason_text,action_id,action_text,group\r\n\
        \"a/b,\"\"c\"\"\",0.8125,critical,2018-12-01,recency_days,Days since the last activity: 9; this raises the risk of \
        leaving.,retention_offer,Make the user a retention offer.,treatment\r\n\
        '=30,0.25,high,2018-12-01,recency_days,Days since the last activity: 9; this raises the risk of leaving.,\
        retention_offer,Make the user a retention offer.,treatment\r\n";
    assert_eq!(csv, expected_csv);
    assert_eq!(succeeds(export(&["--out", "-"])), expected_csv);

    let said = succeeds(export(&["--risk-level", "medium,critical", "--include-control", "--out", "all.parquet"]));
    assert_eq!(said, "wrote all.parquet: 3 users (2 critical, 1 medium)\n");
    assert!(std::fs::read(folder.path().join("all.parquet")).unwrap().starts_with(b"PAR1"));
    let object = succeeds(export(&["--out", "s3://churn-store/exports/audience.csv"]));
    assert!(object.starts_with("wrote s3://churn-store/exports/audience.csv: 2 users"), "{object}");
    let none = succeeds(export(&["--risk-level", "low", "--out", "low.csv"]));
    assert!(none.starts_with("wrote low.csv: 0 users\n") && none.contains("churn invoke score"), "{none}");

    let error = fails(export(&["--out", "audience.xlsx"]));
    assert_eq!(error, "error: file audience.xlsx, expected the extension .csv or .parquet, or -\n");
    let error = fails(export(&["--risk-level", "High", "--out", "-"]));
    assert!(error.contains("'High'") && error.contains("expected one of: low, medium, high, critical"), "{error}");
    let error = fails(export(&["--out", "s3://churn-store.csv"]));
    assert_eq!(error, "error: object s3://churn-store.csv, expected s3://BUCKET/KEY\n");
    let error = fails(export(&["--out", "s3:///audience.csv"]));
    assert_eq!(error, "error: object s3:///audience.csv, expected s3://BUCKET/KEY\n");
    let error = fails(export(&["--out", "none/audience.csv"]));
    assert_eq!(error, "error: cannot write none/audience.csv: its folder does not exist\n");

    let (stack, stores) = stores_in(DataDir::Persistent(folder.path().join("data"))).await.unwrap();
    let object = stores.store.get("exports/audience.csv").await.unwrap().unwrap();
    assert_eq!(String::from_utf8(object.bytes).unwrap(), expected_csv);
    stack.shutdown().await;
}
