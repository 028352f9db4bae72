//! The measured effect of offers: churn of the users who became at risk, in the treatment group compared with the control group.
//!
//! A user counts once in each epoch, in the group of the first assignment (intention to treat), whether or not an offer
//! reached the user. Pure: outcomes in, effect out.

mod arm;
mod comparison;
mod difference;
mod per_protocol;
mod plan;
mod sequence;
#[cfg(test)]
mod tests;

pub use arm::{Arm, Stratum};
pub use comparison::Comparison;
pub use difference::risk_difference;
pub use per_protocol::{Contamination, OfferReceived, PerProtocol, ProtocolComparison};
pub use plan::{Plan, users_needed};
pub use sequence::time_uniform_z;

use churn_common::calendar::Day;
use churn_common::metrics::Estimate;
use churn_common::risk::{Epoch, Group};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Confidence level of all intervals.
pub const LEVEL: f64 = 0.95;

/// A user's first assignment in an epoch, with its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignedOutcome {
    pub epoch: Epoch,
    pub group: Group,
    pub became_high_on: Day,
    /// Predicted at the assignment, 0..=1.
    pub probability: f64,
    /// Whether the user churned within the horizon; `None` while it is not over.
    pub churned: Option<bool>,
    /// From the assignment until the end of the horizon.
    pub offer: OfferReceived,
}

#[derive(Debug, Clone, PartialEq)]
pub struct EffectParams {
    /// The end of the log: outcomes are known up to it.
    pub as_of: Day,
    /// Days until the outcome of an assignment is known.
    pub label_delay_days: u16,
    /// Relative reduction of churn that the plan must detect, above 0, at most 1.
    pub min_detectable_effect: f64,
    /// Probability of detecting it, above 0 and below 1.
    pub power: f64,
    /// Fewest churned users, and fewest retained users, in control for its rate to be the plan's baseline.
    pub min_rows_per_class: u32,
    pub value_per_user: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// The confidence sequence includes 0, and fewer users have an outcome than the plan needs.
    NotEnoughData,
    /// The confidence sequence includes 0, although the users that the plan needs have an outcome.
    NoDifferenceShown,
    /// The confidence sequence is below 0: fewer users churn in treatment.
    ChurnReduced,
    /// The confidence sequence is above 0: more users churn in treatment.
    ChurnIncreased,
}

/// Users who became at risk but have no part in the comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Erased after their assignment.
    pub erased: u64,
    /// Without a history, because their logs were removed or have expired.
    pub without_history: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    pub conclusion: Conclusion,
    pub plan: Plan,
    /// Users whose horizon is not over.
    pub pending_users: u64,
    pub left_out: LeftOut,
    /// The epochs with users of both groups, as strata. The users of other epochs are not counted.
    pub overall: Comparison,
    /// In the order of time.
    pub by_epoch: Vec<EpochComparison>,
    /// `None` if no assigned user got an offer, as far as the ingested outcomes of offers say.
    pub per_protocol: Option<PerProtocol>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochComparison {
    pub epoch: Epoch,
    #[serde(flatten)]
    pub comparison: Comparison,
}

impl Effect {
    /// Compares the groups; `None` if no user was assigned.
    pub fn measure(outcomes: &[AssignedOutcome], left_out: LeftOut, params: &EffectParams) -> Option<Self> {
        if outcomes.is_empty() && left_out == LeftOut::default() {
            return None;
        }
        let mut epochs: BTreeMap<&Epoch, (Day, Stratum)> = BTreeMap::new();
        for outcome in outcomes {
            let (first, stratum) = epochs.entry(&outcome.epoch).or_insert((outcome.became_high_on, Stratum::default()));
            *first = outcome.became_high_on.min(*first);
            if let Some(churned) = outcome.churned {
                stratum.count(outcome.group, churned);
            }
        }
        let mut epochs: Vec<(&Epoch, (Day, Stratum))> = epochs.into_iter().collect();
        epochs.sort_by_key(|(_, (first, _))| *first);
        let strata = epochs.iter().map(|(_, (_, stratum))| *stratum);
        let compared: Vec<Stratum> = strata.filter(Stratum::has_both_groups).collect();

        let overall = Comparison::new(&compared, params.value_per_user);
        let plan = Plan::new(outcomes, &overall, params);
        let pending_users = outcomes.iter().filter(|outcome| outcome.churned.is_none()).count() as u64;
        let compare = |(epoch, (_, stratum)): (&Epoch, (Day, Stratum))| EpochComparison {
            epoch: epoch.clone(),
            comparison: Comparison::new(&[stratum], params.value_per_user),
        };
        Some(Self {
            conclusion: Conclusion::new(overall.difference_at_any_time, &plan),
            plan,
            pending_users,
            left_out,
            overall,
            by_epoch: epochs.into_iter().map(compare).collect(),
            per_protocol: PerProtocol::measure(outcomes),
        })
    }
}

impl Conclusion {
    fn new(sequence: Estimate, plan: &Plan) -> Self {
        match (sequence.low, sequence.high) {
            (_, Some(high)) if high < 0.0 => Self::ChurnReduced,
            (Some(low), _) if low > 0.0 => Self::ChurnIncreased,
            _ if plan.users_still_needed == Some(0) => Self::NoDifferenceShown,
            _ => Self::NotEnoughData,
        }
    }
}
