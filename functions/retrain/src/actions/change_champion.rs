//! Changing the champion by hand: promoting any registered model, and rolling back.

use super::error::ActionError;
use crate::registration::ChangeError;
use crate::request::{ChangeKind, RequestError};
use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_common::store::registry::{Because, Move, Refused, Registry};

/// Changes the champion to a model that can serve. Returns the champion and the change; `None` if the model served
/// already. A request that is made again changes nothing.
///
/// # Errors
/// If the model is not registered or cannot serve, there is no previous champion, the champion changes concurrently, or the
/// store fails.
pub(crate) async fn change_champion(
    stores: &Stores,
    kind: &ChangeKind,
    request: Because,
) -> Result<(ModelVersion, Option<Move>), ActionError> {
    let (registry, _) = stores.registry().read().await?;
    if let (Some(change), Some(champion)) = (registry.asked_before(&request.request), &registry.champion) {
        return Ok((champion.clone(), Some(change.clone())));
    }
    let champion = target(&registry, kind)?;
    // By hand or not: a model that cannot serve is never promoted.
    stores.models().get(&champion).await?;
    let change = |now: &mut Registry| -> Result<Option<Move>, ChangeError> {
        match kind {
            ChangeKind::Promote(_) => Ok(now.promote(&champion, request.clone())?),
            ChangeKind::Rollback(_) => {
                let change = now.roll_back(request.clone())?;
                if change.version != champion {
                    return Err(Refused::Overtaken(change.replaced).into());
                }
                Ok(Some(change))
            }
        }
    };
    let change = stores.registry().update(change).await?;
    Ok((champion, change))
}

/// The model that is to become champion.
fn target(registry: &Registry, kind: &ChangeKind) -> Result<ModelVersion, ActionError> {
    match kind {
        ChangeKind::Promote(model) => Ok(model.resolve(registry)?),
        ChangeKind::Rollback(from) => {
            if let (Some(from), Some(serving)) = (from, &registry.champion)
                && from != serving
            {
                return Err(RequestError::NotServing(from.clone(), serving.clone()).into());
            }
            let none = || ChangeError::Refused(Refused::NothingBefore(registry.champion.clone()));
            Ok(registry.before().ok_or_else(none)?.clone())
        }
    }
}
