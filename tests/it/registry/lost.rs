//! Lost files of models, and a lost registry.

use super::{TrainingFixture, other, registration_status};
use churn_common::model::ModelVersion;
use churn_common::store::objects::Condition;
use churn_common::store::registry::Registry;
use predict::{ChampionCache, PredictSettings};
use retrain::{Listing, Outcome};
use serde_json::json;

#[tokio::test]
async fn champion_without_one_of_its_files_blocks_no_other() {
    let fixture = TrainingFixture::new(60).await;
    fixture.train(json!({"logistic_l2": [3.0]})).await;
    for (file, l2, other) in [("model.bin", 1.0, 100.0), ("card.json", 10.0, 30.0)] {
        let champion = fixture.train(json!({"logistic_l2": [l2]})).await.model_version;
        fixture.stores.store.delete(&format!("models/{champion}/{file}")).await.unwrap();
        let missing = format!("model {champion} not found: its {file} is missing");
        let Outcome::Listed(listing) = fixture.retrain(json!({"action": "list"})).await.unwrap() else { panic!() };
        let serves = match file {
            "model.bin" => (listing.rollback_target.clone(), Some(missing.clone())),
            _ => (Some(champion.clone()), None),
        };
        assert_eq!((listing.serving, listing.champion_error), serves);

        // A training that gives the same model repairs it.
        let again = fixture.train(json!({"logistic_l2": [l2]})).await;
        assert_eq!(registration_status(&again), json!("already_champion"));
        assert!(fixture.stores.models().get(&champion).await.is_ok());
        fixture.card(&champion).await;

        fixture.stores.store.delete(&format!("models/{champion}/{file}")).await.unwrap();
        let other = fixture.train(json!({"logistic_l2": [other], "gate_non_inferiority_margin": 1e-9})).await;
        let gate = other.gate.as_ref().unwrap();
        assert_eq!((gate.passed, gate.champion_error.as_ref()), (true, Some(&missing)));
        assert_eq!(other.previous_version, Some(champion));
    }
}

#[tokio::test]
async fn champion_with_a_damaged_card_blocks_no_other() {
    let fixture = TrainingFixture::new(60).await;
    let champion = fixture.train(json!({})).await.model_version;
    let key = format!("models/{champion}/card.json");
    fixture.stores.store.put(&key, b"{}".to_vec(), "", Condition::Always).await.unwrap();
    let next = fixture.train(json!({"logistic_l2": [10.0], "gate_non_inferiority_margin": 1e-9})).await;
    let gate = next.gate.as_ref().unwrap();
    assert!(gate.passed && gate.champion_error.as_ref().is_some_and(|error| error.contains("card.json")), "{gate:?}");
    assert_eq!(next.previous_version, Some(champion));
}

#[tokio::test]
async fn lost_registry_is_rebuilt_from_the_models() {
    let fixture = TrainingFixture::new(60).await;
    fixture.retrain(json!({"action": "list"})).await.unwrap();
    assert_eq!(fixture.stores.registry().read().await.unwrap(), (Registry::default(), None), "without models");
    let rejected = json!({"logistic_l2": [1.0], "gate_non_inferiority_margin": 1e-9, "gate_max_ece": 0});
    for payload in [json!({}), other(), rejected] {
        fixture.train(payload).await;
    }
    let listed = async || match fixture.retrain(json!({"action": "list"})).await.unwrap() {
        Outcome::Listed(listing) => listing,
        other => panic!("{other:?}"),
    };
    let before = listed().await;
    assert!(before.challenger.is_some() && before.rollback_target.is_some());
    fixture.stores.store.delete("registry.json").await.unwrap();
    let after = listed().await;
    let roles = |listing: &Listing| {
        let models: Vec<ModelVersion> = listing.models.iter().map(|model| model.version.clone()).collect();
        (listing.champion.clone(), listing.challenger.clone(), listing.rollback_target.clone(), models)
    };
    assert_eq!(roles(&after), roles(&before));
    assert!(after.history.iter().all(|change| change.reason.contains("was rebuilt")), "{:?}", after.history);
    let cache = ChampionCache::new(&fixture.stores, &PredictSettings::default());
    assert_eq!(cache.current().await.unwrap().map(|loaded| loaded.version.clone()), before.champion);

    // A model that cannot be read is left out, and a training goes on from there.
    fixture.stores.store.delete("registry.json").await.unwrap();
    fixture.corrupt(before.champion.as_ref().unwrap()).await;
    let trained = fixture.train(json!({"logistic_l2": [30.0]})).await;
    assert_eq!(trained.previous_version, before.rollback_target);
}
