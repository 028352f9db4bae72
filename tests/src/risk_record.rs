//! Records of scored users, as the scores of a day make them.

use churn_common::calendar::Timestamp;
use churn_common::model::{ModelVersion, Probability, RiskBounds};
use churn_common::pseudonym::{Pseudonyms, StoredUser, UserIdKey};
use churn_common::reasons::Contribution;
use churn_common::risk::{EpochLength, RiskParams, Score, Transition, UserRisk, next};

/// Every user who crosses is in treatment.
pub fn params() -> RiskParams {
    RiskParams {
        leave_ratio: 0.8,
        cooldown_days: 14,
        control_share: 0.0,
        epoch: EpochLength::Quarter,
        control_salt: "salt".into(),
        min_change: 0.01,
        pseudonyms: Pseudonyms::new(&UserIdKey::default()),
    }
}

/// A score for the day of `scored_at`. Levels begin at 0.1 (medium), 0.2 (high) and 0.4 (critical).
///
/// # Panics
/// `user` is not a user id, or `probability` is not a probability.
pub fn score(user: &str, probability: f64, scored_at: Timestamp) -> Score {
    let (bounds, p) = (RiskBounds::new(0.1, 0.2, 0.4).unwrap(), Probability::new(probability).unwrap());
    Score {
        user: StoredUser::from_stored(user).unwrap(),
        as_of: scored_at.day(),
        probability: p,
        risk_level: bounds.level(p),
        high_bound: bounds.high(),
        label: u8::from(p >= bounds.high()),
        reasons: vec![Contribution { feature: "songs".into(), value: Some(3.0), contribution: 0.25 }],
        window_days: 30,
        action: Some("retention_offer".into()),
        model_version: ModelVersion::from_file(b"model"),
        scored_at,
    }
}

/// The record after `score`.
///
/// # Panics
/// The score changes nothing.
pub fn record(previous: Option<&UserRisk>, score: &Score, params: &RiskParams) -> UserRisk {
    match next(previous, score, params).0 {
        Transition::Changed(risk) => *risk,
        other => panic!("{other:?}"),
    }
}
