//! How many users the comparison needs, and when it has them.

use super::comparison::Comparison;
use super::{AssignedOutcome, EffectParams, LEVEL};
use churn_common::calendar::Day;
use churn_common::risk::Group;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// Days before the end of the log over which users who become at risk are counted, for the forecast.
const RATE_DAYS: i32 = 90;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Relative reduction of churn to detect.
    pub min_detectable_effect: f64,
    /// Probability of detecting it at the significance level 0.05.
    pub power: f64,
    /// Churn rate without offers: that of control or, as long as few users of control have an outcome, the mean predicted
    /// probability. `None` without users.
    pub baseline_rate: Option<f64>,
    /// Share of the assigned users who are in control, 0..=1.
    pub control_share: f64,
    /// Users of both groups; `None` if one of the groups has no user, or no rate can be compared.
    pub users_needed: Option<u64>,
    /// Users that the comparison lacks; `None` like `users_needed`.
    pub users_still_needed: Option<u64>,
    /// When the users needed have or had an outcome, if as many become at risk as in the last 90 days. `None` if no date can be
    /// expected.
    pub enough_data_on: Option<Day>,
}

impl Plan {
    /// `overall`: the users whose outcomes are compared.
    pub(super) fn new(outcomes: &[AssignedOutcome], overall: &Comparison, params: &EffectParams) -> Self {
        let control = overall.control;
        let assigned = outcomes.len();
        let in_control = outcomes.iter().filter(|outcome| outcome.group == Group::Control).count();
        let control_share = if assigned == 0 { 0.0 } else { in_control as f64 / assigned as f64 };
        let predicted = || {
            let sum: f64 = outcomes.iter().map(|outcome| outcome.probability).sum();
            (assigned > 0).then(|| sum / assigned as f64)
        };
        let has_enough = control.churned.min(control.users - control.churned) >= u64::from(params.min_rows_per_class);
        let baseline_rate = control.rate.filter(|_| has_enough).or_else(predicted);
        let users_needed = baseline_rate
            .and_then(|rate| users_needed(rate, params.min_detectable_effect, params.power, control_share));
        let known = overall.treatment.users + control.users;
        Self {
            min_detectable_effect: params.min_detectable_effect,
            power: params.power,
            baseline_rate,
            control_share,
            users_needed,
            users_still_needed: users_needed.map(|needed| needed.saturating_sub(known)),
            enough_data_on: users_needed.and_then(|needed| enough_data_on(needed, outcomes, params)),
        }
    }
}

/// Number of users of both groups with which a two-sided test at the level 0.05 detects a relative reduction `effect` of the rate
/// `baseline` with the probability `power`. A share `control_share` of the users is in control. `None` unless all of
/// them are above 0, and below 1 (`effect` may be 1).
///
/// The normal approximation with the pooled variance under the null hypothesis (Fleiss, Levin and Paik 2003, section 4.2, without
/// continuity correction).
pub fn users_needed(baseline: f64, effect: f64, power: f64, control_share: f64) -> Option<u64> {
    let is_share = |x: f64| x > 0.0 && x < 1.0;
    let is_valid = is_share(baseline) && is_share(power) && is_share(control_share) && effect > 0.0 && effect <= 1.0;
    if !is_valid {
        return None;
    }
    let quantile = |p: f64| Normal::standard().inverse_cdf(p);
    let ratio = control_share / (1.0 - control_share);
    let treated = baseline * (1.0 - effect);
    let pooled = (treated + baseline * ratio) / (1.0 + ratio);
    let null = (pooled * (1.0 - pooled) * (1.0 + 1.0 / ratio)).sqrt();
    let alternative = (treated * (1.0 - treated) + baseline * (1.0 - baseline) / ratio).sqrt();
    let quantiles = quantile(0.5 + LEVEL / 2.0) * null + quantile(power) * alternative;
    let treatment = (quantiles / (baseline * effect)).powi(2);
    Some((treatment.ceil() + (treatment * ratio).ceil()) as u64)
}

/// The day on which `needed` users have an outcome.
fn enough_data_on(needed: u64, outcomes: &[AssignedOutcome], params: &EffectParams) -> Option<Day> {
    let mut days: Vec<Day> = outcomes.iter().map(|outcome| outcome.became_high_on).collect();
    days.sort_unstable();
    let delay = i32::from(params.label_delay_days);
    let last = usize::try_from(needed).ok()?.checked_sub(1)?;
    if let Some(day) = days.get(last) {
        return Some(day.plus(delay));
    }
    let period = RATE_DAYS.min(params.as_of.since(*days.first()?) + 1);
    let recent = days.iter().filter(|day| params.as_of.since(**day) < period).count();
    if period < 1 || recent == 0 {
        return None;
    }
    let missing = needed - days.len() as u64;
    let wait = (missing as f64 * f64::from(period) / recent as f64).ceil();
    // A date further ahead than a century is no forecast.
    (wait < 36_500.0).then(|| params.as_of.plus(wait as i32 + delay))
}
