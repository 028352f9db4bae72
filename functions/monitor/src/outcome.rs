//! The response of an invocation.

use crate::effect::Effect;
use crate::reason::Reason;
use crate::report::Report;
use churn_common::calendar::Day;
use churn_common::model::ModelVersion;
use churn_common::payload::IgnoreReason;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Reported {
        /// `s3://bucket/key` of the report.
        report_url: String,
        model_version: ModelVersion,
        /// Cutoff at which the current users are active.
        as_of: Day,
        current_users: usize,
        drifted_features: Vec<String>,
        /// `None` while no user was assigned to a group.
        effect: Option<Box<Effect>>,
        /// Whether a new model should be trained.
        needs_retrain: bool,
        /// One text per reason to train; empty if there is none.
        retrain_reasons: Vec<String>,
    },
    NotReported {
        reason: Reason,
        detail: String,
    },
    /// The payload asks for nothing.
    Ignored {
        reason: IgnoreReason,
    },
}

impl Outcome {
    /// Summary of a report that was written to `report_url`.
    pub(crate) fn reported(report: Report, report_url: String) -> Self {
        Self::Reported {
            report_url,
            model_version: report.model_version,
            as_of: report.as_of,
            current_users: report.drift.current_users,
            drifted_features: report
                .drift
                .features
                .iter()
                .filter(|f| f.drift_detected)
                .map(|f| f.name.to_owned())
                .collect(),
            effect: report.effect.map(Box::new),
            needs_retrain: report.needs_retrain,
            retrain_reasons: report.retrain_reasons,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn response_has_its_public_names() {
        let reported = Outcome::Reported {
            report_url: "s3://churn-store/reports/drift/2018-12-01.json".into(),
            model_version: ModelVersion::from_file(b"model"),
            as_of: Day::parse("2018-12-01").unwrap(),
            current_users: 120,
            drifted_features: vec!["recency_days".into()],
            effect: None,
            needs_retrain: true,
            retrain_reasons: vec!["ROC-AUC is 20 % lower than at training".into()],
        };
        let expected = json!({
            "outcome": "reported",
            "report_url": "s3://churn-store/reports/drift/2018-12-01.json",
            "model_version": ModelVersion::from_file(b"model"),
            "as_of": "2018-12-01",
            "current_users": 120,
            "drifted_features": ["recency_days"],
            "effect": null,
            "needs_retrain": true,
            "retrain_reasons": ["ROC-AUC is 20 % lower than at training"],
        });
        assert_eq!(json!(reported), expected);
        for (reason, name) in [
            (Reason::NoModel, "no_model"),
            (Reason::NoData, "no_data"),
            (Reason::InsufficientUsers, "insufficient_users"),
        ] {
            let not_reported = json!(Outcome::NotReported { reason, detail: "…".into() });
            assert_eq!(not_reported, json!({"outcome": "not_reported", "reason": name, "detail": "…"}));
        }
        let ignored = json!(Outcome::Ignored { reason: IgnoreReason::WarmUpPing });
        assert_eq!(ignored, json!({"outcome": "ignored", "reason": "warm_up_ping"}));
    }
}
