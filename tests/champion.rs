//! Which model `predict` serves: the champion, looked for again only now and then, and never one that is not fit to serve.

use churn_common::features::COUNT;
use churn_common::model::artifact::Decision;
use churn_common::model::trees::{Node, Trees};
use churn_common::model::{Calibration, Model, ModelVersion, Probability, RiskBounds, Scorer};
use churn_common::store::AllStores;
use churn_common::store::objects::Condition;
use churn_tests::stores;
use predict::{Champion, PredictSettings};

/// A model that answers `p` to everyone, as a file.
fn model(p: f32) -> (ModelVersion, Vec<u8>) {
    let trees = Trees::new(COUNT as u16, vec![vec![Node::leaf(p, 1.0)]]).unwrap();
    let decision =
        Decision { threshold: Probability::new(0.5).unwrap(), risk: RiskBounds::new(0.1, 0.2, 0.4).unwrap() };
    let model = Model::new(30, b"rows", Scorer::Mean(trees), Calibration::None, decision).unwrap();
    let file = model.to_bytes().unwrap();
    (ModelVersion::of(&file), file)
}

async fn register(stores: &AllStores, version: &ModelVersion, file: Vec<u8>) {
    let key = format!("models/{version}/model.bin");
    assert!(stores.store.put(&key, file, "application/octet-stream", Condition::Absent).await.unwrap());
    stores.registry().promote(version, "test", "to be served").await.unwrap().unwrap();
}

fn champion(stores: &AllStores, model_refresh_seconds: u32) -> Champion {
    Champion::new(stores, &PredictSettings { model_refresh_seconds, ..PredictSettings::default() })
}

async fn serves(champion: &Champion) -> Option<ModelVersion> {
    champion.current().await.unwrap().map(|serving| serving.version.clone())
}

#[tokio::test]
async fn a_new_champion_serves_once_the_old_one_is_looked_for_again() {
    let (_stack, stores) = stores().await.unwrap();
    let (eager, lazy) = (champion(&stores, 0), champion(&stores, 3600));
    assert_eq!((serves(&eager).await, serves(&lazy).await), (None, None));

    // While there is none, every call looks for one.
    let (first, file) = model(0.1);
    register(&stores, &first, file).await;
    assert_eq!((serves(&eager).await, serves(&lazy).await), (Some(first.clone()), Some(first.clone())));

    let (second, file) = model(0.2);
    register(&stores, &second, file).await;
    assert_eq!((serves(&eager).await, serves(&lazy).await), (Some(second), Some(first)));
}

#[tokio::test]
async fn a_champion_that_is_damaged_or_missing_leaves_the_last_good_one_in_service() {
    let (_stack, stores) = stores().await.unwrap();
    let champion = champion(&stores, 0);
    let (damaged, mut file) = model(0.3);
    file.truncate(file.len() - 1);
    register(&stores, &damaged, file).await;
    assert!(champion.current().await.unwrap_err().to_string().contains("damaged"), "there is no other to serve");

    let (good, file) = model(0.1);
    register(&stores, &good, file).await;
    assert_eq!(serves(&champion).await, Some(good.clone()));
    stores.registry().promote(&damaged, "test", "by mistake").await.unwrap();
    assert_eq!(serves(&champion).await, Some(good.clone()));
    let (missing, _) = model(0.4);
    stores.registry().promote(&missing, "test", "by mistake").await.unwrap();
    assert_eq!(serves(&champion).await, Some(good));
}

#[tokio::test]
async fn promotions_at_once_are_all_kept() {
    let (_stack, stores) = stores().await.unwrap();
    let versions: Vec<ModelVersion> = (0..6).map(|i| model(i as f32 / 10.0).0).collect();
    let registry = &stores.registry();
    let promote = |version: ModelVersion| async move { registry.promote(&version, "test", "race").await.unwrap() };
    let (a, b, c, d, e, f) = tokio::join!(
        promote(versions[0].clone()),
        promote(versions[1].clone()),
        promote(versions[2].clone()),
        promote(versions[3].clone()),
        promote(versions[4].clone()),
        promote(versions[5].clone()),
    );
    assert!([a, b, c, d, e, f].iter().all(Option::is_some));
    let (registry, _) = registry.read().await.unwrap();
    assert_eq!(registry.history.len(), 6);
    // Each saw the one before it.
    let mut before = None;
    for promotion in &registry.history {
        assert_eq!(promotion.replaced, before);
        before = Some(promotion.version.clone());
    }
    assert_eq!(registry.champion, before);
}
