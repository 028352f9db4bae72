//! From a trained model to the registry: through the gate to champion, or else to challenger.

use crate::comparison::CompareError;
use crate::gate::{evaluate_gate, summary};
use crate::invocation::Invocation;
use churn_common::calendar::Day;
use churn_common::model::{Card, ModelVersion};
use churn_common::store::files::ModelFiles;
use churn_common::store::objects::Condition;
use churn_common::store::registry::{Because, Move, Refused, Registry};
use churn_common::store::{StoreError, Stores};
use churn_report::{ReportData, ReportError};
use churn_training::TrainingSettings;
use churn_training::comparison::ScoredSnapshots;
use lambda_runtime::tracing::{self, Instrument, error_span};
use serde::Serialize;

/// The actor of changes that a training makes.
const ACTOR: &str = "retrain";
/// Times that the gate runs because the champion changed concurrently.
const ATTEMPTS: u32 = 5;

/// The role of a trained model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisteredAs {
    /// It passed the gate and serves.
    Champion,
    /// It did not pass the gate.
    Challenger,
    /// It is identical to the model that serves already.
    ChampionAlready,
}

/// A model that was trained, ready for the gate.
#[derive(Debug)]
pub(crate) struct NewModel<'a> {
    pub files: ModelFiles,
    /// Without the gate's result.
    pub card: Card,
    pub report: ReportData,
    /// The rows held out from its training.
    pub held_out: ScoredSnapshots<'a>,
    /// The last day of the log, of which nothing was read.
    pub log_end: Day,
}

/// A model in the registry.
#[derive(Debug)]
pub(crate) struct Registration {
    pub registered_as: RegisteredAs,
    /// The change of the registry; `None` if it was as it should be.
    pub change: Option<Move>,
    /// With the gate's result, unless the model served already.
    pub card: Card,
}

/// Why the registry could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Why a trained model could not be registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Change(#[from] ChangeError),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Other runs promoted other models each time.
    #[error("the gate ran {1} times for model {0}, each time the champion changed concurrently")]
    ChampionChanged(ModelVersion, u32),
}

