//! Listing the models: what serves, what waits, what is kept, and how it came to that.

use churn_common::calendar::Timestamp;
use churn_common::metrics::Estimate;
use churn_common::model::ModelVersion;
use churn_common::store::models::ModelError;
use churn_common::store::registry::Move;
use churn_common::store::{StoreError, Stores};
use serde::Serialize;

/// What the registry holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listing {
    /// The model that serves.
    pub champion: Option<ModelVersion>,
    /// The model that waits.
    pub challenger: Option<ModelVersion>,
    /// The model that a roll-back would go to.
    pub rolls_back_to: Option<ModelVersion>,
    /// Every model that is kept, the newest first.
    pub models: Vec<Listed>,
    /// Every move, the newest first.
    pub history: Vec<Move>,
}

/// One model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed {
    /// Its version.
    pub version: ModelVersion,
    /// What its card says; `None` if that cannot be read.
    #[serde(flatten)]
    pub card: Option<FromCard>,
    /// Why its card cannot be read.
    pub unreadable: Option<String>,
}

/// A card in short.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FromCard {
    /// The kind of model.
    pub family: String,
    /// When it was trained.
    pub created_at: Timestamp,
    /// On its own held-out rows; models of different days do not compare by it: evaluate them.
    pub roc_auc: Option<Estimate>,
    /// Calibration error there.
    pub ece: Option<Estimate>,
    /// Whether it passed the gate when it was judged.
    pub passed_gate: Option<bool>,
}

/// Lists the models.
///
/// # Errors
/// If the store fails.
pub async fn list(stores: &Stores) -> Result<Listing, StoreError> {
    let (registry, _) = stores.registry().read().await?;
    let mut models = Vec::new();
    for version in registry.versions.iter().rev() {
        let (card, unreadable) = match stores.models().card(version).await {
            Ok(card) => {
                let estimate = |name: &str| card.estimates.get(name).copied();
                let short = FromCard {
                    roc_auc: estimate("roc_auc"),
                    ece: estimate("ece"),
                    passed_gate: card.gate.as_ref().map(|gate| gate.passed),
                    created_at: card.created_at,
                    family: card.family,
                };
                (Some(short), None)
            }
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
