//! Erasure of a user: `DELETE /users/{id}` as deployed, with and without pseudonyms.

use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use churn_common::actions::Actions;
use churn_common::calendar::Timestamp;
use churn_common::ids::UserId;
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_local::{Stack, http};
use churn_tests::{deployed_with, invocation, model, put, register, stores};
use flate2::read::GzDecoder;
use ingest::Invocation;
use lambda_http::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use predict::{ChampionCache, PredictSettings};
use serde_json::{Value, json};
use std::io::Read;

const KEY: &str = "correct horse battery staple";
/// A user id with characters that are special in paths and in percent-encoding.
const ODD: &str = r##"../عمر بن الخطاب+100%41%2F#"\/"##;
const OTHER: &str = "30";

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

/// A log with one event of `name` on each of `days` days.
fn log(name: &str, days: i64) -> String {
    let line = |day: i64| {
        let ts = 1_538_352_117_000 + day * 86_400_000;
        json!({"ts": ts, "userId": name, "sessionId": day, "page": "NextSong"}).to_string() + "\n"
    };
    (0..days).map(line).collect()
}

struct ErasureFixture {
    stack: Stack,
    stores: Stores,
}

impl ErasureFixture {
    /// A stack that serves a model, with two users in two objects each.
    async fn new(key: Option<&str>) -> Self {
        let (stack, stores) = deployed_with(key, |_| {}).await.unwrap();
        let (version, file) = model(0.1).unwrap();
        register(&stores, &version, file).await.unwrap();
        let fixture = Self { stack, stores };
        fixture.drop_log("a.json", log(ODD, 2) + &log(OTHER, 3)).await;
        let rejected = json!({"ts": -1, "userId": ODD, "sessionId": 1, "page": "Home"}).to_string();
        fixture.drop_log("b.json", log(OTHER, 1) + &log(ODD, 30) + &rejected).await;
        for name in [ODD, OTHER] {
            let stored = fixture.stores.pseudonyms.stored_user(&user(name)).to_string();
            let risk = fixture.stack.dynamodb().put_item().table_name("UserRisk").item("user_id", S(stored));
            risk.send().await.unwrap();
        }
        fixture
    }

