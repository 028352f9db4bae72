//! The list of models with their roles, and the history of the registry.

use churn_common::calendar::Timestamp;
use churn_common::metrics::Estimate;
use churn_common::model::card::ModelQuality;
use churn_common::model::{Card, ModelVersion};
use churn_common::store::models::Models;
use churn_common::store::registry::{Change, Registry};
use churn_common::store::{StoreError, Stores};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    pub champion: Option<ModelVersion>,
    /// The model that serves: the champion; the previous one if the champion is missing or damaged; `None` without a model
    /// that can serve.
    pub serving: Option<ModelVersion>,
    /// Why the champion does not serve.
    pub champion_error: Option<String>,
    pub challenger: Option<ModelVersion>,
    /// The model that a rollback makes champion.
    pub rollback_target: Option<ModelVersion>,
    /// Newest first.
    pub models: Vec<ListedModel>,
    /// Newest first.
    pub history: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedModel {
    pub version: ModelVersion,
    /// `None` if the card cannot be read.
    #[serde(flatten)]
    pub card: Option<ListedCard>,
    /// Why the card cannot be read.
    pub card_error: Option<String>,
}

/// The summary of a card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedCard {
    pub family: String,
    pub created_at: Timestamp,
    /// On the model's own held-out rows, so not comparable between models of different days. Use the action `evaluate` to
    /// compare models.
    pub roc_auc: Option<Estimate>,
    /// Expected calibration error on the same rows.
    pub ece: Option<Estimate>,
    /// `None` if the gate did not run.
    pub passed_gate: Option<bool>,
    pub model_quality: ModelQuality,
}

impl From<Card> for ListedCard {
    fn from(card: Card) -> Self {
        let metric = |name: &str| card.metrics.get(name).copied();
        Self {
            roc_auc: metric("roc_auc"),
            ece: metric("ece"),
            passed_gate: card.gate.as_ref().map(|gate| gate.passed),
            model_quality: card.model_quality,
            created_at: card.created_at,
            family: card.family,
        }
    }
}

/// # Errors
/// If the store fails.
pub(crate) async fn list(stores: &Stores) -> Result<Listing, StoreError> {
    let (registry, _) = stores.registry().read().await?;
    let mut models = Vec::new();
    for version in registry.versions.iter().rev() {
        let (card, card_error) = match stores.models().card(version).await {
            Ok(card) => (Some(card.into()), None),
            Err(error) => (None, Some(error.invalid()?.to_string())),
        };
        models.push(ListedModel { version: version.clone(), card, card_error });
    }
    let (serving, champion_error) = serving(&stores.models(), &registry).await?;
    Ok(Listing {
        serving,
        champion_error,
        rollback_target: registry.previous_champion().filter(|target| registry.versions.contains(target)).cloned(),
        champion: registry.champion,
        challenger: registry.challenger,
        models,
        history: registry.history.into_iter().rev().collect(),
    })
}

/// The model that `predict` serves after a cold start, and why it is not the champion.
async fn serving(models: &Models, registry: &Registry) -> Result<(Option<ModelVersion>, Option<String>), StoreError> {
    let mut champion_error = None;
    for version in [registry.champion.as_ref(), registry.previous_champion()].into_iter().flatten() {
        match models.get(version).await {
            Ok(_) => return Ok((Some(version.clone()), champion_error)),
            Err(error) => champion_error = champion_error.or(Some(error.invalid()?.to_string())),
        }
    }
    Ok((None, champion_error))
}
