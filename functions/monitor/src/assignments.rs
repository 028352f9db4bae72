//! The users who became at risk, in the groups that `score` assigned them to.

use crate::effect::{AssignedOutcome, LeftOut, OfferReceived};
use churn_common::calendar::Day;
use churn_common::pseudonym::StoredUser;
use churn_common::risk::Crossing;
use churn_common::store::erasures::ErasedUsers;
use churn_common::store::{StoreError, Stores, assignments};
use std::collections::HashMap;

/// The first assignment of each user in each epoch, without users who were erased later. Memory: about 200 bytes for each.
#[derive(Debug, Default)]
pub(crate) struct Assignments {
    /// Without outcomes.
    by_user: HashMap<StoredUser, Vec<AssignedOutcome>>,
    erased: u64,
}

impl Assignments {
    /// Reads the assignments of the last `days` days before `as_of`, and later ones.
    pub(crate) async fn read(stores: &Stores, as_of: Day, days: u16) -> Result<Self, StoreError> {
        let mut all = Self::default();
        assignments::read(&stores.store, |crossing| all.add(crossing)).await?;
        if !all.by_user.is_empty() {
            all.filter(&stores.erasures.all().await?, as_of.plus(-i32::from(days)));
        }
        Ok(all)
    }

    fn add(&mut self, crossing: Crossing) {
        let assigned = AssignedOutcome {
            epoch: crossing.assignment.epoch,
            group: crossing.assignment.group,
            became_high_on: crossing.became_high_on,
            probability: crossing.probability.get(),
            churned: None,
            offer: OfferReceived::None,
        };
        let all = self.by_user.entry(crossing.user).or_default();
        match all.iter_mut().find(|other| other.epoch == assigned.epoch) {
            Some(other) if assigned.became_high_on < other.became_high_on => *other = assigned,
            Some(_) => {}
            None => all.push(assigned),
        }
    }

    /// Keeps the assignments from `first` on, except those of users who were erased later: their history is incomplete.
    fn filter(&mut self, erasures: &ErasedUsers, first: Day) {
        let erased = &mut self.erased;
        self.by_user.retain(|user, all| {
            all.retain(|assigned| assigned.became_high_on >= first);
            let recent = all.len();
            let erased_at = erasures.erased_at(user);
            all.retain(|assigned| erased_at.is_none_or(|at| at < assigned.became_high_on.start()));
            *erased += (recent - all.len()) as u64;
            !all.is_empty()
        });
    }

    /// The user's assignments, with `churned` and `offer` for the day of each.
    pub(crate) fn outcomes(
        &self,
        user: &StoredUser,
        churned: impl Fn(Day) -> Option<bool>,
        offer: impl Fn(Day) -> OfferReceived,
    ) -> Vec<AssignedOutcome> {
        let with_outcome = |assigned: &AssignedOutcome| AssignedOutcome {
            churned: churned(assigned.became_high_on),
            offer: offer(assigned.became_high_on),
            ..assigned.clone()
        };
        self.by_user.get(user).map(|all| all.iter().map(with_outcome).collect()).unwrap_or_default()
    }

    /// The assignments that are not among the `found` ones of users with a history.
    pub(crate) fn left_out(&self, found: &[AssignedOutcome]) -> LeftOut {
        let all: usize = self.by_user.values().map(Vec::len).sum();
        LeftOut { erased: self.erased, without_history: all.saturating_sub(found.len()) as u64 }
    }
}