/// Stores the model, its report and its card, and lets the gate decide. The gate compares with the champion that the model
/// replaces or challenges: it reruns if the champion changed concurrently.
///
/// # Errors
/// If the store fails, the model's files are being deleted, or the champion keeps changing.
pub(crate) async fn register(
    stores: &Stores,
    settings: &TrainingSettings,
    new: &NewModel<'_>,
    invocation: &Invocation,
) -> Result<Registration, RegisterError> {
    let version = &new.card.version;
    for _ in 0..ATTEMPTS {
        // Before any file is written, so that no concurrent run retires the model as one of the oldest.
        let entered = |now: &mut Registry| -> Result<(), ChangeError> { Ok(now.register(version)?) };
        stores.registry().update(entered).await?;
        let (registry, _) = stores.registry().read().await?;
        if registry.champion.as_ref() == Some(version) {
            let card = new.card.clone();
            stores.models().put_file(version, new.files.model.clone()).await?;
            // It has none if an older release trained it.
            stores.models().put_report(version, new.report.files(&card)?, Condition::Absent).await?;
            let change = registry.asked_before(&invocation.id).cloned();
            let (registered_as, change) = registration_status(&registry, version, change);
            return Ok(Registration { registered_as, change, card });
        }
        let gate = evaluate_gate(stores, settings, &registry, &new.card, new.held_out, new.log_end)
            .instrument(error_span!("stage", name = "gate"))
            .await?;
        let request = invocation.change_request(ACTOR, summary(&gate));
        let passed = gate.passed;
        let card = Card { gate: Some(gate), ..new.card.clone() };
        stores.models().put(new.files.clone(), new.report.files(&card)?, &card).await?;
        let change = |now: &mut Registry| enter(now, version, &registry, passed, request.clone());
        match stores.registry().update(change).await {
            Ok((registered_as, change)) => {
                if registered_as == RegisteredAs::Challenger {
                    // The outcome contains it too; this line is for log alarms.
                    tracing::warn!(%version, reasons = %request.why, "the new model did not pass the gate: challenger");
                }
                return Ok(Registration { registered_as, change, card });
            }
            // The gate compared with another champion, or a concurrent run retired the model before it was entered.
            Err(ChangeError::Refused(Refused::Overtaken(_) | Refused::Unknown(_))) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(RegisterError::ChampionChanged(version.clone(), ATTEMPTS))
}

/// Enters a model after its gate, unless the champion is no longer the one that the gate compared with.
fn enter(
    now: &mut Registry,
    version: &ModelVersion,
    compared_with: &Registry,
    passed: bool,
    request: Because,
) -> Result<(RegisteredAs, Option<Move>), ChangeError> {
    if now.champion != compared_with.champion && now.champion.as_ref() != Some(version) {
        return Err(Refused::Overtaken(now.champion.clone()).into());
    }
    let change = if passed { now.promote(version, request)? } else { now.challenge(version, request)? };
    Ok(registration_status(now, version, change))
}

/// The role of a model. One that serves although this run changed nothing was promoted by another run.
fn registration_status(now: &Registry, version: &ModelVersion, change: Option<Move>) -> (RegisteredAs, Option<Move>) {
    match (now.champion.as_ref() == Some(version), &change) {
        (true, Some(_)) => (RegisteredAs::Champion, change),
        (true, None) => (RegisteredAs::ChampionAlready, None),
        (false, _) => (RegisteredAs::Challenger, change),
    }
}

/// Retires the models beyond `keep_versions` and deletes their files, also those of a run that was interrupted.
///
/// # Errors
/// If the store fails; files that are left are deleted by a run an hour later.
pub(crate) async fn retire(
    stores: &Stores,
    keep: u32,
    invocation: &Invocation,
) -> Result<Vec<ModelVersion>, StoreError> {
    let request = invocation.change_request(ACTOR, format!("there are {keep} newer ones (keep_versions)"));
    let change = |registry: &mut Registry| {
        registry.retire(keep as usize, &request);
        Ok::<_, StoreError>(registry.claim_deletions(request.at))
    };
    let claimed = stores.registry().update(change).await?;
    for version in &claimed {
        stores.models().delete(version).await?;
    }
    let deleted = |registry: &mut Registry| {
        registry.deleted(&claimed);
        Ok::<_, StoreError>(())
    };
    stores.registry().update(deleted).await?;
    Ok(claimed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::calendar::Timestamp;

    #[test]
    fn a_gate_against_a_former_champion_does_not_count() {
        let [old, between, new] = [b"a", b"b", b"c"].map(|file| ModelVersion::from_file(file));
        let because = |n: i64| Because {
            at: Timestamp::from_millis(n),
            by: ACTOR.into(),
            why: "a test".into(),
            request: n.to_string(),
        };
        let mut registry = Registry::default();
        [&old, &between, &new].into_iter().for_each(|version| registry.register(version).unwrap());
        enter(&mut registry, &old, &Registry::default(), true, because(1)).unwrap();
        let compared_with = registry.clone();
        enter(&mut registry, &between, &compared_with, true, because(2)).unwrap();
        for passed in [true, false] {
            let overtaken = enter(&mut registry.clone(), &new, &compared_with, passed, because(3)).unwrap_err();
            assert!(matches!(overtaken, ChangeError::Refused(Refused::Overtaken(Some(now))) if now == between));
        }
        let compared_with = registry.clone();
        let entered = enter(&mut registry, &new, &compared_with, true, because(4)).unwrap();
        // The response was lost, and the change is repeated on its own result.
        assert_eq!(enter(&mut registry, &new, &compared_with, true, because(4)).unwrap(), entered);
        assert_eq!((entered.0, registry.history.len()), (RegisteredAs::Champion, 3));
        // A run in which the gate failed finds that the model serves already.
        let late = enter(&mut registry, &new, &compared_with, false, because(5)).unwrap();
        assert_eq!(late, (RegisteredAs::ChampionAlready, None));
        let compared_with = registry.clone();
        let held_back = enter(&mut registry, &old, &compared_with, false, because(6)).unwrap();
        assert_eq!(held_back.0, RegisteredAs::Challenger);
    }
}
