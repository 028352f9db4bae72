//! Users at risk as rows of a table. A list of the API and an audience export have the same columns, in JSON, CSV and Parquet.

mod csv;
#[cfg(feature = "parquet")]
mod file;
#[cfg(feature = "parquet")]
mod parquet;

pub use self::csv::CsvWriter;
#[cfg(feature = "parquet")]
pub use self::file::{AudienceFormat, AudienceWriter};
#[cfg(feature = "parquet")]
pub use self::parquet::ParquetWriter;

use crate::actions::Actions;
use crate::calendar::Day;
use crate::language::Language;
use crate::model::{Probability, Risk};
use crate::pseudonym::StoredUser;
use crate::reasons::Reason;
use crate::risk::{Group, UserRisk};
use serde::Serialize;

/// A user at risk. The names of the members are those of the columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct AudienceRow {
    pub user_id: StoredUser,
    pub churn_probability: Probability,
    pub risk_level: Risk,
    /// First day at this level.
    pub level_since: Day,
    /// Feature of the first reason; `None` if no feature contributes.
    pub reason_feature: Option<String>,
    pub reason_text: Option<String>,
    /// Id of the rule of the recommended action.
    pub action_id: Option<String>,
    /// `None` also if the actions file no longer has the rule.
    pub action_text: Option<String>,
    /// `None` for a user who has never become at risk.
    pub group: Option<Group>,
}

impl AudienceRow {
    pub const COLUMNS: [&str; 9] = [
        "user_id",
        "churn_probability",
        "risk_level",
        "level_since",
        "reason_feature",
        "reason_text",
        "action_id",
        "action_text",
        "group",
    ];

    /// The row of a stored user, with texts in `language`.
    pub fn new(user: &UserRisk, actions: &Actions, language: Language) -> Self {
        let reason = user.reasons.first().and_then(|first| first.reason(user.window_days, language));
        let (reason_feature, reason_text) = reason.map(|Reason { feature, text, .. }| (feature.into(), text)).unzip();
        let action = user.action.as_deref().and_then(|id| actions.get(id, language));
        Self {
            user_id: user.user.clone(),
            churn_probability: user.probability,
            risk_level: user.risk_level,
            level_since: user.level_since,
            reason_feature,
            reason_text,
            action_id: user.action.clone(),
            action_text: action.map(|action| action.text),
            group: user.assignment.as_ref().map(|assignment| assignment.group),
        }
    }
}

#[cfg(test)]
mod testing {
    use super::*;

    pub fn row(user: &str) -> AudienceRow {
        AudienceRow {
            user_id: StoredUser::from_stored(user).unwrap(),
            churn_probability: Probability::new(0.8125).unwrap(),
            risk_level: Risk::Critical,
            level_since: Day::parse("2018-11-30").unwrap(),
            reason_feature: Some("recency_days".into()),
            reason_text: Some("Days since the last activity: 9".into()),
            action_id: Some("retention_offer".into()),
            action_text: Some("Call, and offer a month".into()),
            group: Some(Group::Treatment),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_the_members_of_the_json() {
        let json = serde_json::to_string(&testing::row("30")).unwrap();
        let expected = r#"{"user_id":"30","churn_probability":0.8125,"risk_level":"critical","level_since":"2018-11-30",
            "reason_feature":"recency_days","reason_text":"Days since the last activity: 9","action_id":"retention_offer",
            "action_text":"Call, and offer a month","group":"treatment"}"#;
        assert_eq!(json, expected.replace("\n            ", ""));
        let names: Vec<&str> =
            json.trim_matches(['{', '}']).split(",\"").filter_map(|m| m.split('"').find(|p| !p.is_empty())).collect();
        assert_eq!(names, AudienceRow::COLUMNS);
    }
}
