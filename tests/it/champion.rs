//! Which model `predict` serves: the champion, looked for again only now and then, and never one that is not fit to serve.

use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_local::http;
use churn_tests::{deployed_with, model, promote, register, stores};
use predict::{ChampionCache, PredictSettings};
use serde_json::{Value, json};

fn champion(stores: &Stores, model_refresh_seconds: u32) -> ChampionCache {
    ChampionCache::new(stores, &PredictSettings { model_refresh_seconds, ..PredictSettings::default() })
}

async fn serves(champion: &ChampionCache) -> Option<ModelVersion> {
    champion.current().await.unwrap().map(|serving| serving.version.clone())
}

#[tokio::test]
async fn new_champion_serves_after_the_next_refresh() {
    let (_stack, stores) = stores().await.unwrap();
    let (eager, lazy) = (champion(&stores, 0), champion(&stores, 3600));
    assert_eq!((serves(&eager).await, serves(&lazy).await), (None, None));

    // While there is none, every call looks for one.
    let (first, file) = model(0.1).unwrap();
    register(&stores, &first, file).await.unwrap();
    assert_eq!((serves(&eager).await, serves(&lazy).await), (Some(first.clone()), Some(first.clone())));

    let (second, file) = model(0.2).unwrap();
    register(&stores, &second, file).await.unwrap();
    assert_eq!((serves(&eager).await, serves(&lazy).await), (Some(second), Some(first)));
}

#[tokio::test]
async fn last_valid_model_serves_while_the_champion_is_invalid() {
    let (_stack, stores) = stores().await.unwrap();
    let champion = champion(&stores, 0);
    let (damaged, mut file) = model(0.3).unwrap();
    file.truncate(file.len() - 1);
    register(&stores, &damaged, file).await.unwrap();
    assert!(champion.current().await.unwrap_err().to_string().contains("damaged"), "there is no other to serve");

    let (good, file) = model(0.1).unwrap();
    register(&stores, &good, file).await.unwrap();
    assert_eq!(serves(&champion).await, Some(good.clone()));
    promote(&stores, &damaged).await.unwrap();
    assert_eq!(serves(&champion).await, Some(good.clone()));
    let (missing, _) = model(0.4).unwrap();
    promote(&stores, &missing).await.unwrap();
    assert_eq!(serves(&champion).await, Some(good));
}

#[tokio::test]
async fn cold_start_with_an_invalid_champion_serves_the_previous_one() {
    let (_stack, stores) = stores().await.unwrap();
    let (good, file) = model(0.1).unwrap();
    register(&stores, &good, file).await.unwrap();
    let (damaged, mut file) = model(0.3).unwrap();
    let whole = file.clone();
    file.truncate(file.len() - 1);
    register(&stores, &damaged, file).await.unwrap();
    let champion = champion(&stores, 0);
    assert_eq!(serves(&champion).await, Some(good.clone()));
    // It is tried again each time, and serves once it is mended; a registry that is gone does not end that.
    stores.models().put_file(&damaged, whole).await.unwrap();
    assert_eq!(serves(&champion).await, Some(damaged.clone()));
    stores.store.delete("registry.json").await.unwrap();
    assert_eq!(serves(&champion).await, Some(damaged));
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_champion_raises_an_alarm() {
    let every_time = ("CHURN_MODEL_REFRESH_SECONDS".to_owned(), "0".to_owned());
    let (stack, stores) = deployed_with(None, |function| function.env.push(every_time.clone())).await.unwrap();
    let (good, file) = model(0.1).unwrap();
    register(&stores, &good, file).await.unwrap();
    let (damaged, mut file) = model(0.3).unwrap();
    file.truncate(file.len() - 1);
    let url = format!("{}/health", stack.http_url());
    let health = || http::client().unwrap().get(&url).send();
    assert!(health().await.unwrap().status().is_success(), "it is loaded");
    register(&stores, &damaged, file).await.unwrap();

    let answer = health().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<Value>().await.unwrap()["model_version"], json!(good));
    let log = std::fs::read_to_string(stack.functions_log().unwrap()).unwrap();
    let alarm = log.lines().find_map(|line| {
        let metrics: Value = serde_json::from_str(line.get(line.find('{')?..)?).ok()?;
        (metrics["ModelInvalid"] == 1).then_some(metrics)
    });
    let alarm = alarm.unwrap_or_else(|| panic!("no alarm in {log}"));
    assert_eq!((&alarm["function"], &alarm["serving"]), (&json!("predict"), &json!(good)));
    assert!(alarm["error"].as_str().unwrap().contains(damaged.as_str()));
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
    assert!([a, b, c, d, e, f].iter().all(|moved| moved.as_ref().unwrap().is_some()));
    let (registry, _) = stores.registry().read().await.unwrap();
    assert_eq!(registry.history.len(), 6);
    // Each saw the one before it.
    let mut before = None;
    for promotion in &registry.history {
        assert_eq!(promotion.replaced, before);
        before = Some(promotion.version.clone());
    }
    assert_eq!(registry.champion, before);
}
