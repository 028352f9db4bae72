//! What the registry says, and every way in which it may change. Nothing here speaks to a store.

use crate::calendar::Timestamp;
use crate::model::ModelVersion;
use serde::{Deserialize, Serialize};

/// Which model serves, which one waits, and how it came to that.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// The model that serves; `None` before the first promotion.
    pub champion: Option<ModelVersion>,
    /// The newest model that was not let through by the gate; it does not serve.
    pub challenger: Option<ModelVersion>,
    /// Every model that is kept, in the order of (their latest) training. One is entered before its files are written.
    pub versions: Vec<ModelVersion>,
    /// Models given up, whose files are being deleted.
    pub retired: Vec<Retired>,
    /// Every move, oldest first.
    pub history: Vec<Move>,
}

/// A model that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The model.
    pub version: ModelVersion,
    /// Since when its files are being deleted, by whoever put that moment here.
    pub since: Timestamp,
}

/// One change of what serves, what waits or what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// What happened to `version`.
    pub action: Action,
    /// The model: of a roll-back, the one that serves again.
    pub version: ModelVersion,
    /// The model that had the place until then.
    pub replaced: Option<ModelVersion>,
    /// When.
    pub at: Timestamp,
    /// Who moved it, such as `retrain`.
    pub by: String,
    /// Why.
    pub why: String,
    /// The request that asked for it: one that is made again changes nothing.
    pub request: String,
}

/// What can happen to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It became champion.
    Promote,
    /// It became challenger.
    Challenge,
    /// It became champion again, as the one after it was taken back.
    RollBack,
    /// It was given up.
    Retire,
}

/// Who changes the registry, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// The id of the request, the same when it is made again.
    pub request: String,
}

/// Milliseconds from which on a deletion counts as broken off: no function runs for longer than a quarter of that.
const DELETION: i64 = 3_600_000;

/// Why the registry cannot change so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The registry does not know the model, or has given it up.
    #[error("the registry knows no model {0}, or has given it up")]
    Unknown(ModelVersion),
    /// The model was given up, and has come again before its files were gone.
    #[error("the files of model {0} are being deleted")]
    BeingDeleted(ModelVersion),
    /// No champion came before the present one.
    #[error("there is no champion before {}", .0.as_ref().map_or("the first", ModelVersion::as_str))]
    NothingBefore(Option<ModelVersion>),
    /// What was decided on rests on another champion than the present one.
    #[error("{} became champion concurrently", .0.as_ref().map_or("none", ModelVersion::as_str))]
    Overtaken(Option<ModelVersion>),
}

impl Registry {
    /// Puts a trained model among those that are kept, as the newest.
    ///
    /// # Errors
    /// If its files are being deleted: it may be registered once they are gone.
    pub fn register(&mut self, version: &ModelVersion) -> Result<(), Refused> {
        if self.retired.iter().any(|retired| retired.version == *version) {
            return Err(Refused::BeingDeleted(version.clone()));
        }
        self.versions.retain(|kept| kept != version);
        self.versions.push(version.clone());
        Ok(())
    }

    /// Makes a registered model champion; `None` if it is already.
    ///
    /// # Errors
    /// If it is not registered.
    pub fn promote(&mut self, version: &ModelVersion, because: Because) -> Result<Option<Move>, Refused> {
        self.known(version)?;
        if self.champion.as_ref() == Some(version) {
            return Ok(self.asked_before(&because.request).cloned());
        }
        self.challenger.take_if(|challenger| challenger == version);
        let replaced = self.champion.replace(version.clone());
        Ok(Some(self.note(Action::Promote, version, replaced, because)))
    }

    /// Makes a registered model challenger; `None` if it is already, or is champion.
    ///
    /// # Errors
    /// If it is not registered.
    pub fn challenge(&mut self, version: &ModelVersion, because: Because) -> Result<Option<Move>, Refused> {
        self.known(version)?;
        if [&self.champion, &self.challenger].contains(&&Some(version.clone())) {
            return Ok(self.asked_before(&because.request).cloned());
        }
        let replaced = self.challenger.replace(version.clone());
        Ok(Some(self.note(Action::Challenge, version, replaced, because)))
    }

