//! The two groups compared, and what the difference means for the business.

use super::arm::{Arm, Stratum};
use super::difference::risk_difference;
use super::sequence::time_uniform_z;
use churn_common::metrics::{Estimate, Z_95};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    pub treatment: Arm,
    pub control: Arm,
    /// Churn rate in treatment − churn rate in control, weighted by epoch, with the 95 % interval of Newcombe. It holds for one look, at
    /// the date of the plan.
    pub difference: Estimate,
    /// The same difference with an interval that holds at all times together.
    pub difference_at_any_time: Estimate,
    /// Share of the churn in control that treatment avoids; negative if treatment has more churn. `None` if control has none.
    pub relative_reduction: Option<f64>,
    /// Users to contact for each user retained. `value` is `None` if treatment does not have less churn. `high` is `None`, which
    /// means no limit, if the interval of the difference includes 0.
    pub contacts_per_retained_user: Estimate,
    /// Users of treatment who would have churned in control.
    pub retained_users: Estimate,
    /// Retained users times the value of a user; `None` without a value.
    pub retained_revenue: Option<Estimate>,
}

impl Comparison {
    /// `strata` are epochs.
    pub(super) fn new(strata: &[Stratum], value_per_user: Option<f64>) -> Self {
        let total = |arm: fn(&Stratum) -> Arm| strata.iter().map(arm).fold(Arm::default(), Arm::plus);
        let (treatment, control) = (total(|s| s.treatment), total(|s| s.control));
        let fixed = risk_difference(strata, Z_95);
        let sequence = risk_difference(strata, time_uniform_z(treatment.users + control.users));
        let difference = fixed.map_or(Estimate::UNDEFINED, |(difference, _)| difference);
        let reduction = negated(difference);
        let retained_users = scaled(reduction, treatment.users as f64);
        Self {
            treatment,
            control,
            difference,
            difference_at_any_time: sequence.map_or(Estimate::UNDEFINED, |(difference, _)| difference),
            relative_reduction: fixed.filter(|(_, [_, c])| *c > 0.0).map(|(_, [t, c])| (c - t) / c),
            contacts_per_retained_user: contacts(reduction),
            retained_users,
            retained_revenue: value_per_user.map(|value| scaled(retained_users, value)),
        }
    }
}

fn negated(Estimate { value, low, high }: Estimate) -> Estimate {
    Estimate { value: value.map(|x| -x), low: high.map(|x| -x), high: low.map(|x| -x) }
}

fn scaled(Estimate { value, low, high }: Estimate, factor: f64) -> Estimate {
    Estimate { value: value.map(|x| factor * x), low: low.map(|x| factor * x), high: high.map(|x| factor * x) }
}

/// Reciprocals of an absolute reduction (Altman 1998, "Confidence intervals for the number needed to treat"). The part of the interval
/// with more churn in treatment has no number of contacts.
fn contacts(reduction: Estimate) -> Estimate {
    let reciprocal = |x: Option<f64>| x.filter(|x| *x > 0.0).map(|x| 1.0 / x);
    Estimate { value: reciprocal(reduction.value), low: reciprocal(reduction.high), high: reciprocal(reduction.low) }
}
