//! Manual changes of the champion: promotion of a registered model, and rollback.

use super::error::ActionError;
use crate::registration::UpdateError;
use crate::request::{ChangeKind, RequestError};
use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_common::store::registry::{Change, ChangeError, ChangeRequest, Registry};

/// Makes a valid model champion. Returns the champion and the change; `None` if the model was champion already. A
/// retried request changes nothing.
///
/// # Errors
/// If the model is not registered or invalid, there is no previous champion, the champion changes concurrently, or the
/// store fails.
pub(crate) async fn change_champion(
    stores: &Stores,
    kind: &ChangeKind,
    request: ChangeRequest,
) -> Result<(ModelVersion, Option<Change>), ActionError> {
    let (registry, _) = stores.registry().read().await?;
    if let (Some(change), Some(champion)) = (registry.find_request(&request.request_id), &registry.champion) {
        return Ok((champion.clone(), Some(change.clone())));
    }
    let champion = target(&registry, kind)?;
    // An invalid model is never promoted.
    stores.models().get(&champion).await?;
    let change = |now: &mut Registry| -> Result<Option<Change>, UpdateError> {
        match kind {
            ChangeKind::Promote(_) => Ok(now.promote(&champion, request.clone())?),
            ChangeKind::Rollback(_) => {
                let change = now.rollback(request.clone())?;
                if change.version != champion {
                    return Err(ChangeError::ChampionChanged(change.previous_version).into());
                }
                Ok(Some(change))
            }
        }
    };
    let change = stores.registry().update(change).await?;
    Ok((champion, change))
}

/// The model to make champion.
fn target(registry: &Registry, kind: &ChangeKind) -> Result<ModelVersion, ActionError> {
    match kind {
        ChangeKind::Promote(model) => Ok(model.resolve(registry)?),
        ChangeKind::Rollback(from) => {
            if let (Some(from), Some(champion)) = (from, &registry.champion)
                && from != champion
            {
                return Err(RequestError::NotChampion(from.clone(), champion.clone()).into());
            }
            let previous = registry.previous_champion().ok_or(ChangeError::NoPreviousChampion);
            Ok(previous.map_err(UpdateError::from)?.clone())
        }
    }
}
