//! Rebuilds a lost `registry.json` from the models that exist.

use super::{ChangeError, ChangeRequest, Registry, RegistryStore};
use crate::model::Card;
use crate::store::StoreError;
use crate::store::models::Models;

const REASON: &str = "registry.json was missing and was rebuilt from the model cards";

impl RegistryStore {
    /// Writes a new registry if there is none, but there are models. Their cards contain the decisions of the gate, in
    /// order; manual promotions and rollbacks are lost. Models that cannot be read are left out.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn rebuild_if_missing(&self, models: &Models) -> Result<(), StoreError> {
        if self.read().await?.1.is_some() {
            return Ok(());
        }
        let rebuilt = from_cards(cards(models).await?);
        if rebuilt == Registry::default() {
            return Ok(());
        }
        let is_written = self
            .update(|now| {
                // Another run may have written one.
                let is_missing = *now == Registry::default();
                if is_missing {
                    *now = rebuilt.clone();
                }
                Ok::<_, StoreError>(is_missing)
            })
            .await?;
        if is_written {
            let champion = rebuilt.champion.as_ref().map_or("none", |version| version.as_str());
            tracing::warn!(
                champion,
                models = rebuilt.versions.len(),
                "{REASON}; manual promotions and rollbacks are lost: check the champion"
            );
        }
        Ok(())
    }
}

/// The cards of the models that can be read.
async fn cards(models: &Models) -> Result<Vec<Card>, StoreError> {
    let mut cards = Vec::new();
    for version in models.versions().await? {
        let card = match models.get(&version).await {
            Ok(_) => models.card(&version).await,
            Err(error) => Err(error),
        };
        match card {
            Ok(card) => cards.push(card),
            Err(error) => tracing::warn!(error = %error.invalid()?, "the model is left out of the rebuilt registry"),
        }
    }
    Ok(cards)
}

fn from_cards(mut cards: Vec<Card>) -> Registry {
    cards.sort_by(|a, b| (a.created_at, &a.version).cmp(&(b.created_at, &b.version)));
    let mut registry = Registry::default();
    for card in &cards {
        // It fails only for a model that is not registered or whose files are being deleted, which no model here is.
        if let Err(error) = add(&mut registry, card) {
            tracing::warn!(%error, "the model is left out of the rebuilt registry");
        }
    }
    registry
}

fn add(registry: &mut Registry, card: &Card) -> Result<(), ChangeError> {
    let version = &card.version;
    let request = ChangeRequest {
        at: card.created_at,
        actor: "rebuild".to_owned(),
        reason: REASON.to_owned(),
        request_id: format!("rebuild {version}"),
    };
    registry.register(version)?;
    match card.gate.as_ref().is_some_and(|gate| gate.passed) {
        true => registry.promote(version, request)?,
        false => registry.register_challenger(version, request)?,
    };
    Ok(())
}
