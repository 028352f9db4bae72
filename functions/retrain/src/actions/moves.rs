//! Moving the champion by hand: promoting any registered model, and rolling back.

use super::{RequestError, Which};
use crate::events::EventOutcome;
use crate::invocation::Invocation;
use crate::outcome::TrainError;
use crate::registration::ChangeError;
use crate::tracking::Tracked;
use churn_common::model::ModelVersion;
use churn_common::store::Stores;
use churn_common::store::registry::{Because, Move, Refused, Registry};
use serde::Serialize;

/// A move that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    what: What,
    by: String,
    why: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// This one is to serve.
    Promote(Which),
    /// The champion before the present one is to serve again; only if the present one is this.
    RollBack(Option<ModelVersion>),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// The model that serves now.
    pub champion: ModelVersion,
    /// The move as it stands in the history; `None` if the model served already.
    #[serde(rename = "move")]
    pub moved: Option<Move>,
    /// What became of the event that tells of it; `None` where no bus is set, or nothing moved.
    pub event: Option<EventOutcome>,
    /// What MLflow was told; `None` where none is set.
    pub tracking: Option<Tracked>,
}

impl Asked {
    /// To promote a model.
    pub fn promote(which: Which, by: String, why: String) -> Self {
        Self { what: What::Promote(which), by, why }
    }

    /// To take back the champion, if it is `from`, where that is told.
    pub fn roll_back(from: Option<ModelVersion>, by: String, why: String) -> Self {
        Self { what: What::RollBack(from), by, why }
    }
}

/// Moves the champion as asked, to a model that is fit to serve. A request that is made again changes nothing.
///
/// # Errors
/// If the model is not registered or not fit to serve, there is nothing to roll back to, the champion changes meanwhile,
/// or the store fails.
pub async fn move_by_hand(stores: &Stores, asked: Asked, invocation: &Invocation) -> Result<Moved, TrainError> {
    let (registry, _) = stores.registry().read().await?;
    if let (Some(moved), Some(champion)) = (registry.asked_before(&invocation.id), &registry.champion) {
        return Ok(Moved { champion: champion.clone(), moved: Some(moved.clone()), event: None, tracking: None });
    }
    let champion = target(&registry, &asked.what)?;
    // By hand or not: what cannot serve is never promoted.
    stores.models().get(&champion).await?;
    let because = Because { at: invocation.now, by: asked.by, why: asked.why, request: invocation.id.clone() };
    let change = |now: &mut Registry| -> Result<Option<Move>, ChangeError> {
        match &asked.what {
            What::Promote(_) => Ok(now.promote(&champion, because.clone())?),
            What::RollBack(_) => {
                let moved = now.roll_back(because.clone())?;
                if moved.version != champion {
                    return Err(Refused::Overtaken(moved.replaced).into());
                }
                Ok(Some(moved))
            }
        }
    };
    let moved = stores.registry().update(change).await?;
    Ok(Moved { champion, moved, event: None, tracking: None })
}

/// The model that is to serve.
fn target(registry: &Registry, what: &What) -> Result<ModelVersion, TrainError> {
    match what {
        What::Promote(which) => Ok(which.of(registry)?),
        What::RollBack(from) => {
            if let (Some(from), Some(serving)) = (from, &registry.champion)
                && from != serving
            {
                return Err(RequestError::NotServing(from.clone(), serving.clone()).into());
            }
            let nothing = || ChangeError::Refused(Refused::NothingBefore(registry.champion.clone()));
            Ok(registry.before().ok_or_else(nothing)?.clone())
        }
    }
}