    async fn drop_log(&self, key: &str, body: String) {
        let mut results = self.stack.ingest_results();
        let put = self.stack.s3().put_object().bucket("churn-logs").key(key).body(body.into_bytes().into());
        put.send().await.unwrap();
        let answer: Value = serde_json::from_slice(&results.recv().await.unwrap().result.unwrap()).unwrap();
        assert_eq!(answer["objects"][0]["outcome"], "ingested", "{answer}");
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let url = format!("{}{path}", self.stack.http_url());
        let request = http::client().unwrap().request(method.parse().unwrap(), url);
        let answer = request.header("content-type", "application/json").body(body.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn predict(&self, name: &str) -> (u16, Value) {
        self.send("POST", "/predict", &json!({"user_id": name}).to_string()).await
    }

    async fn erase(&self, name: &str) -> (u16, Value) {
        self.send("DELETE", &format!("/users/{}", utf8_percent_encode(name, NON_ALPHANUMERIC)), "").await
    }

    /// The items of a table as text, sorted.
    async fn items(&self, table: &str) -> Vec<String> {
        let items = self.stack.dynamodb().scan().table_name(table).send().await.unwrap().items.unwrap();
        let mut all: Vec<String> =
            items.iter().map(|item| format!("{:?}", std::collections::BTreeMap::from_iter(item))).collect();
        all.sort();
        all
    }

    /// Everything that is stored outside the logs bucket, as text.
    async fn everything(&self) -> String {
        let mut all = String::new();
        for table in ["UserHistory", "UserRisk", "ErasedUsers", "IngestLedger"] {
            all += &self.items(table).await.join("\n");
        }
        for (key, _) in self.stores.store.list("").await.unwrap() {
            let bytes = self.stores.store.get(&key).await.unwrap().unwrap().bytes;
            let mut text = String::new();
            match key.ends_with(".gz") {
                true => GzDecoder::new(&bytes[..]).read_to_string(&mut text).map(drop).unwrap(),
                false => text = String::from_utf8_lossy(&bytes).into_owned(),
            }
            all = all + &key + "\n" + &text;
        }
        all
    }
}

async fn erasure_removes_one_user(fixture: &ErasureFixture) {
    let stored = fixture.stores.pseudonyms.stored_user(&user(ODD));
    let of_others = |items: Vec<String>| -> Vec<String> {
        let name = format!("{:?}", stored.as_str());
        items.into_iter().filter(|item| !item.contains(&name)).collect()
    };
    let (_, before) = fixture.predict(ODD).await;
    assert_eq!((&before["user_id"], &before["evidence"]["events"]), (&json!(ODD), &json!(30)), "{before}");
    let others = of_others(fixture.items("UserHistory").await);
    assert_eq!((others.len(), fixture.items("UserHistory").await.len()), (4, 4 + 32));

    let started_at = Timestamp::now();
    let (status, answer) = fixture.erase(ODD).await;
    let answered = (status, &answer["user_id"], &answer["deleted_items"]);
    assert_eq!(answered, (200, &json!(ODD), &json!(32)), "{answer}");
    let at = Timestamp::parse(answer["erased_at"].as_str().unwrap()).unwrap();
    assert!((started_at..=Timestamp::now()).contains(&at));

    let (status, problem) = fixture.predict(ODD).await;
    assert_eq!((status, &problem["type"]), (404, &json!("urn:churn:problem:user-not-found")));
    assert_eq!(fixture.items("UserHistory").await, others);
    let risks = fixture.items("UserRisk").await;
    assert_eq!((risks.len(), of_others(risks).len()), (1, 1));
    assert_eq!(fixture.predict(OTHER).await.0, 200);

    let erased = fixture.stores.erasures.all().await.unwrap();
    assert_eq!(erased.erased_at(&stored), Some(at));
    let ms = |ms| Timestamp::from_millis(at.millis() + ms);
    assert!(erased.covers(&user(ODD), ms(0)) && !erased.covers(&user(ODD), ms(1)));
    assert!(!erased.covers(&user(OTHER), ms(0)));

    // A repeated request, and a user without stored data: a log may arrive later.
    let (status, again) = fixture.erase(ODD).await;
    assert_eq!((status, &again["deleted_items"]), (200, &json!(0)), "{again}");
    assert!(Timestamp::parse(again["erased_at"].as_str().unwrap()).unwrap() >= at);
    assert_eq!(fixture.erase("never seen").await.0, 200);
    assert_eq!(fixture.items("ErasedUsers").await.len(), 2);

    let too_long = "x".repeat(UserId::MAX_BYTES + 1);
    for (method, name, status, kind) in [
        ("DELETE", "", 405, "method-not-allowed"),
        ("DELETE", "None", 400, "invalid-request"),
        ("DELETE", &too_long, 400, "invalid-request"),
        ("POST", OTHER, 405, "method-not-allowed"),
    ] {
        let (got, problem) = fixture.send(method, &format!("/users/{name}"), "").await;
        assert_eq!((got, &problem["type"]), (status, &json!(format!("urn:churn:problem:{kind}"))), "{problem}");
    }
    assert_eq!(fixture.items("ErasedUsers").await.len(), 2, "an invalid id is not recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn erasure_removes_only_that_user() {
    let fixture = ErasureFixture::new(None).await;
    erasure_removes_one_user(&fixture).await;
    fixture.stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pseudonyms_are_stored() {
    let fixture = ErasureFixture::new(Some(KEY)).await;
    let rejected = json!({"ts": -1, "userId": ODD, "sessionId": 1, "page": "Home"}).to_string();
    let escaped = rejected.replace("userId", r"user\u0049d");
    let truncated = &rejected[..rejected.len() - 1];
    fixture.drop_log("c.json", format!("{escaped}\n{truncated}\nuser {ODD} has left\n[{rejected}]\n")).await;
    let stored = fixture.everything().await;
    for name in [ODD, OTHER] {
        assert!(stored.contains(fixture.stores.pseudonyms.stored_user(&user(name)).as_str()));
    }
    erasure_removes_one_user(&fixture).await;

    let log = std::fs::read_to_string(fixture.stack.functions_log().unwrap()).unwrap();
    assert!(log.contains("user erased"), "{log}");
    for text in [stored, fixture.everything().await, log, fixture.send("GET", "/model", "").await.1.to_string()] {
        for secret in [KEY, "عمر", "100%41"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    fixture.stack.shutdown().await;
}

/// The sample invocation of `events/`, which erases user 30.
fn sample() -> Request {
    lambda_http::request::from_str(include_str!("../../events/erase.json")).unwrap()
}

#[tokio::test]
async fn repeated_request_completes_a_failed_erasure() {
    let (stack, stores) = stores().await.unwrap();
    let record = put(&stack, "a.json", log("30", 3).into_bytes(), 1).await.unwrap();
    let (now, settings) = (Timestamp::now(), PredictSettings::default());
    ingest::handle(json!({"Records": [record]}), &stores, &ingest::IngestSettings::default(), &invocation("id", now))
        .await
        .unwrap();
    let erase = async |names: &StoreNames, now| {
        let stores = Stores::over(stack.s3().clone(), stack.dynamodb().clone(), names);
        let champion = ChampionCache::new(&stores, &settings);
        let answer = predict::handle(&sample(), &stores, &champion, &settings, &Actions::load(None).unwrap(), now)
            .await
            .unwrap();
        (answer.status().as_u16(), serde_json::from_slice::<Value>(answer.body()).unwrap())
    };
    let missing = || "NoSuchTable".to_owned();
    let later = |ms| Timestamp::from_millis(now.millis() + ms);

    // Nothing is deleted before the erasure is recorded.
    let (status, problem) = erase(&StoreNames { erased_users_table: missing(), ..StoreNames::default() }, now).await;
    assert_eq!((status, &problem["type"]), (503, &json!("urn:churn:problem:service-unavailable")));
    assert_eq!(stores.histories.for_user(&user("30")).await.unwrap().len(), 3);
    for broken in [
        StoreNames { history_table: missing(), ..StoreNames::default() },
        StoreNames { risk_table: missing(), ..StoreNames::default() },
    ] {
        assert_eq!(erase(&broken, later(1)).await.0, 503);
        assert!(stores.erasures.all().await.unwrap().covers(&user("30"), later(1)));
    }
    let (status, answer) = erase(&StoreNames::default(), later(2)).await;
    assert_eq!((status, answer["erased_at"].clone()), (200, json!(later(2))));
    assert!(stores.histories.for_user(&user("30")).await.unwrap().is_empty());
}

#[tokio::test]
async fn latest_erasure_counts() {
    let (_stack, stores) = stores().await.unwrap();
    let at = Timestamp::from_millis;
    for (added, holds) in [(5_000, 5_000), (4_000, 5_000), (5_000, 5_000), (6_000, 6_000)] {
        assert_eq!(stores.erasures.add(&user("30"), at(added)).await.unwrap(), at(holds));
        let all = stores.erasures.all().await.unwrap();
        assert!(all.covers(&user("30"), at(holds)) && !all.covers(&user("30"), at(holds + 1)));
    }
}

#[tokio::test]
async fn erased_users_are_read_from_all_pages() {
    let (stack, stores) = stores().await.unwrap();
    assert!(!stores.erasures.all().await.unwrap().covers(&user("30"), Timestamp::from_millis(0)));
    // 1.5 MB, of which a page holds 1.
    let name = |n: usize| format!("{n:x>1000}");
    for batch in (0..1500).collect::<Vec<_>>().chunks(25) {
        let erased_user = |n: &usize| {
            let put = PutRequest::builder().item("user_id", S(name(*n))).item("erased_at", N(n.to_string()));
            WriteRequest::builder().put_request(put.build().unwrap()).build()
        };
        let requests: Vec<_> = batch.iter().map(erased_user).collect();
        stack.dynamodb().batch_write_item().request_items("ErasedUsers", requests).send().await.unwrap();
    }
    let first = stack.dynamodb().scan().table_name("ErasedUsers").send().await.unwrap();
    assert!(first.last_evaluated_key.is_some(), "expected more than one page");
    let all = stores.erasures.all().await.unwrap();
    for n in 0..1500 {
        let at = Timestamp::from_millis(n as i64);
        assert!(all.covers(&user(&name(n)), at) && !all.covers(&user(&name(n)), Timestamp::from_millis(n as i64 + 1)));
    }
}

#[tokio::test]
async fn erasure_requires_iam_authorization() {
    let (_stack, stores) = stores().await.unwrap();
    let mut event: Value = serde_json::from_str(include_str!("../../events/erase.json")).unwrap();
    let settings = PredictSettings::default();
    for authorizer in [json!({"jwt": {"claims": {}, "scopes": []}}), Value::Null] {
        event["requestContext"]["authorizer"] = authorizer;
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let champion = ChampionCache::new(&stores, &settings);
        let answer =
            predict::handle(&request, &stores, &champion, &settings, &Actions::load(None).unwrap(), Timestamp::now())
                .await
                .unwrap();
        assert_eq!(answer.status(), 403);
        assert!(String::from_utf8_lossy(answer.body()).contains("urn:churn:problem:forbidden"));
    }
    assert!(!stores.erasures.all().await.unwrap().covers(&user("30"), Timestamp::from_millis(0)));
}

#[tokio::test]
async fn reingestion_does_not_restore_an_erased_user() {
    let (stack, stores) = stores().await.unwrap();
    let now = Timestamp::now();
    let both = log("30", 3) + &log("31", 2);
    for version in 1..=2 {
        let record = put(&stack, "a.json", both.clone().into_bytes(), version).await.unwrap();
        let (event, settings) = (json!({ "Records": [record] }), ingest::IngestSettings::default());
        let done = ingest::handle(event, &stores, &settings, &invocation("id", now)).await.unwrap();
        let answer = serde_json::to_value(&done.objects[0]).unwrap();
        let erased = if version == 1 { 0 } else { 3 };
        assert_eq!((&answer["lines"], &answer["erased"]), (&json!(5), &json!(erased)), "{answer}");
        let champion = ChampionCache::new(&stores, &PredictSettings::default());
        let answer = predict::handle(
            &sample(),
            &stores,
            &champion,
            &PredictSettings::default(),
            &Actions::load(None).unwrap(),
            now,
        )
        .await
        .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(stores.histories.for_user(&user("30")).await.unwrap(), []);
        assert_eq!(stores.histories.for_user(&user("31")).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn erasure_during_ingest_is_honoured() {
    let (stack, stores) = stores().await.unwrap();
    let now = Timestamp::now();
    let both = log("30", 30) + &log("31", 30);
    let record = put(&stack, "a.json", both.into_bytes(), 1).await.unwrap();
    let event = json!({ "Records": [record] });
    let settings = ingest::IngestSettings { chunk_bytes: 1024, min_remaining_seconds: 840, ..Default::default() };
    let hurried = Invocation { deadline: now, ..invocation("id", now) };
    ingest::handle(event.clone(), &stores, &settings, &hurried).await.unwrap_err();
    assert_ne!(stores.histories.for_user(&user("30")).await.unwrap(), [], "the first chunk is written");
    // As if the user is erased before the next chunk is written.
    stores.erasures.add(&user("30"), now).await.unwrap();
    let done = ingest::handle(event, &stores, &settings, &invocation("id", now)).await.unwrap();
    let answer = serde_json::to_value(&done.objects[0]).unwrap();
    assert_eq!((&answer["outcome"], &answer["lines"]), (&json!("ingested"), &json!(60)), "{answer}");
    assert_eq!(stores.histories.for_user(&user("30")).await.unwrap(), []);
    assert_eq!(stores.histories.for_user(&user("31")).await.unwrap().len(), 30);
}
