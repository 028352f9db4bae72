//! From a trained model to the registry: through the gate to champion, or else to challenger.

use crate::comparison::Scored;
use crate::gate::{in_words, judge};
use crate::outcome::TrainError;
use crate::report::Draft;
use crate::settings::TrainingSettings;
use churn_common::calendar::{Day, Timestamp};
use churn_common::model::{Card, ModelVersion};
use churn_common::store::models::ModelFiles;
use churn_common::store::objects::Condition;
use churn_common::store::registry::{Because, Move, Refused, Registry};
use churn_common::store::{AllStores, StoreError};
use lambda_runtime::tracing;
use serde::Serialize;

/// Who moves the registry, where a training does.
const BY: &str = "retrain";
/// Times a model is judged anew because the champion changed meanwhile.
const ATTEMPTS: u32 = 5;

/// What became of a trained model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisteredAs {
    /// It passed the gate and serves.
    Champion,
    /// It did not pass, and waits.
    Challenger,
    /// It is the very model that serves already.
    ChampionAlready,
}

/// A change of the registry failed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry cannot change so.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Writes the model, its report and its card, and lets the gate decide. The gate's verdict on `card` is with the champion that the
/// model replaces, or challenges: if another came between, it is judged anew.
///
/// # Errors
/// If the store fails, or the champion changes again and again.
pub async fn register(
    stores: &AllStores,
    settings: &TrainingSettings,
    files: ModelFiles,
    report: &Draft,
    card: &mut Card,
    held_out: Scored<'_>,
    log_end: Day,
) -> Result<(RegisteredAs, Option<Move>), TrainError> {
    let version = card.version.clone();
    sweep(stores).await?;
    for _ in 0..ATTEMPTS {
        let (registry, _) = stores.registry().read().await?;
        if registry.champion.as_ref() == Some(&version) {
            // It has none if an older release trained it.
            stores.models().put_report(&version, report.files(card)?, Condition::Absent).await?;
            return Ok((RegisteredAs::ChampionAlready, None));
        }
        let gate = judge(stores, settings, &registry, card, held_out, log_end).await?;
        let because = Because { at: Timestamp::now(), by: BY.to_owned(), why: in_words(&gate) };
        let passed = gate.passed;
        card.gate = Some(gate);
        stores.models().put(files.clone(), report.files(card)?, card).await?;
        let moved = stores.registry().update(|now| enter(now, &version, &registry, passed, because.clone())).await;
        match moved {
            // Nothing was moved where another run has just promoted the same model.
            Ok(None) if passed => return Ok((RegisteredAs::ChampionAlready, None)),
            Ok(moved) if passed => return Ok((RegisteredAs::Champion, moved)),
            Ok(moved) => {
                // The outcome tells it too; this line is for whoever watches the log.
                tracing::warn!(%version, reasons = %because.why, "the new model did not pass the gate: challenger");
                return Ok((RegisteredAs::Challenger, moved));
            }
            Err(ChangeError::Refused(Refused::Overtaken(_))) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(TrainError::Overtaken(version, ATTEMPTS))
}

/// Enters a judged model, unless the champion is not the one any more that it was judged against.
fn enter(
    now: &mut Registry,
    version: &ModelVersion,
    judged_by: &Registry,
    passed: bool,
    because: Because,
) -> Result<Option<Move>, ChangeError> {
    if now.champion != judged_by.champion && now.champion.as_ref() != Some(version) {
        return Err(Refused::Overtaken(now.champion.clone()).into());
    }
    now.register(version)?;
    Ok(if passed { now.promote(version, because)? } else { now.challenge(version, because)? })
}

/// Gives up old models, and deletes their files.
///
/// # Errors
/// If the store fails; what was not deleted is the next time.
pub async fn retire(stores: &AllStores, keep: u32) -> Result<Vec<ModelVersion>, StoreError> {
    let why = format!("there are {keep} newer ones (keep_versions)");
    let because = Because { at: Timestamp::now(), by: BY.to_owned(), why };
    let change = |registry: &mut Registry| Ok::<_, StoreError>(registry.retire(keep as usize, &because));
    stores.registry().update(change).await?;
    sweep(stores).await
}

/// Deletes the files of models that were given up, also by a run that did not come to it.
async fn sweep(stores: &AllStores) -> Result<Vec<ModelVersion>, StoreError> {
    let retired = stores.registry().read().await?.0.retired;
    for version in &retired {
        stores.models().delete(version).await?;
    }
    let clear = |registry: &mut Registry| {
        registry.retired.retain(|version| !retired.contains(version));
        Ok::<_, StoreError>(())
    };
    stores.registry().update(clear).await?;
    Ok(retired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_against_a_champion_that_is_none_any_more_does_not_count() {
        let [old, between, new] = [b"a", b"b", b"c"].map(|file| ModelVersion::of(file));
        let because = |n: i64| Because { at: Timestamp::from_millis(n), by: BY.into(), why: "a test".into() };
        let mut registry = Registry::default();
        enter(&mut registry, &old, &Registry::default(), true, because(1)).unwrap();
        let judged_by = registry.clone();
        enter(&mut registry, &between, &judged_by, true, because(2)).unwrap();
        for passed in [true, false] {
            let overtaken = enter(&mut registry.clone(), &new, &judged_by, passed, because(3)).unwrap_err();
            assert!(matches!(overtaken, ChangeError::Refused(Refused::Overtaken(Some(now))) if now == between));
        }
        let judged_by = registry.clone();
        let moved = enter(&mut registry, &new, &judged_by, true, because(4)).unwrap();
        // The answer was lost, and the change is made again on what it made.
        assert_eq!(enter(&mut registry, &new, &judged_by, true, because(4)).unwrap(), moved);
        assert_eq!(registry.history.len(), 3);
    }
}
