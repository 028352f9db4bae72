//! The per-protocol analysis: only users who were treated as their group plans. Beside intention to treat, never in place of it: who
//! receives and who accepts an offer is not random.

use super::AssignedOutcome;
use super::arm::{Arm, Stratum};
use super::difference::risk_difference;
use churn_common::metrics::{Estimate, Z_95};
use churn_common::risk::{Epoch, Group};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Part of every response with this analysis.
const CAVEAT: &str = "Not randomised: users who receive or accept an offer differ from the others in more than the offer, and a user who \
    churns at once gets none. Decide by the comparison of the whole groups.";

/// The best outcome of the offers that a user got from the assignment until the end of the horizon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfferReceived {
    #[default]
    None,
    /// At least one, and accepted none.
    Declined,
    Accepted,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerProtocol {
    /// Users of treatment with an offer, and users of control without one.
    pub received: ProtocolComparison,
    /// Users of treatment who accepted an offer, and users of control without one.
    pub accepted: ProtocolComparison,
    pub contamination: Contamination,
    /// Why this analysis does not show an effect.
    pub caveat: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProtocolComparison {
    pub treatment: Arm,
    pub control: Arm,
    /// Churn rate in treatment − churn rate in control, weighted by epoch, with the 95 % interval of Newcombe.
    pub difference: Estimate,
}

/// Users whose outcome is known and who were not treated as their group plans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contamination {
    pub control_users: u64,
    pub control_with_offer: u64,
    pub treatment_users: u64,
    pub treatment_without_offer: u64,
}

impl PerProtocol {
    /// `None` if no user got an offer.
    pub(super) fn measure(outcomes: &[AssignedOutcome]) -> Option<Self> {
        if outcomes.iter().all(|outcome| outcome.offer == OfferReceived::None) {
            return None;
        }
        let mut contamination = Contamination::default();
        for outcome in outcomes.iter().filter(|outcome| outcome.churned.is_some()) {
            let has_offer = outcome.offer > OfferReceived::None;
            match outcome.group {
                Group::Control => {
                    contamination.control_users += 1;
                    contamination.control_with_offer += u64::from(has_offer);
                }
                Group::Treatment => {
                    contamination.treatment_users += 1;
                    contamination.treatment_without_offer += u64::from(!has_offer);
                }
            }
        }
        Some(Self {
            received: ProtocolComparison::new(outcomes, OfferReceived::Declined),
            accepted: ProtocolComparison::new(outcomes, OfferReceived::Accepted),
            contamination,
            caveat: CAVEAT.to_owned(),
        })
    }
}

impl ProtocolComparison {
    /// Users of treatment with `least` or a better outcome, and users of control without an offer.
    fn new(outcomes: &[AssignedOutcome], least: OfferReceived) -> Self {
        let mut epochs: BTreeMap<&Epoch, Stratum> = BTreeMap::new();
        for AssignedOutcome { epoch, group, churned, offer, .. } in outcomes {
            let follows_protocol = match group {
                Group::Treatment => *offer >= least,
                Group::Control => *offer == OfferReceived::None,
            };
            if let Some(churned) = churned.filter(|_| follows_protocol) {
                epochs.entry(epoch).or_default().count(*group, churned);
            }
        }
        let strata: Vec<Stratum> = epochs.into_values().filter(Stratum::has_both_groups).collect();
        let total = |arm: fn(&Stratum) -> Arm| strata.iter().map(arm).fold(Arm::default(), Arm::plus);
        let difference = risk_difference(&strata, Z_95).map_or(Estimate::UNDEFINED, |(difference, _)| difference);
        Self { treatment: total(|s| s.treatment), control: total(|s| s.control), difference }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use churn_common::calendar::Day;

    /// `n` users of one epoch, the first `churned` of which churned.
    fn users(group: Group, offer: OfferReceived, n: usize, churned: Option<usize>) -> Vec<AssignedOutcome> {
        let became_high_on = Day::parse("2026-12-01").unwrap();
        let outcome = |user: usize| AssignedOutcome {
            epoch: Epoch::from_stored("2026-Q4").unwrap(),
            group,
            became_high_on,
            probability: 0.25,
            churned: churned.map(|churned| user < churned),
            offer,
        };
        (0..n).map(outcome).collect()
    }

    #[test]
    fn users_are_compared_by_the_offers_that_they_got() {
        use Group::{Control, Treatment};
        let outcomes = [
            users(Treatment, OfferReceived::None, 10, Some(9)),
            users(Treatment, OfferReceived::Declined, 60, Some(21)),
            users(Treatment, OfferReceived::Accepted, 20, Some(1)),
            users(Treatment, OfferReceived::Accepted, 7, None),
            users(Control, OfferReceived::None, 50, Some(20)),
            users(Control, OfferReceived::Declined, 5, Some(5)),
        ]
        .concat();
        let measured = PerProtocol::measure(&outcomes).unwrap();
        assert_eq!(measured.received.treatment, Arm::new(80, 22));
        assert_eq!(measured.accepted.treatment, Arm::new(20, 1));
        assert_eq!([measured.received.control, measured.accepted.control], [Arm::new(50, 20); 2]);
        let expected = Contamination {
            control_users: 55,
            control_with_offer: 5,
            treatment_users: 90,
            treatment_without_offer: 10,
        };
        assert_eq!(measured.contamination, expected);
        // Newcombe's interval of 22/80 and 20/50: statsmodels' confint_proportions_2indep(22, 80, 20, 50, method="newcomb").
        assert_eq!(format!("{:.4}", measured.received.difference), "-0.1250 (95 %: -0.2877 to 0.0384)");
        assert!(measured.caveat.starts_with("Not randomised"), "{}", measured.caveat);
    }

    #[test]
    fn no_analysis_without_offers() {
        let outcomes = users(Group::Treatment, OfferReceived::None, 10, Some(9));
        assert_eq!(PerProtocol::measure(&outcomes), None);
        let all_contaminated = users(Group::Control, OfferReceived::Declined, 10, Some(9));
        let measured = PerProtocol::measure(&[outcomes, all_contaminated].concat()).unwrap();
        assert_eq!(measured.received.difference, Estimate::UNDEFINED);
        assert_eq!((measured.received.treatment.rate, measured.contamination.control_with_offer), (None, 10));
    }
}
