//! Objects with outcomes of offers below `offers/`: they are ingested with the guarantees of logs.

use churn_common::calendar::{Day, Timestamp};
use churn_common::history::History;
use churn_common::ids::UserId;
use churn_common::offer::{Offer, OfferId};
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_tests::ingest_fixture::{IngestFixture, gzip};
use churn_tests::{invocation, put, removal};
use flate2::read::GzDecoder;
use ingest::{IngestSettings, handle};
use serde_json::{Value, json};
use std::io::Read;

const DAY_MS: i64 = 86_400_000;
/// Midnight of the first day.
const START: i64 = 17_800 * DAY_MS;

/// A line, `day` days and `ms` milliseconds after the start.
fn line(user: &str, day: i64, ms: i64, offer: &str, accepted: bool) -> String {
    json!({"user_id": user, "ts": START + day * DAY_MS + ms, "offer_id": offer, "accepted": accepted}).to_string()
        + "\n"
}

fn offer(day: i64, ms: i64, name: &str, accepted: bool) -> Offer {
    let id = OfferId::from_name(name).unwrap();
    Offer { ts: Timestamp::from_millis(START + day * DAY_MS + ms), id, accepted }
}

async fn offers_of(stores: &Stores, name: &str) -> Vec<Offer> {
    let stored = stores.histories.for_user(&UserId::new(name).unwrap()).await.unwrap();
    let history = History::from_slices(stored);
    assert!(history.is_empty(), "offers are no events");
    history.offers_between(Day::from_number(0), Day::from_number(40_000)).collect()
}

/// The text of all files of a prefix in the store bucket.
async fn files(stores: &Stores, prefix: &str) -> String {
    let mut text = String::new();
    for (key, _) in stores.store.list(prefix).await.unwrap() {
        let bytes = stores.store.get(&key).await.unwrap().unwrap().bytes;
        GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    }
    text
}

#[tokio::test]
async fn offers_are_stored_by_user_and_day() {
    let fixture = IngestFixture::new().await;
    let valid = [
        line("30", 0, 5, "spring", true),
        line("30", 1, 5, "a-personal@example.org", false),
        r#"{"userId":31.0,"ts":"1537920000005","offerId":7,"accepted":"true","channel":"mail"}"#.to_owned() + "\n",
        line("nan", 0, 5, "spring", true),
        line("30", 0, 5, "spring", false),
    ];
    let rejected = ["not json\n".to_owned(), line("30", 0, 5, "", true), line("30", 400_000, 0, "late-personal", true)];
    let body = [valid.concat(), rejected.concat()].concat();
    let object = fixture.ingest("offers/2018/spring.json.gz", gzip(body.as_bytes())).await;
    let counts = ["lines", "accepted", "duplicates", "without_user", "rejected"].map(|name| &object[name]);
    assert_eq!(json!(counts), json!([8, 3, 1, 1, 3]), "{object}");
    assert_eq!(object["rejection_reasons"], json!({"not_json": 1, "missing_offer_id": 1, "ts_in_future": 1}));
    let expected = [offer(0, 5, "spring", true), offer(1, 5, "a-personal@example.org", false)];
    assert_eq!(offers_of(&fixture.stores, "30").await, expected);
    assert_eq!(offers_of(&fixture.stores, "31").await, [offer(0, 5, "7", true)]);

    let stored = fixture.items().await.concat();
    assert!(!stored.contains("personal") && !stored.contains("spring"), "ids of offers are stored as hashes");
    let quarantine = files(&fixture.stores, "quarantine/").await;
    let lines: Vec<Value> = quarantine.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| &line["line"]).collect::<Vec<_>>(), [&json!(6), &json!(7), &json!(8)]);
    assert_eq!(lines[1]["message"], "offer_id is missing");
    assert!(!quarantine.contains("personal"), "{quarantine}");
    // The days of the log are those with events.
    assert!(fixture.stores.ledger.data_range(fixture.clock).await.unwrap().is_none());
}

#[tokio::test]
async fn sample_is_ingested() {
    let fixture = IngestFixture::new().await;
    let sample = include_str!("../../events/offers.jsonl");
    let object = fixture.ingest("offers/sample.jsonl", sample).await;
    assert_eq!((&object["accepted"], &object["lines"]), (&json!(3), &json!(3)), "{object}");
}

