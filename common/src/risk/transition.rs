//! From the record of a user and the score of a day to the next record.

use super::alert::Alert;
use super::group::{Assignment, Epoch, EpochLength, Group};
use super::{UserRisk, rounded, ten_thousandths};
use crate::calendar::{Day, Timestamp};
use crate::model::{ModelVersion, Probability, Risk};
use crate::pseudonym::{Pseudonyms, StoredUser};
use crate::reasons::Contribution;
use std::collections::BTreeSet;

/// The score of a user on a day.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    pub user: StoredUser,
    pub as_of: Day,
    pub probability: Probability,
    pub risk_level: Risk,
    /// Smallest probability of the level `high`.
    pub high_bound: Probability,
    pub label: u8,
    pub reasons: Vec<Contribution>,
    pub window_days: u16,
    pub action: Option<String>,
    pub model_version: ModelVersion,
    /// When the run started.
    pub scored_at: Timestamp,
}

/// The settings of the transition.
#[derive(Debug, Clone)]
pub struct RiskParams {
    /// A user at risk leaves the risk below this share of the bound of `high`, above 0 and at most 1.
    pub leave_ratio: f64,
    /// Days after an alert without another one for the user.
    pub cooldown_days: u16,
    /// Share of the control group, 0..=1.
    pub control_share: f64,
    pub epoch: EpochLength,
    /// Key of the draw of groups, if there is no key for user ids.
    pub control_salt: String,
    /// Smallest change of the probability that is a change for a reader.
    pub min_change: f64,
    pub pseudonyms: Pseudonyms,
}

/// A user became at risk on the day of the score.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    pub user: StoredUser,
    pub assignment: Assignment,
    pub probability: Probability,
    pub became_high_on: Day,
    pub model_version: ModelVersion,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    /// Something that a reader sees is different, or the record would expire without a write.
    Changed(Box<UserRisk>),
    Unchanged,
    /// The record is of a later day.
    Superseded,
}

/// The change of the record by a score, and the crossing on the day of the score. Scoring a day again with the same score changes
/// nothing, and returns the same crossing.
pub fn next(previous: Option<&UserRisk>, score: &Score, params: &RiskParams) -> (Transition, Option<Crossing>) {
    if let Some(later) = previous.filter(|previous| previous.as_of > score.as_of) {
        return (Transition::Superseded, crossing(later, score));
    }
    let risk = record(previous, score, params);
    // Also if the user has left the risk since: an alerted user stays among the assignments of the day.
    let crossing = crossing(&risk, score);
    match previous {
        Some(previous) if !is_changed(previous, &risk, params.min_change) => (Transition::Unchanged, crossing),
        _ => (Transition::Changed(Box::new(risk)), crossing),
    }
}

/// The crossing on the day of the score, if the record is that of a user who crossed on this day.
fn crossing(risk: &UserRisk, score: &Score) -> Option<Crossing> {
    let became_high_on = risk.crossed_on.filter(|day| *day == score.as_of)?;
    Some(Crossing {
        user: risk.user.clone(),
        assignment: risk.assignment.clone()?,
        probability: score.probability,
        became_high_on,
        model_version: score.model_version.clone(),
    })
}

fn record(previous: Option<&UserRisk>, score: &Score, params: &RiskParams) -> UserRisk {
    let was_at_risk = previous.is_some_and(|previous| previous.at_risk);
    let enter = score.high_bound.get();
    let bound = if was_at_risk { params.leave_ratio * enter } else { enter };
    let at_risk = score.probability.get() >= bound;
    let same_level = previous.filter(|previous| previous.risk_level == score.risk_level);
    let mut risk = UserRisk {
        user: score.user.clone(),
        revision: previous.map_or(0, |previous| previous.revision) + 1,
        probability: rounded(score.probability),
        risk_level: score.risk_level,
        level_since: same_level.map_or(score.as_of, |previous| previous.level_since),
        label: score.label,
        reasons: score.reasons.iter().map(compact).collect(),
        window_days: score.window_days,
        action: score.action.clone(),
        model_version: score.model_version.clone(),
        as_of: score.as_of,
        at_risk,
        crossed_on: previous.and_then(|previous| previous.crossed_on),
        assignment: previous.and_then(|previous| previous.assignment.clone()),
        history: previous.map(|previous| previous.history.clone()).unwrap_or_default(),
        alert: previous.and_then(|previous| previous.alert.clone()),
        scored_at: score.scored_at,
    };
    risk.history = risk.history.with(score.as_of, score.probability);
    if at_risk && !was_at_risk {
        cross(&mut risk, previous.map(|previous| previous.risk_level), params);
    }
    risk
}

/// Assigns the group, once in an epoch, and raises the alert.
fn cross(risk: &mut UserRisk, previous_level: Option<Risk>, params: &RiskParams) {
    risk.crossed_on = Some(risk.as_of);
    let epoch = Epoch::at(risk.as_of, params.epoch);
    let assignment = risk.assignment.take().filter(|assignment| assignment.epoch == epoch).unwrap_or_else(|| {
        Assignment::draw(&risk.user, epoch, params.control_share, &params.pseudonyms, &params.control_salt)
    });
    let cools_down = |alert: &Alert| risk.as_of.since(alert.raised_on) < i32::from(params.cooldown_days);
    match assignment.group {
        Group::Control => risk.alert = risk.alert.take().filter(|alert| alert.sent_on.is_some()),
        // An alert that was not delivered before the user left the risk is due again.
        Group::Treatment if risk.alert.as_ref().is_some_and(cools_down) => {}
        Group::Treatment => risk.alert = Some(Alert::new(&risk.user, risk.as_of, previous_level)),
    }
    risk.assignment = Some(assignment);
}

/// The contribution with 6 decimals.
fn compact(reason: &Contribution) -> Contribution {
    // 0 is added because -0.0 + 0.0 is 0.0.
    let contribution = (reason.contribution * 1e6).round() / 1e6 + 0.0;
    Contribution { contribution, ..reason.clone() }
}

/// Whether a reader sees a difference. Values of reasons change with every day, as do small parts of the probability: they alone
/// are no change.
fn is_changed(previous: &UserRisk, next: &UserRisk, min_change: f64) -> bool {
    let features = |risk: &UserRisk| risk.reasons.iter().map(|r| r.feature.clone()).collect::<BTreeSet<_>>();
    let age_days = next.scored_at.days_since(previous.scored_at);
    let moved = ten_thousandths(previous.probability).abs_diff(ten_thousandths(next.probability));
    f64::from(moved) >= (min_change * 10_000.0).round().max(1.0)
        || previous.risk_level != next.risk_level
        || previous.label != next.label
        || features(previous) != features(next)
        || previous.action != next.action
        || previous.model_version != next.model_version
        || previous.at_risk != next.at_risk
        || previous.assignment != next.assignment
        || previous.alert != next.alert
        || age_days >= UserRisk::REFRESH_AFTER_DAYS
}
