//! `GET /users/{id}`: the stored risk of one user, with reasons and score history.

use super::parameters;
use crate::prediction::ResponseOptions;
use crate::problem::Problem;
use crate::request;
use churn_common::calendar::Day;
use churn_common::model::{ModelVersion, Probability, Risk};
use churn_common::pseudonym::StoredUser;
use churn_common::reasons::Reason;
use churn_common::risk::{Epoch, Group, UserRisk};
use churn_common::store::Stores;
use lambda_http::Request;
use serde::Serialize;

/// Response body of `GET /users/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub(crate) struct UserDetail {
    /// As in the request.
    user_id: String,
    churn_probability: Probability,
    churn_label: u8,
    risk_level: Risk,
    /// First day at this level.
    level_since: Day,
    /// Whether the user is at risk, also after the probability has fallen a little below the level `high`.
    at_risk: bool,
    /// The day on which the user became at risk; `None` for a user who is not.
    at_risk_since: Option<Day>,
    /// The features with the largest contributions.
    reasons: Vec<Reason>,
    /// `None` for a user without a recommended action.
    recommended_action: Option<StoredAction>,
    /// `None` until the user becomes at risk for the first time.
    group: Option<Group>,
    /// The period in which the group was assigned.
    epoch: Option<Epoch>,
    /// The scores of the last 30 days on which something changed, oldest first.
    score_history: Vec<DayScore>,
    model_version: ModelVersion,
    /// Day of the last change of these values.
    as_of: Day,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
struct StoredAction {
    id: String,
    /// `None` if the actions file no longer has the rule.
    text: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
struct DayScore {
    day: Day,
    churn_probability: Probability,
}

/// Reads the user `id`: an id of the logs or, if ids are stored as pseudonyms, also a pseudonym from a list.
pub(crate) async fn user(
    id: &str,
    request: &Request,
    stores: &Stores,
    options: ResponseOptions<'_>,
) -> Result<UserDetail, Problem> {
    parameters::single_values(request, &[])?;
    let user = request::user_id(id)?;
    let mut found = stores.risks.get(&user).await.map_err(|e| Problem::store(&e))?;
    let pseudonym = StoredUser::from_stored(user.as_str()).filter(|_| stores.pseudonyms.hide_ids());
    if let (None, Some(pseudonym)) = (&found, pseudonym) {
        found = stores.risks.get_stored(&pseudonym).await.map_err(|e| Problem::store(&e))?;
    }
    let risk = found.ok_or_else(|| Problem::UserNotScored(user.clone()))?;
    Ok(UserDetail::new(user.as_str(), risk, options))
}

impl UserDetail {
    fn new(user_id: &str, risk: UserRisk, ResponseOptions { actions, language, .. }: ResponseOptions<'_>) -> Self {
        let scores = risk.history.entries();
        let text = |id: &str| actions.get(id, language).map(|action| action.text);
        Self {
            user_id: user_id.to_owned(),
            churn_probability: risk.probability,
            churn_label: risk.label,
            risk_level: risk.risk_level,
            level_since: risk.level_since,
            at_risk: risk.at_risk,
            at_risk_since: risk.crossed_on.filter(|_| risk.at_risk),
            reasons: risk.reasons.iter().filter_map(|reason| reason.reason(risk.window_days, language)).collect(),
            recommended_action: risk.action.map(|id| StoredAction { text: text(&id), id }),
            group: risk.assignment.as_ref().map(|assignment| assignment.group),
            epoch: risk.assignment.map(|assignment| assignment.epoch),
            score_history: scores.map(|(day, churn_probability)| DayScore { day, churn_probability }).collect(),
            model_version: risk.model_version,
            as_of: risk.as_of,
        }
    }
}