#[tokio::test]
async fn offers_do_not_depend_on_files_and_deliveries() {
    let fixture = IngestFixture::new().await;
    let all: Vec<String> = (0..400).map(|n| line(&(n % 7).to_string(), n % 5, n % 11, "spring", n % 3 == 0)).collect();
    fixture.ingest("offers/all.json", all.concat()).await;
    let mut whole = Vec::new();
    for user in 0..7 {
        whole.push(offers_of(&fixture.stores, &user.to_string()).await);
    }
    assert!(whole.iter().all(|offers| offers.iter().any(|offer| offer.accepted)), "{whole:?}");

    // Parts that overlap, in small chunks, the last one first, each delivered twice.
    let settings = IngestSettings { chunk_bytes: 1024, ..IngestSettings::default() };
    let split = IngestFixture { settings, ..IngestFixture::new().await };
    for (n, part) in [&all[300..], &all[100..350], &all[..200]].into_iter().enumerate() {
        let key = format!("offers/part-{n}.json");
        split.ingest(&key, part.concat()).await;
        let again = put(&split.stack, &key, part.concat().into_bytes(), 1).await.unwrap();
        let object = split.deliver_as("again", &[again]).await.unwrap().remove(0);
        assert_eq!(object["outcome"], "already_ingested");
    }
    for (user, expected) in whole.iter().enumerate() {
        assert_eq!(&offers_of(&split.stores, &user.to_string()).await, expected, "user {user}");
    }
}

#[tokio::test]
async fn corrected_and_removed_objects_replace_their_offers() {
    let fixture = IngestFixture::new().await;
    let old = line("30", 0, 5, "spring", true) + &line("31", 0, 5, "spring", true);
    fixture.ingest("offers/a.json", old).await;
    let corrected = line("30", 2, 5, "spring", false);
    let newer = put(&fixture.stack, "offers/a.json", corrected.into_bytes(), 2).await.unwrap();
    assert_eq!(fixture.deliver_as("newer", &[newer]).await.unwrap()[0]["outcome"], "ingested");
    assert_eq!(offers_of(&fixture.stores, "30").await, [offer(2, 5, "spring", false)]);
    assert_eq!(offers_of(&fixture.stores, "31").await, []);

    fixture.stack.s3().delete_object().bucket("churn-logs").key("offers/a.json").send().await.unwrap();
    let removed = removal("churn-logs", "offers/a.json", 3);
    assert_eq!(fixture.deliver_as("removed", &[removed]).await.unwrap()[0]["outcome"], "removed");
    assert_eq!(fixture.items().await, Vec::<String>::new());
}

#[tokio::test]
async fn erasure_deletes_offers_and_they_do_not_come_back() {
    let fixture = IngestFixture::new().await;
    let user = UserId::new("30").unwrap();
    let body = line("30", 0, 5, "spring", true) + &line("31", 0, 5, "spring", true);
    fixture.ingest("offers/a.json", body).await;
    fixture.stores.erasures.add(&user, fixture.clock).await.unwrap();
    assert_eq!(fixture.stores.histories.delete_user(&user).await.unwrap(), 1);
    let again = fixture.invoke(json!({"action": "reingest", "prefix": "offers/"})).await.unwrap();
    assert_eq!((&again["objects"][0]["accepted"], &again["objects"][0]["erased"]), (&json!(1), &json!(1)), "{again}");
    assert_eq!(offers_of(&fixture.stores, "30").await, []);
    assert_eq!(offers_of(&fixture.stores, "31").await.len(), 1);
}

#[tokio::test]
async fn offers_have_pseudonyms_with_a_key() {
    let fixture = IngestFixture::new().await;
    let names = StoreNames { user_id_key: "correct horse battery staple".into(), ..StoreNames::default() };
    let stores = Stores::over(fixture.stack.s3().clone(), fixture.stack.dynamodb().clone(), &names);
    let rejected = json!({"user_id": "secret-30", "ts": 1, "offer_id": "spring", "accepted": true}).to_string();
    let body = line("secret-30", 0, 5, "spring", true) + &rejected;
    let event = json!({"Records": [put(&fixture.stack, "offers/a.json", body.into_bytes(), 1).await.unwrap()]});
    handle(event, &stores, &fixture.settings, &invocation("event", fixture.clock)).await.unwrap();
    assert_eq!(offers_of(&stores, "secret-30").await, [offer(0, 5, "spring", true)]);
    let stored =
        [fixture.items().await.concat(), files(&stores, "quarantine/").await, files(&stores, "manifests/").await];
    assert!(stored.iter().all(|text| !text.is_empty() && !text.contains("secret-30")), "{stored:?}");
}
