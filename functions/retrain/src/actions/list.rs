//! Listing the models with their roles, and the registry's history.

use churn_common::calendar::Timestamp;
use churn_common::metrics::Estimate;
use churn_common::model::{Card, ModelVersion};
use churn_common::store::models::ModelError;
use churn_common::store::registry::Move;
use churn_common::store::{StoreError, Stores};
use serde::Serialize;

/// The content of the registry.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    pub champion: Option<ModelVersion>,
    pub challenger: Option<ModelVersion>,
    /// The model that a rollback would promote.
    pub rolls_back_to: Option<ModelVersion>,
    /// Newest first.
    pub models: Vec<Listed>,
    /// Newest first.
    pub history: Vec<Move>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    pub version: ModelVersion,
    /// `None` if the card cannot be read.
    #[serde(flatten)]
    pub card: Option<ListedCard>,
    /// Why the card cannot be read.
    pub unreadable: Option<String>,
}

/// A card in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedCard {
    pub family: String,
    pub created_at: Timestamp,
    /// On the model's own held-out rows: it does not compare models of different days. Evaluate them instead.
    pub roc_auc: Option<Estimate>,
    /// Expected calibration error on the same rows.
    pub ece: Option<Estimate>,
    /// `None` if the gate did not run.
    pub passed_gate: Option<bool>,
}

impl From<Card> for ListedCard {
    fn from(card: Card) -> Self {
        let estimate = |name: &str| card.estimates.get(name).copied();
        Self {
            roc_auc: estimate("roc_auc"),
            ece: estimate("ece"),
            passed_gate: card.gate.as_ref().map(|gate| gate.passed),
            created_at: card.created_at,
            family: card.family,
        }
    }
}

/// Lists the models.
///
/// # Errors
/// If the store fails.
pub(crate) async fn list(stores: &Stores) -> Result<Listing, StoreError> {
    let (registry, _) = stores.registry().read().await?;
    let mut models = Vec::new();
    for version in registry.versions.iter().rev() {
        let (card, unreadable) = match stores.models().card(version).await {
            Ok(card) => (Some(card.into()), None),
            Err(ModelError::Store(e)) if !e.is_corrupt() => return Err(e),
            Err(e) => (None, Some(e.to_string())),
        };
        models.push(Listed { version: version.clone(), card, unreadable });
    }
    Ok(Listing {
        rolls_back_to: registry.before().filter(|before| registry.versions.contains(before)).cloned(),
        champion: registry.champion,
        challenger: registry.challenger,
        models,
        history: registry.history.into_iter().rev().collect(),
    })
}