    /// Makes the champion before the present one champion again. Done twice, it goes back twice.
    ///
    /// # Errors
    /// If there was none, or it has been given up.
    pub fn roll_back(&mut self, because: Because) -> Result<Move, Refused> {
        if let Some(moved) = self.asked_before(&because.request) {
            return Ok(moved.clone());
        }
        let before = self.before().ok_or_else(|| Refused::NothingBefore(self.champion.clone()))?.clone();
        self.known(&before)?;
        self.challenger.take_if(|challenger| *challenger == before);
        let replaced = self.champion.replace(before.clone());
        Ok(self.note(Action::RollBack, &before, replaced, because))
    }

    /// Gives up all but the `keep` newest models; never the champion, the challenger, or what a roll-back would go to.
    /// Whoever does so deletes their files, and then says so by [`Registry::deleted`].
    pub fn retire(&mut self, keep: usize, because: &Because) {
        let needed: Vec<ModelVersion> =
            [self.champion.as_ref(), self.challenger.as_ref(), self.before()].into_iter().flatten().cloned().collect();
        let old = self.versions.len().saturating_sub(keep);
        let given_up: Vec<ModelVersion> =
            self.versions.iter().take(old).filter(|version| !needed.contains(version)).cloned().collect();
        self.versions.retain(|version| !given_up.contains(version));
        for version in given_up {
            self.note(Action::Retire, &version, None, because.clone());
            self.retired.push(Retired { version, since: because.at });
        }
    }

    /// The models whose files are to be deleted by who asks at `now`: those that it gave up then, and those whose deletion
    /// has broken off. Nobody else deletes them for an hour.
    pub fn claim_deletions(&mut self, now: Timestamp) -> Vec<ModelVersion> {
        let left = |retired: &&mut Retired| retired.since == now || now.millis() - retired.since.millis() >= DELETION;
        let claimed = self.retired.iter_mut().filter(left);
        claimed
            .map(|retired| {
                retired.since = now;
                retired.version.clone()
            })
            .collect()
    }

    /// Forgets models whose files are gone.
    pub fn deleted(&mut self, gone: &[ModelVersion]) {
        self.retired.retain(|retired| !gone.contains(&retired.version));
    }

    /// The champion before the present one.
    pub fn before(&self) -> Option<&ModelVersion> {
        let line = self.line();
        line.len().checked_sub(2).and_then(|at| line.get(at).copied())
    }

    /// The roll-back that the present champion goes back to, if it does: what was done by hand is undone by hand only.
    pub fn rolled_back(&self) -> Option<&Move> {
        let latest = self.history.iter().rev().find(|m| matches!(m.action, Action::Promote | Action::RollBack));
        latest.filter(|m| m.action == Action::RollBack)
    }

    /// What the request of this id has moved already.
    pub fn asked_before(&self, request: &str) -> Option<&Move> {
        self.history.iter().rev().find(|m| m.request == request && m.action != Action::Retire)
    }

    /// The champions that roll-backs would go through, the present one last.
    fn line(&self) -> Vec<&ModelVersion> {
        let mut line = Vec::new();
        for moved in &self.history {
            match moved.action {
                Action::Promote => line.push(&moved.version),
                Action::RollBack => drop(line.pop()),
                Action::Challenge | Action::Retire => {}
            }
        }
        line
    }

    fn known(&self, version: &ModelVersion) -> Result<(), Refused> {
        match self.versions.contains(version) {
            true => Ok(()),
            false => Err(Refused::Unknown(version.clone())),
        }
    }

