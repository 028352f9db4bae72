//! The model that `predict` serves: the champion, refreshed periodically, or the last valid model.

use churn_common::actions::Actions;
use churn_common::calendar::Timestamp;
use churn_common::model::ModelVersion;
use churn_common::model::card::ModelQuality;
use churn_common::store::Stores;
use churn_common::store::objects::Condition;
use churn_local::http;
use churn_tests::{deployed_with, model, promote, register, stores};
use predict::{ChampionCache, PredictSettings};
use serde_json::{Value, json};

fn cache(stores: &Stores, model_refresh_seconds: u32) -> ChampionCache {
    ChampionCache::new(stores, &PredictSettings { model_refresh_seconds, ..PredictSettings::default() })
}

async fn served(cache: &ChampionCache) -> Option<ModelVersion> {
    cache.current().await.unwrap().map(|loaded| loaded.version.clone())
}

#[tokio::test]
async fn new_champion_serves_after_the_next_refresh() {
    let (_stack, stores) = stores().await.unwrap();
    let (eager, lazy) = (cache(&stores, 0), cache(&stores, 3600));
    assert_eq!((served(&eager).await, served(&lazy).await), (None, None));

    // Without a loaded model, every call reads the registry.
    let (first, file) = model(0.1).unwrap();
    register(&stores, &first, file).await.unwrap();
    assert_eq!((served(&eager).await, served(&lazy).await), (Some(first.clone()), Some(first.clone())));

    let (second, file) = model(0.2).unwrap();
    register(&stores, &second, file).await.unwrap();
    assert_eq!((served(&eager).await, served(&lazy).await), (Some(second), Some(first)));
}

#[tokio::test]
async fn last_valid_model_serves_while_the_champion_is_invalid() {
    let (_stack, stores) = stores().await.unwrap();
    let cache = cache(&stores, 0);
    let (damaged, mut file) = model(0.3).unwrap();
    file.truncate(file.len() - 1);
    register(&stores, &damaged, file).await.unwrap();
    assert!(cache.current().await.unwrap_err().to_string().contains("damaged"));

    let (good, file) = model(0.1).unwrap();
    register(&stores, &good, file).await.unwrap();
    assert_eq!(served(&cache).await, Some(good.clone()));
    promote(&stores, &damaged).await.unwrap();
    assert_eq!(served(&cache).await, Some(good.clone()));
    let (missing, _) = model(0.4).unwrap();
    promote(&stores, &missing).await.unwrap();
    assert_eq!(served(&cache).await, Some(good));
}

#[tokio::test]
async fn cold_start_with_an_invalid_champion_serves_the_previous_one() {
    let (_stack, stores) = stores().await.unwrap();
    let (good, file) = model(0.1).unwrap();
    register(&stores, &good, file).await.unwrap();
    let (damaged, mut file) = model(0.3).unwrap();
    let undamaged = file.clone();
    file.truncate(file.len() - 1);
    register(&stores, &damaged, file).await.unwrap();
    let cache = cache(&stores, 0);
    assert_eq!(served(&cache).await, Some(good.clone()));
    // Each refresh tries again. The champion serves after its file is repaired, even if the registry is deleted later.
    stores.models().put_file(&damaged, undamaged).await.unwrap();
    assert_eq!(served(&cache).await, Some(damaged.clone()));
    stores.store.delete("registry.json").await.unwrap();
    assert_eq!(served(&cache).await, Some(damaged));
}

#[tokio::test]
async fn flag_of_the_model_is_in_health_and_predictions() {
    let (_stack, stores) = stores().await.unwrap();
    let (version, file) = model(0.1).unwrap();
    let card = br#"{"model_quality": "no_better_than_chance", "more": {}}"#.to_vec();
    let key = format!("models/{version}/card.json");
    register(&stores, &version, file).await.unwrap();
    let cache = cache(&stores, 0);
    assert_eq!(cache.serving().await.unwrap().unwrap().quality, ModelQuality::Unknown, "the card is missing");
    // The next refresh reads a card that was written later.
    stores.store.put(&key, card, "application/json", Condition::Always).await.unwrap();

    let (settings, actions) = (PredictSettings::default(), Actions::load(None).unwrap());
    let now = Timestamp::parse("2018-10-02").unwrap();
    let event = json!({"ts": 1_538_352_117_000_i64, "userId": "30", "sessionId": 29, "page": "NextSong"});
    for (method, path) in [("GET", "/health"), ("POST", "/predict")] {
        let mut sent: Value = serde_json::from_str(include_str!("../../events/predict.json")).unwrap();
        sent["requestContext"]["http"] = json!({"method": method, "path": path});
        (sent["rawPath"], sent["body"]) = (json!(path), json!(json!({"events": [event]}).to_string()));
        let request = lambda_http::request::from_str(&sent.to_string()).unwrap();
        let response = predict::handle(&request, &stores, &cache, &settings, &actions, now).await.unwrap();
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (response.status().as_u16(), &body["model_quality"]),
            (200, &json!("no_better_than_chance")),
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_champion_is_counted() {
    let refresh_always = ("CHURN_MODEL_REFRESH_SECONDS".to_owned(), "0".to_owned());
    let (stack, stores) = deployed_with(None, |function| function.env.push(refresh_always.clone())).await.unwrap();
    let (good, file) = model(0.1).unwrap();
    register(&stores, &good, file).await.unwrap();
    let (damaged, mut file) = model(0.3).unwrap();
    file.truncate(file.len() - 1);
    let url = format!("{}/health", stack.http_url());
    let health = || http::client().unwrap().get(&url).send();
    assert!(health().await.unwrap().status().is_success(), "the good model is loaded");
    register(&stores, &damaged, file).await.unwrap();

    let answer = health().await.unwrap();
    assert_eq!(answer.status(), 200);
    let health = json!({"status": "degraded", "model_version": good, "model_quality": "unknown",
        "detail": format!("champion {damaged} cannot be loaded; an earlier model serves")});
    assert_eq!(answer.json::<Value>().await.unwrap(), health);
    let log = std::fs::read_to_string(stack.functions_log().unwrap()).unwrap();
    let line = log.lines().find_map(|line| {
        let metrics: Value = serde_json::from_str(line.get(line.find('{')?..)?).ok()?;
        (metrics["ModelInvalid"] == 1).then_some(metrics)
    });
    let line = line.unwrap_or_else(|| panic!("no metric in {log}"));
    assert_eq!((&line["service"], &line["serving"]), (&json!("predict"), &json!(good)));
    assert!(line["error"].as_str().unwrap().contains(damaged.as_str()));
    stack.shutdown().await;
}

#[tokio::test]
async fn concurrent_promotions_are_all_recorded() {
    let (_stack, stores) = stores().await.unwrap();
    let versions: Vec<ModelVersion> = (0..6).map(|i| model(i as f32 / 10.0).unwrap().0).collect();
    let stores = &stores;
    let (a, b, c, d, e, f) = tokio::join!(
        promote(stores, &versions[0]),
        promote(stores, &versions[1]),
        promote(stores, &versions[2]),
        promote(stores, &versions[3]),
        promote(stores, &versions[4]),
        promote(stores, &versions[5]),
    );
    assert!([a, b, c, d, e, f].iter().all(|change| change.as_ref().unwrap().is_some()));
    let (registry, _) = stores.registry().read().await.unwrap();
    assert_eq!(registry.history.len(), 6);
    // Each promotion replaces the previous one.
    let mut previous = None;
    for promotion in &registry.history {
        assert_eq!(promotion.previous_version, previous);
        previous = Some(promotion.version.clone());
    }
    assert_eq!(registry.champion, previous);
}
