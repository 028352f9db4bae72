//! The CloudWatch metrics of an invocation.

use crate::effect::Conclusion;
use crate::outcome::Outcome;
use churn_common::calendar::Timestamp;
use churn_common::telemetry::Metrics;

/// A metric of `monitor`, named as in CloudWatch. Alarms belong on `ReportsSkipped` and `RetrainingRecommended`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
pub enum Metric {
    /// Reports written.
    Reports,
    /// Invocations without a report, for lack of a model or of data.
    ReportsSkipped,
    DriftedFeatures,
    /// Reports that recommend a new training.
    RetrainingRecommended,
    /// Users of both groups whose outcome is known.
    EffectUsers,
    /// Reports whose comparison shows less churn with offers than in control.
    ChurnReduced,
    /// Reports whose comparison shows more churn with offers than in control.
    ChurnIncreased,
}

pub(crate) fn for_outcome(outcome: &Outcome, at: Timestamp) -> Metrics {
    let metrics = Metrics::new("monitor", at);
    match outcome {
        Outcome::Reported { model_version, drifted_features, effect, needs_retrain, retrain_reasons, .. } => {
            let metrics = metrics
                .count(Metric::Reports, 1)
                .count(Metric::DriftedFeatures, drifted_features.len() as u64)
                .count(Metric::RetrainingRecommended, (*needs_retrain).into())
                .property("model_version", model_version.as_str())
                .property("retrain_reasons", retrain_reasons.as_slice());
            match effect {
                Some(effect) => metrics
                    .count(Metric::EffectUsers, effect.overall.treatment.users + effect.overall.control.users)
                    .count(Metric::ChurnReduced, (effect.conclusion == Conclusion::ChurnReduced).into())
                    .count(Metric::ChurnIncreased, (effect.conclusion == Conclusion::ChurnIncreased).into()),
                None => metrics,
            }
        }
        Outcome::NotReported { detail, .. } => {
            metrics.count(Metric::ReportsSkipped, 1).property("reason", detail.as_str())
        }
        Outcome::Ignored { .. } => metrics,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason;
    use churn_common::calendar::Day;
    use churn_common::model::ModelVersion;
    use serde_json::{Map, Value, json};

    /// The metrics and properties of an outcome, without the members that all lines share.
    fn emitted(outcome: &Outcome) -> Value {
        let mut line = Vec::new();
        for_outcome(outcome, Timestamp::from_millis(0)).emit_to(&mut line).unwrap();
        let mut members: Map<String, Value> = serde_json::from_slice(&line).unwrap();
        assert_eq!(["_aws", "service"].map(|name| members.remove(name).is_some()), [true; 2]);
        members.into()
    }

    #[test]
    fn report_counts_drifted_features_and_the_recommendation() {
        let model_version = ModelVersion::from_file(b"model");
        for (reasons, recommended) in [(vec!["ROC-AUC is 20 % lower than at training".to_owned()], 1), (vec![], 0)] {
            let outcome = Outcome::Reported {
                report_url: "s3://b/k".into(),
                model_version: model_version.clone(),
                as_of: Day::parse("2018-12-01").unwrap(),
                current_users: 120,
                drifted_features: vec!["recency_days".into(), "songs".into()],
                effect: None,
                needs_retrain: !reasons.is_empty(),
                retrain_reasons: reasons.clone(),
            };
            let expected = json!({"Reports": 1, "DriftedFeatures": 2, "RetrainingRecommended": recommended,
                "model_version": model_version, "retrain_reasons": reasons});
            assert_eq!(emitted(&outcome), expected);
        }
    }

    #[test]
    fn skipped_report_is_counted_with_its_reason() {
        let outcome = Outcome::NotReported { reason: Reason::NoData, detail: "no log has been ingested".into() };
        assert_eq!(emitted(&outcome), json!({"ReportsSkipped": 1, "reason": "no log has been ingested"}));
    }
}