    fn note(
        &mut self,
        action: Action,
        version: &ModelVersion,
        replaced: Option<ModelVersion>,
        because: Because,
    ) -> Move {
        let Because { at, by, why, request } = because;
        let moved = Move { action, version: version.clone(), replaced, at, by, why, request };
        self.history.push(moved.clone());
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(n: u8) -> ModelVersion {
        ModelVersion::from_file(&[n])
    }

    /// A moment later each time.
    fn because() -> Because {
        use std::sync::atomic::{AtomicI64, Ordering};
        static NOW: AtomicI64 = AtomicI64::new(0);
        let at = Timestamp::from_millis(NOW.fetch_add(1, Ordering::Relaxed));
        Because { at, by: "test".into(), why: "a test".into(), request: at.millis().to_string() }
    }

    fn promoted(all: &[u8]) -> Registry {
        let mut registry = Registry::default();
        for n in all {
            registry.register(&version(*n)).unwrap();
            registry.promote(&version(*n), because()).unwrap();
        }
        registry
    }

    #[test]
    fn roll_backs_go_back_the_way_that_promotions_came() {
        let mut registry = promoted(&[1, 2, 1, 3]);
        for expected in [1, 2, 1] {
            assert_eq!(registry.roll_back(because()).unwrap().version, version(expected));
            assert_eq!(registry.champion, Some(version(expected)));
        }
        assert_eq!(registry.roll_back(because()), Err(Refused::NothingBefore(Some(version(1)))));
        assert!(registry.rolled_back().is_some());
        registry.promote(&version(3), because()).unwrap();
        assert!(registry.rolled_back().is_none(), "promoted since");
        assert_eq!(Registry::default().roll_back(because()), Err(Refused::NothingBefore(None)));
    }

    #[test]
    fn a_request_that_is_made_again_changes_nothing() {
        let mut registry = promoted(&[1, 2, 3]);
        let once = because();
        let moved = registry.roll_back(once.clone()).unwrap();
        registry.register(&version(4)).unwrap();
        registry.challenge(&version(4), because()).unwrap();
        assert_eq!(
            registry.roll_back(Because { at: because().at, ..once }),
            Ok(moved),
            "later, and another move between"
        );
        assert_eq!((registry.champion.clone(), registry.history.len()), (Some(version(2)), 5));
        let once = because();
        let moved = registry.promote(&version(3), once.clone()).unwrap();
        assert_eq!((registry.promote(&version(3), once).unwrap(), registry.history.len()), (moved, 6));
    }

    #[test]
    fn a_challenger_serves_nobody_until_it_is_promoted() {
        let mut registry = promoted(&[1]);
        registry.register(&version(2)).unwrap();
        assert!(registry.challenge(&version(2), because()).unwrap().is_some());
        assert_eq!(registry.challenge(&version(2), because()), Ok(None), "it is already");
        assert_eq!(registry.challenge(&version(1), because()), Ok(None), "the champion is no challenger");
        assert_eq!((&registry.champion, &registry.challenger), (&Some(version(1)), &Some(version(2))));
        registry.promote(&version(2), because()).unwrap();
        assert_eq!((&registry.champion, &registry.challenger), (&Some(version(2)), &None));
        assert_eq!(registry.promote(&version(2), because()), Ok(None));
        assert_eq!(registry.promote(&version(9), because()), Err(Refused::Unknown(version(9))));
    }

    #[test]
    fn what_is_needed_is_never_given_up() {
        let mut registry = promoted(&[1, 2]);
        for n in [3, 4, 5] {
            registry.register(&version(n)).unwrap();
        }
        registry.challenge(&version(3), because()).unwrap();
        registry.retire(5, &because());
        assert!(registry.retired.is_empty());
        let why = because();
        registry.retire(1, &why);
        assert_eq!(registry.versions, [1, 2, 3, 5].map(version), "before, champion, challenger, the newest");
        assert_eq!(registry.register(&version(4)), Err(Refused::BeingDeleted(version(4))));
        assert_eq!(registry.promote(&version(4), because()), Err(Refused::Unknown(version(4))));

        // Nobody else deletes them, until it must be thought that who gave them up does no more.
        let later = |ms: i64| Timestamp::from_millis(why.at.millis() + ms);
        assert_eq!(registry.claim_deletions(later(DELETION - 1)), []);
        assert_eq!(registry.claim_deletions(why.at), [version(4)]);
        assert_eq!(registry.claim_deletions(later(DELETION)), [version(4)]);
        assert_eq!(registry.claim_deletions(later(DELETION + 1)), [], "it was claimed a moment ago");
        registry.deleted(&[version(4)]);
        registry.register(&version(4)).unwrap();
    }

    proptest! {
        /// Whatever happens, the pointers name models that are kept, and the history explains them.
        #[test]
        fn pointers_always_name_models_that_are_kept(moves in proptest::collection::vec((0u8..5, 0u8..6), 0..60)) {
            let mut registry = Registry::default();
            for (what, n) in moves {
                match what {
                    0 => drop(registry.register(&version(n))),
                    1 => drop(registry.promote(&version(n), because())),
                    2 => drop(registry.challenge(&version(n), because())),
                    3 => drop(registry.roll_back(because())),
                    _ => registry.retire(n.into(), &because()),
                }
                for pointed in [registry.champion.as_ref(), registry.challenger.as_ref()].into_iter().flatten() {
                    prop_assert!(registry.versions.contains(pointed));
                    prop_assert!(registry.retired.iter().all(|retired| retired.version != *pointed));
                }
                prop_assert_eq!(registry.line().last().copied(), registry.champion.as_ref());
                prop_assert!(registry.champion.is_none() || registry.champion != registry.challenger);
            }
        }
    }
}
