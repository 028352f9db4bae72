//! The content of the registry, and every permitted change. Pure: no store.

use crate::calendar::Timestamp;
use crate::model::ModelVersion;
use serde::{Deserialize, Serialize};

/// The content of `registry.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// The model that serves; `None` before the first promotion.
    pub champion: Option<ModelVersion>,
    /// The newest model that did not pass the gate; it does not serve.
    pub challenger: Option<ModelVersion>,
    /// Every model that is kept, in the order of their latest training. A model is added before its files are written.
    pub versions: Vec<ModelVersion>,
    /// Retired models whose files are being deleted.
    pub retired: Vec<Retired>,
    /// Every change, oldest first.
    pub history: Vec<Change>,
}

/// A retired model whose files are being deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    pub version: ModelVersion,
    /// When the run that deletes the files claimed them.
    pub claimed_at: Timestamp,
}

/// One change of the champion, of the challenger or of the models that are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub action: Action,
    /// After a rollback, the model that serves again.
    pub version: ModelVersion,
    /// The previous model in the same role; `None` if there was none.
    pub previous_version: Option<ModelVersion>,
    pub changed_at: Timestamp,
    /// Who made the change, such as `retrain`.
    pub actor: String,
    pub reason: String,
    /// Lambda's request id. A retried request changes nothing again.
    pub request_id: String,
}

/// What happened to the model of a [`Change`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It became champion.
    Promote,
    /// It became challenger.
    RegisterChallenger,
    /// It became champion again.
    Rollback,
    /// It is no longer kept.
    Retire,
}

/// Who requests a change, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRequest {
    pub at: Timestamp,
    pub actor: String,
    pub reason: String,
    /// Lambda's request id, the same when the request is retried.
    pub request_id: String,
}

/// Milliseconds after which a claimed deletion counts as interrupted: four times the longest run of a function.
const CLAIM_EXPIRES_AFTER: i64 = 3_600_000;

/// Why a change is not permitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    #[error("model {0} is not registered")]
    NotRegistered(ModelVersion),
    /// The model was retired, and may be registered again when its files are gone.
    #[error("the files of model {0} are being deleted")]
    BeingDeleted(ModelVersion),
    #[error("no previous champion")]
    NoPreviousChampion,
    /// The change was decided for another champion than the current one.
    #[error("the champion changed concurrently to {}", .0.as_ref().map_or("none", ModelVersion::as_str))]
    ChampionChanged(Option<ModelVersion>),
}

impl Registry {
    /// Adds a trained model to those that are kept, as the newest.
    ///
    /// # Errors
    /// [`ChangeError::BeingDeleted`] if a run is deleting its files.
    pub fn register(&mut self, version: &ModelVersion) -> Result<(), ChangeError> {
        if self.retired.iter().any(|retired| retired.version == *version) {
            return Err(ChangeError::BeingDeleted(version.clone()));
        }
        self.versions.retain(|kept| kept != version);
        self.versions.push(version.clone());
        Ok(())
    }

    /// Makes a registered model champion; `None` if it is champion already.
    ///
    /// # Errors
    /// [`ChangeError::NotRegistered`].
    pub fn promote(&mut self, version: &ModelVersion, request: ChangeRequest) -> Result<Option<Change>, ChangeError> {
        self.check_registered(version)?;
        if self.champion.as_ref() == Some(version) {
            return Ok(self.find_request(&request.request_id).cloned());
        }
        self.challenger.take_if(|challenger| challenger == version);
        let previous = self.champion.replace(version.clone());
        Ok(Some(self.record(Action::Promote, version, previous, request)))
    }

    /// Makes a registered model challenger; `None` if it is challenger or champion already.
    ///
    /// # Errors
    /// [`ChangeError::NotRegistered`].
    pub fn register_challenger(
        &mut self,
        version: &ModelVersion,
        request: ChangeRequest,
    ) -> Result<Option<Change>, ChangeError> {
        self.check_registered(version)?;
        if [&self.champion, &self.challenger].contains(&&Some(version.clone())) {
            return Ok(self.find_request(&request.request_id).cloned());
        }
        let previous = self.challenger.replace(version.clone());
        Ok(Some(self.record(Action::RegisterChallenger, version, previous, request)))
    }

    /// Makes the previous champion champion again. A second rollback goes back one more promotion.
    ///
    /// # Errors
    /// [`ChangeError::NoPreviousChampion`], or [`ChangeError::NotRegistered`] if the previous champion was retired.
    pub fn rollback(&mut self, request: ChangeRequest) -> Result<Change, ChangeError> {
        if let Some(change) = self.find_request(&request.request_id) {
            return Ok(change.clone());
        }
        let target = self.previous_champion().ok_or(ChangeError::NoPreviousChampion)?.clone();
        self.check_registered(&target)?;
        self.challenger.take_if(|challenger| *challenger == target);
        let previous = self.champion.replace(target.clone());
        Ok(self.record(Action::Rollback, &target, previous, request))
    }

