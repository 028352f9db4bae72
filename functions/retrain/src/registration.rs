//! From a trained model to the registry: through the gate to champion, or else to challenger.

use crate::comparison::Scored;
use crate::gate::{in_words, judge};
use crate::invocation::Invocation;
use crate::outcome::TrainError;
use crate::settings::TrainingSettings;
use churn_common::calendar::Day;
#[cfg(test)]
use churn_common::calendar::Timestamp;
use churn_common::model::{Card, ModelVersion};
use churn_common::store::files::ModelFiles;
use churn_common::store::objects::Condition;
use churn_common::store::registry::{Because, Move, Refused, Registry};
use churn_common::store::{StoreError, Stores};
use churn_report::ReportData;
use lambda_runtime::tracing;
use serde::Serialize;

/// Who moves the registry, where a training does.
const BY: &str = "retrain";
/// Times a model is judged anew because the champion changed meanwhile.
const ATTEMPTS: u32 = 5;

/// What became of a trained model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

/// A model that was trained, and what it is judged by.
#[derive(Debug, Clone, Copy)]
pub struct NewModel<'a> {
    /// Its files.
    pub files: &'a ModelFiles,
    /// Its report, but for what the gate says.
    pub report: &'a ReportData,
    /// The rows held out from its training.
    pub held_out: Scored<'a>,
    /// The first day of which nothing was read.
    pub log_end: Day,
}

/// Writes the model, its report and its card, and lets the gate decide. The gate's verdict on `card` is with the champion
/// that the model replaces, or challenges: if another came between, it is judged anew.
///
/// # Errors
/// If the store fails, the model's files are just being deleted, or the champion changes again and again.
pub async fn register(
    stores: &Stores,
    settings: &TrainingSettings,
    new: &NewModel<'_>,
    card: &mut Card,
    invocation: &Invocation,
) -> Result<(RegisteredAs, Option<Move>), TrainError> {
    let NewModel { files, report, held_out, log_end } = *new;
    let version = card.version.clone();
    for _ in 0..ATTEMPTS {
        // Before any file is written, so that nobody gives up meanwhile what is older.
        let entered = |now: &mut Registry| -> Result<(), ChangeError> { Ok(now.register(&version)?) };
        stores.registry().update(entered).await?;
        let (registry, _) = stores.registry().read().await?;
        if registry.champion.as_ref() == Some(&version) {
            stores.models().put_file(&version, files.model.clone()).await?;
            // It has none if an older release trained it.
            stores.models().put_report(&version, report.files(card)?, Condition::Absent).await?;
            return Ok(place(&registry, &version, registry.asked_before(&invocation.id).cloned()));
        }
        let gate = judge(stores, settings, &registry, card, held_out, log_end).await?;
        let because = because(invocation, in_words(&gate));
        let passed = gate.passed;
        card.gate = Some(gate);
        stores.models().put(files.clone(), report.files(card)?, card).await?;
        let change = |now: &mut Registry| enter(now, &version, &registry, passed, because.clone());
        match stores.registry().update(change).await {
            Ok((RegisteredAs::Challenger, moved)) => {
                // The outcome tells it too; this line is for whoever watches the log.
                tracing::warn!(%version, reasons = %because.why, "the new model did not pass the gate: challenger");
                return Ok((RegisteredAs::Challenger, moved));
            }
            Ok(entered) => return Ok(entered),
            // Judged against another champion, or given up as older than others, before it was entered.
            Err(ChangeError::Refused(Refused::Overtaken(_) | Refused::Unknown(_))) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(TrainError::Overtaken(version, ATTEMPTS))
}

fn because(invocation: &Invocation, why: String) -> Because {
    Because { at: invocation.now, by: BY.to_owned(), why, request: invocation.id.clone() }
}

/// Enters a judged model, unless the champion is not the one any more that it was judged against.
fn enter(
    now: &mut Registry,
    version: &ModelVersion,
    judged_by: &Registry,
    passed: bool,
    because: Because,
) -> Result<(RegisteredAs, Option<Move>), ChangeError> {
    if now.champion != judged_by.champion && now.champion.as_ref() != Some(version) {
        return Err(Refused::Overtaken(now.champion.clone()).into());
    }
    let moved = if passed { now.promote(version, because)? } else { now.challenge(version, because)? };
    Ok(place(now, version, moved))
}

/// What has become of a model. One that serves without this run having moved it has been promoted by another.
fn place(now: &Registry, version: &ModelVersion, moved: Option<Move>) -> (RegisteredAs, Option<Move>) {
    match (now.champion.as_ref() == Some(version), &moved) {
        (true, Some(_)) => (RegisteredAs::Champion, moved),
        (true, None) => (RegisteredAs::ChampionAlready, None),
        (false, _) => (RegisteredAs::Challenger, moved),
    }
}

/// Gives up old models, and deletes their files; also those of a run that did not come to it.
///
/// # Errors
/// If the store fails; what was not deleted is an hour later.
pub async fn retire(stores: &Stores, keep: u32, invocation: &Invocation) -> Result<Vec<ModelVersion>, StoreError> {
    let because = because(invocation, format!("there are {keep} newer ones (keep_versions)"));
    let change = |registry: &mut Registry| {
        registry.retire(keep as usize, &because);
        Ok::<_, StoreError>(registry.claim_deletions(because.at))
    };
    let claimed = stores.registry().update(change).await?;
    for version in &claimed {
        stores.models().delete(version).await?;
    }
    let gone = |registry: &mut Registry| {
        registry.deleted(&claimed);
        Ok::<_, StoreError>(())
    };
    stores.registry().update(gone).await?;
    Ok(claimed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_against_a_champion_that_is_none_any_more_does_not_count() {
        let [old, between, new] = [b"a", b"b", b"c"].map(|file| ModelVersion::from_file(file));
        let because = |n: i64| Because {
            at: Timestamp::from_millis(n),
            by: BY.into(),
            why: "a test".into(),
            request: n.to_string(),
        };
        let mut registry = Registry::default();
        [&old, &between, &new].into_iter().for_each(|version| registry.register(version).unwrap());
        enter(&mut registry, &old, &Registry::default(), true, because(1)).unwrap();
        let judged_by = registry.clone();
        enter(&mut registry, &between, &judged_by, true, because(2)).unwrap();
        for passed in [true, false] {
            let overtaken = enter(&mut registry.clone(), &new, &judged_by, passed, because(3)).unwrap_err();
            assert!(matches!(overtaken, ChangeError::Refused(Refused::Overtaken(Some(now))) if now == between));
        }
        let judged_by = registry.clone();
        let entered = enter(&mut registry, &new, &judged_by, true, because(4)).unwrap();
        // The answer was lost, and the change is made again on what it made.
        assert_eq!(enter(&mut registry, &new, &judged_by, true, because(4)).unwrap(), entered);
        assert_eq!((entered.0, registry.history.len()), (RegisteredAs::Champion, 3));
        // A run whose own verdict was another finds that it serves already.
        let late = enter(&mut registry, &new, &judged_by, false, because(5)).unwrap();
        assert_eq!(late, (RegisteredAs::ChampionAlready, None));
        let judged_by = registry.clone();
        let held_back = enter(&mut registry, &old, &judged_by, false, because(6)).unwrap();
        assert_eq!(held_back.0, RegisteredAs::Challenger);
    }
}
