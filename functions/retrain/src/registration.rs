//! Registration of a trained model: as champion if it passes the gate, otherwise as challenger.

use crate::comparison::CompareError;
use crate::gate::{evaluate_gate, summary};
use crate::invocation::Invocation;
use churn_common::calendar::Day;
use churn_common::model::{Card, ModelVersion};
use churn_common::store::files::ModelFiles;
use churn_common::store::registry::{Change, ChangeError, ChangeRequest, Registry};
use churn_common::store::{StoreError, Stores};
use churn_report::{ReportData, ReportError};
use churn_training::TrainingSettings;
use churn_training::comparison::ScoredSnapshots;
use lambda_runtime::tracing::{self, Instrument, error_span};
use serde::{Deserialize, Serialize};

/// The actor of changes made by a training.
const ACTOR: &str = "retrain";
/// Times that the gate runs if the champion changes concurrently.
const ATTEMPTS: u32 = 5;

/// The role of a trained model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegisteredAs {
    /// It passed the gate.
    Champion,
    /// It did not pass the gate.
    Challenger,
    /// It is identical to the champion.
    AlreadyChampion,
}

/// A trained model before the gate.
#[derive(Debug)]
pub(crate) struct NewModel<'a> {
    pub files: ModelFiles,
    /// Without the gate.
    pub card: Card,
    pub report: ReportData,
    /// The rows held out from its training.
    pub held_out: ScoredSnapshots<'a>,
    /// The last day of the log; nothing of it was read.
    pub log_end: Day,
}

#[derive(Debug)]
pub(crate) struct Registration {
    pub registered_as: RegisteredAs,
    /// `None` if the model had the role already.
    pub change: Option<Change>,
    /// With the gate, unless the model was champion already.
    pub card: Card,
}

/// Why the registry could not be updated.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Change(#[from] ChangeError),
}

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Update(#[from] UpdateError),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error(transparent)]
    Report(#[from] ReportError),
    /// Model and number of attempts.
    #[error("registration of model {0} stopped: the champion changed concurrently {1} times")]
    ChampionChanged(ModelVersion, u32),
}

/// Runs the gate, stores the model with its report and card, and registers it. The gate reruns if the champion changes
/// concurrently.
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
        // Before its files are written, so that no concurrent run retires the model as one of the oldest.
        let register = |now: &mut Registry| -> Result<(), UpdateError> { Ok(now.register(version)?) };
        stores.registry().update(register).await?;
        let (registry, _) = stores.registry().read().await?;
        if registry.champion.as_ref() == Some(version) {
            let card = new.card.clone();
            stores.models().repair(new.files.clone(), new.report.files(&card)?, &card).await?;
            let change = registry.find_request(&invocation.id).cloned();
            let (registered_as, change) = registration_status(&registry, version, change);
            return Ok(Registration { registered_as, change, card });
        }
        let gate = evaluate_gate(stores, settings, &registry, &new.card, new.held_out, new.log_end)
            .instrument(error_span!("stage", name = "gate"))
            .await?;
        let request = invocation.change_request(ACTOR, summary(&gate, new.card.model_quality));
        let passed = gate.passed;
        let card = Card { gate: Some(gate), ..new.card.clone() };
        stores.models().put(new.files.clone(), new.report.files(&card)?, &card).await?;
        let change = |now: &mut Registry| assign_role(now, version, &registry, passed, request.clone());
        match stores.registry().update(change).await {
            Ok((registered_as, change)) => {
                if registered_as == RegisteredAs::Challenger {
                    // The outcome contains it too; this line is for log alarms.
                    tracing::warn!(%version, reasons = %request.reason, "the model did not pass the gate");
                }
                return Ok(Registration { registered_as, change, card });
            }
            // The champion changed, or a concurrent run retired the model.
            Err(UpdateError::Change(ChangeError::ChampionChanged(_) | ChangeError::NotRegistered(_))) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(RegisterError::ChampionChanged(version.clone(), ATTEMPTS))
}

/// Gives a model its role after the gate, unless the champion is no longer the one that the gate compared with.
fn assign_role(
    now: &mut Registry,
    version: &ModelVersion,
    compared_with: &Registry,
    passed: bool,
    request: ChangeRequest,
) -> Result<(RegisteredAs, Option<Change>), UpdateError> {
    if now.champion != compared_with.champion && now.champion.as_ref() != Some(version) {
        return Err(ChangeError::ChampionChanged(now.champion.clone()).into());
    }
    let change = match passed {
        true => now.promote(version, request)?,
        false => now.register_challenger(version, request)?,
    };
    Ok(registration_status(now, version, change))
}

/// The role of a model. If it is champion without a change by this run, another run promoted it.
fn registration_status(
    now: &Registry,
    version: &ModelVersion,
    change: Option<Change>,
) -> (RegisteredAs, Option<Change>) {
    match (now.champion.as_ref() == Some(version), &change) {
        (true, Some(_)) => (RegisteredAs::Champion, change),
        (true, None) => (RegisteredAs::AlreadyChampion, None),
        (false, _) => (RegisteredAs::Challenger, change),
    }
}

/// Retires the models beyond `retained_versions` and deletes their files. Also completes interrupted deletions.
///
/// # Errors
/// If the store fails; a run an hour later deletes the remaining files.
pub(crate) async fn retire(
    stores: &Stores,
    keep: u32,
    invocation: &Invocation,
) -> Result<Vec<ModelVersion>, StoreError> {
    let request = invocation.change_request(ACTOR, format!("{keep} newer models are kept (retained_versions)"));
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
    fn gate_against_a_previous_champion_is_rejected() {
        let [old, between, new] = [b"a", b"b", b"c"].map(|file| ModelVersion::from_file(file));
        let request = |n: i64| ChangeRequest {
            at: Timestamp::from_millis(n),
            actor: ACTOR.into(),
            reason: "a test".into(),
            request_id: n.to_string(),
        };
        let mut registry = Registry::default();
        [&old, &between, &new].into_iter().for_each(|version| registry.register(version).unwrap());
        assign_role(&mut registry, &old, &Registry::default(), true, request(1)).unwrap();
        let compared_with = registry.clone();
        assign_role(&mut registry, &between, &compared_with, true, request(2)).unwrap();
        for passed in [true, false] {
            let error = assign_role(&mut registry.clone(), &new, &compared_with, passed, request(3)).unwrap_err();
            assert!(matches!(error, UpdateError::Change(ChangeError::ChampionChanged(Some(now))) if now == between));
        }
        let compared_with = registry.clone();
        let assigned = assign_role(&mut registry, &new, &compared_with, true, request(4)).unwrap();
        // The response was lost, and the change is retried.
        assert_eq!(assign_role(&mut registry, &new, &compared_with, true, request(4)).unwrap(), assigned);
        assert_eq!((assigned.0, registry.history.len()), (RegisteredAs::Champion, 3));
        // A concurrent run whose gate failed: the model is champion already.
        let late = assign_role(&mut registry, &new, &compared_with, false, request(5)).unwrap();
        assert_eq!(late, (RegisteredAs::AlreadyChampion, None));
        let compared_with = registry.clone();
        let challenger = assign_role(&mut registry, &old, &compared_with, false, request(6)).unwrap();
        assert_eq!(challenger.0, RegisteredAs::Challenger);
    }
}