    /// Retires all but the `keep` newest models; never the champion, the challenger or the rollback target. The caller
    /// deletes their files and then calls [`Registry::deleted`].
    pub fn retire(&mut self, keep: usize, request: &ChangeRequest) {
        let needed: Vec<ModelVersion> = [self.champion.as_ref(), self.challenger.as_ref(), self.previous_champion()]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        let old = self.versions.len().saturating_sub(keep);
        let unneeded: Vec<ModelVersion> =
            self.versions.iter().take(old).filter(|version| !needed.contains(version)).cloned().collect();
        self.versions.retain(|version| !unneeded.contains(version));
        for version in unneeded {
            self.record(Action::Retire, &version, None, request.clone());
            self.retired.push(Retired { version, claimed_at: request.at });
        }
    }

    /// Claims the models whose files the caller deletes: those that it retired at `now`, and those whose deletion was
    /// interrupted. No other run claims them for an hour.
    pub fn claim_deletions(&mut self, now: Timestamp) -> Vec<ModelVersion> {
        let is_free = |retired: &&mut Retired| {
            retired.claimed_at == now || now.millis() - retired.claimed_at.millis() >= CLAIM_EXPIRES_AFTER
        };
        let claimed = self.retired.iter_mut().filter(is_free);
        claimed
            .map(|retired| {
                retired.claimed_at = now;
                retired.version.clone()
            })
            .collect()
    }

    /// Removes models whose files are deleted.
    pub fn deleted(&mut self, deleted: &[ModelVersion]) {
        self.retired.retain(|retired| !deleted.contains(&retired.version));
    }

    /// The rollback target: the champion before the current one.
    pub fn previous_champion(&self) -> Option<&ModelVersion> {
        let champions = self.champions();
        champions.len().checked_sub(2).and_then(|at| champions.get(at).copied())
    }

    /// The rollback that set the current champion, if one did.
    pub fn current_rollback(&self) -> Option<&Change> {
        let latest = self.history.iter().rev().find(|c| matches!(c.action, Action::Promote | Action::Rollback));
        latest.filter(|change| change.action == Action::Rollback)
    }

    /// The change that the request of this id made; retirements do not count.
    pub fn find_request(&self, request_id: &str) -> Option<&Change> {
        self.history.iter().rev().find(|c| c.request_id == request_id && c.action != Action::Retire)
    }

    /// The champions that successive rollbacks go through, the current one last.
    fn champions(&self) -> Vec<&ModelVersion> {
        let mut champions = Vec::new();
        for change in &self.history {
            match change.action {
                Action::Promote => champions.push(&change.version),
                Action::Rollback => drop(champions.pop()),
                Action::RegisterChallenger | Action::Retire => {}
            }
        }
        champions
    }

    fn check_registered(&self, version: &ModelVersion) -> Result<(), ChangeError> {
        match self.versions.contains(version) {
            true => Ok(()),
            false => Err(ChangeError::NotRegistered(version.clone())),
        }
    }

