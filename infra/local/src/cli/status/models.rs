//! The champion and its age.

use super::super::summary::ranking;
use super::super::text::{Text, age, count, words};
use churn_common::calendar::Timestamp;
use churn_common::metrics::Estimate;
use churn_common::model::{Card, ModelVersion};
use churn_common::store::Stores;
use churn_common::store::models::ModelError;
use churn_common::store::registry::{Action, Change, Registry};

pub struct Champion {
    pub version: ModelVersion,
    /// Or why it cannot be read.
    pub card: Result<Card, String>,
    /// Why the model cannot serve.
    pub error: Option<String>,
}

impl Champion {
    pub async fn read(stores: &Stores, version: &ModelVersion) -> anyhow::Result<Self> {
        let (card, model) = (stores.models().card(version).await, stores.models().get(version).await);
        Ok(Self { version: version.clone(), card: readable(card)?, error: readable(model)?.err() })
    }
}

/// An error of the model as text; an error of the store as an error.
pub(super) fn readable<T>(result: Result<T, ModelError>) -> anyhow::Result<Result<T, String>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(error) => Ok(Err(error.invalid()?.to_string())),
    }
}

pub fn text(registry: &Registry, champion: Option<&Champion>, now: Timestamp) -> Text {
    let mut text = Text::new();
    match champion {
        None => text.line(0, "Champion: none"),
        Some(Champion { version, card: Ok(card), .. }) => {
            let auc = card.metrics.get("roc_auc").unwrap_or(&Estimate::UNDEFINED);
            text.line(0, format!("Champion: {version} ({})", words(&card.family)))
                .line(2, format!("trained {}, {}", card.created_at, age(card.created_at, now)))
                .line(2, format!("on data of {} to {}", card.data_range.0, card.data_range.1))
                .line(2, format!("ROC-AUC {auc}"))
                .line(2, format!("model quality: {}", words(&card.model_quality.to_string())))
                .append(&ranking(&card.ranking))
        }
        Some(Champion { version, card: Err(_), .. }) => text.line(0, format!("Champion: {version}")),
    };
    let is_promotion = |change: &&Change| matches!(change.action, Action::Promote | Action::Rollback);
    if let Some(change) = registry.history.iter().rev().find(is_promotion) {
        let (at, by) = (change.changed_at, &change.actor);
        text.line(2, format!("champion since {at}, {}, by {by}", age(at, now)));
    }
    if let Some(challenger) = &registry.challenger {
        text.line(2, format!("challenger: {challenger}"));
    }
    text.line(2, count(registry.versions.len() as u64, "model") + " stored");
    text
}