    fn record(
        &mut self,
        action: Action,
        version: &ModelVersion,
        previous_version: Option<ModelVersion>,
        request: ChangeRequest,
    ) -> Change {
        let ChangeRequest { at: changed_at, actor, reason, request_id } = request;
        let change =
            Change { action, version: version.clone(), previous_version, changed_at, actor, reason, request_id };
        self.history.push(change.clone());
        change
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(n: u8) -> ModelVersion {
        ModelVersion::from_file(&[n])
    }

    /// A request, each a millisecond later than the one before.
    fn request() -> ChangeRequest {
        use std::sync::atomic::{AtomicI64, Ordering};
        static NOW: AtomicI64 = AtomicI64::new(0);
        let at = Timestamp::from_millis(NOW.fetch_add(1, Ordering::Relaxed));
        ChangeRequest { at, actor: "test".into(), reason: "a test".into(), request_id: at.millis().to_string() }
    }

    fn promoted(all: &[u8]) -> Registry {
        let mut registry = Registry::default();
        for n in all {
            registry.register(&version(*n)).unwrap();
            registry.promote(&version(*n), request()).unwrap();
        }
        registry
    }

    #[test]
    fn rollbacks_undo_promotions_in_reverse_order() {
        let mut registry = promoted(&[1, 2, 1, 3]);
        for expected in [1, 2, 1] {
            assert_eq!(registry.rollback(request()).unwrap().version, version(expected));
            assert_eq!(registry.champion, Some(version(expected)));
        }
        assert_eq!(registry.rollback(request()), Err(ChangeError::NoPreviousChampion));
        assert!(registry.current_rollback().is_some());
        registry.promote(&version(3), request()).unwrap();
        assert!(registry.current_rollback().is_none(), "promoted afterwards");
        assert_eq!(Registry::default().rollback(request()), Err(ChangeError::NoPreviousChampion));
    }

    #[test]
    fn retried_request_changes_nothing() {
        let mut registry = promoted(&[1, 2, 3]);
        let once = request();
        let change = registry.rollback(once.clone()).unwrap();
        registry.register(&version(4)).unwrap();
        registry.register_challenger(&version(4), request()).unwrap();
        assert_eq!(
            registry.rollback(ChangeRequest { at: request().at, ..once }),
            Ok(change),
            "retried later, after another change"
        );
        assert_eq!((registry.champion.clone(), registry.history.len()), (Some(version(2)), 5));
        let once = request();
        let change = registry.promote(&version(3), once.clone()).unwrap();
        assert_eq!((registry.promote(&version(3), once).unwrap(), registry.history.len()), (change, 6));
    }

    #[test]
    fn challenger_does_not_serve_until_promoted() {
        let mut registry = promoted(&[1]);
        registry.register(&version(2)).unwrap();
        assert!(registry.register_challenger(&version(2), request()).unwrap().is_some());
        assert_eq!(registry.register_challenger(&version(2), request()), Ok(None), "it is challenger already");
        assert_eq!(registry.register_challenger(&version(1), request()), Ok(None), "the champion cannot be challenger");
        assert_eq!((&registry.champion, &registry.challenger), (&Some(version(1)), &Some(version(2))));
        registry.promote(&version(2), request()).unwrap();
        assert_eq!((&registry.champion, &registry.challenger), (&Some(version(2)), &None));
        assert_eq!(registry.promote(&version(2), request()), Ok(None));
        assert_eq!(registry.promote(&version(9), request()), Err(ChangeError::NotRegistered(version(9))));
    }

    #[test]
    fn models_in_use_are_never_retired() {
        let mut registry = promoted(&[1, 2]);
        for n in [3, 4, 5] {
            registry.register(&version(n)).unwrap();
        }
        registry.register_challenger(&version(3), request()).unwrap();
        registry.retire(5, &request());
        assert!(registry.retired.is_empty());
        let retirement = request();
        registry.retire(1, &retirement);
        assert_eq!(registry.versions, [1, 2, 3, 5].map(version), "rollback target, champion, challenger, newest");
        assert_eq!(registry.register(&version(4)), Err(ChangeError::BeingDeleted(version(4))));
        assert_eq!(registry.promote(&version(4), request()), Err(ChangeError::NotRegistered(version(4))));

        // No other run deletes the files until the claim has expired.
        let later = |ms: i64| Timestamp::from_millis(retirement.at.millis() + ms);
        assert_eq!(registry.claim_deletions(later(CLAIM_EXPIRES_AFTER - 1)), []);
        assert_eq!(registry.claim_deletions(retirement.at), [version(4)]);
        assert_eq!(registry.claim_deletions(later(CLAIM_EXPIRES_AFTER)), [version(4)]);
        assert_eq!(registry.claim_deletions(later(CLAIM_EXPIRES_AFTER + 1)), [], "claimed a millisecond ago");
        registry.deleted(&[version(4)]);
        registry.register(&version(4)).unwrap();
    }

    proptest! {
        /// Champion and challenger are models that are kept, and the history explains them.
        #[test]
        fn champion_and_challenger_are_always_kept(changes in proptest::collection::vec((0u8..5, 0u8..6), 0..60)) {
            let mut registry = Registry::default();
            for (kind, n) in changes {
                match kind {
                    0 => drop(registry.register(&version(n))),
                    1 => drop(registry.promote(&version(n), request())),
                    2 => drop(registry.register_challenger(&version(n), request())),
                    3 => drop(registry.rollback(request())),
                    _ => registry.retire(n.into(), &request()),
                }
                for model in [registry.champion.as_ref(), registry.challenger.as_ref()].into_iter().flatten() {
                    prop_assert!(registry.versions.contains(model));
                    prop_assert!(registry.retired.iter().all(|retired| retired.version != *model));
                }
                prop_assert_eq!(registry.champions().last().copied(), registry.champion.as_ref());
                prop_assert!(registry.champion.is_none() || registry.champion != registry.challenger);
            }
        }
    }
}
