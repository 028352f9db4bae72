//! Computes the churn probability of a request's user, with reasons.

use crate::champion::Serving;
use crate::problem::Problem;
use crate::request::{PredictRequest, RejectedEvent};
use crate::settings::PredictSettings;
use churn_common::actions::{Actions, Case, RecommendedAction};
use churn_common::calendar::Timestamp;
use churn_common::features::{Row, Window};
use churn_common::history::History;
use churn_common::ids::UserId;
use churn_common::language::Language;
use churn_common::model::card::ModelQuality;
use churn_common::model::explain::ModelOutput;
use churn_common::model::{ModelVersion, Probability, Risk};
use churn_common::reasons::{Reason, ReasonOrder, first_contributions};
use churn_common::store::Stores;
use serde::{Deserialize, Serialize};

/// Response body of `POST /predict`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Prediction {
    /// Probability that the user churns within the model's horizon, 0..=1.
    pub churn_probability: Probability,
    /// 1 if the probability reaches `threshold`, else 0.
    #[cfg_attr(feature = "schemas", schemars(extend("enum" = [0, 1])))]
    pub churn_label: u8,
    pub risk_level: Risk,
    /// The features with the largest contributions, largest first. With label 1, those that raise the risk come first.
    pub reasons: Vec<Reason>,
    /// `None` for a user who has already cancelled.
    pub recommended_action: Option<RecommendedAction>,
    /// The output that `base_value`, the contributions of `reasons` and `other_contributions` add up to.
    pub model_output: ModelOutput,
    /// Expected model output (SHAP base value).
    pub base_value: f64,
    /// Sum of the contributions of the features that are not among the reasons.
    pub other_contributions: f64,
    /// Value of `model_output` for this user: `base_value` plus all contributions.
    pub output_value: f64,
    pub user_id: UserId,
    pub model_version: ModelVersion,
    pub model_quality: ModelQuality,
    /// Decision threshold: the smallest probability with label 1.
    pub threshold: Probability,
    /// Time of the prediction. Only earlier events are read.
    pub as_of: Timestamp,
    pub as_of_source: AsOfSource,
    /// Whether the user had cancelled before `as_of`. If so, `churn_probability` has no meaning.
    pub already_cancelled: bool,
    pub evidence: Evidence,
}

/// The origin of `as_of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AsOfSource {
    Request,
    /// The current time.
    Now,
    /// The midnight after the user's latest event, because that event is older than the observation window.
    LatestEvent,
}

/// The user's data in the observation window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemas", derive(schemars::JsonSchema))]
pub struct Evidence {
    /// Length of the observation window, in days.
    pub window_days: u16,
    pub events: u64,
    pub sessions: u64,
    pub active_days: u64,
    /// Whether events, sessions and active days all reach the minimum in the settings.
    pub is_sufficient: bool,
    /// Events of the request that the stored history does not contain.
    pub request_events: usize,
    /// Events of the request that the stored history or an earlier event of the request already contains. They count once.
    pub duplicate_events: usize,
    /// Events of the request at or after `as_of`. They are not read.
    pub events_after_as_of: usize,
    /// Events of the request without a user.
    pub events_without_user: usize,
    /// Events of the request that were rejected.
    pub rejected_events: usize,
    /// The first of the rejected events, at most `MAX_REJECTED_EVENT_DETAILS`.
    pub rejected_event_details: Vec<RejectedEvent>,
}

/// Maximum number of rejected events that a response lists.
pub const MAX_REJECTED_EVENT_DETAILS: usize = 20;

/// What a response depends on besides the request, the stored history and the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseOptions<'a> {
    pub(crate) settings: &'a PredictSettings,
    pub(crate) actions: &'a Actions,
    pub(crate) language: Language,
}

/// Predicts the churn probability of the user of `request`.
pub(crate) async fn predict(
    request: PredictRequest<'_>,
    stores: &Stores,
    serving: &Serving,
    options: ResponseOptions<'_>,
    now: Timestamp,
) -> Result<Prediction, Problem> {
    let (settings, language) = (options.settings, options.language);
    let mut history = History::default();
    if request.use_stored {
        let stored = stores.histories.for_user(&request.user).await.map_err(|e| Problem::store(&e))?;
        history = History::from_slices(stored);
        if history.is_empty() && request.events.is_empty() {
            return Err(Problem::UserNotFound(request.user));
        }
    }
    let loaded = &serving.model;
    let model = &loaded.model;
    let given = request.events.len();
    let (as_of, as_of_source) = match request.as_of {
        Some(as_of) => (as_of, AsOfSource::Request),
        None => {
            let newest = request.events.iter().map(|e| e.ts).chain(history.span().map(|(_, last)| last)).max();
            default_as_of(newest, now, model.window_days())
        }
    };
    let events: Vec<_> = request.events.into_iter().filter(|e| e.ts < as_of).collect();
    let duplicate_events = history.add_events(&events);
    let window = Window::from_history(&history, as_of, model.window_days()).ok_or_else(|| {
        let (user, days) = (&request.user, model.window_days());
        Problem::NoScorableEvents(format!("user {user} has no activity in the {days} days before {as_of}"))
    })?;
    let row = Row::from_window(&window);
    let probability = model.predict(&row).map_err(|e| Problem::internal(&e))?;
    let explanation = loaded.explain(&row).map_err(|e| Problem::internal(&e))?;
    let label = u8::from(model.label(probability));
    let (contributions, other_contributions) =
        first_contributions(&row, &explanation, settings.max_reasons.into(), ReasonOrder::for_label(label));
    let reasons = contributions.iter().filter_map(|c| c.reason(model.window_days(), language)).collect();
    let evidence = Evidence {
        window_days: model.window_days(),
        events: window.events() as u64,
        sessions: window.sessions() as u64,
        active_days: window.active_days() as u64,
        is_sufficient: settings.min_evidence().is_met(&window),
        request_events: events.len() - duplicate_events,
        duplicate_events,
        events_after_as_of: given - events.len(),
        events_without_user: request.without_user,
        rejected_events: request.rejected.len(),
        rejected_event_details: request.rejected.into_iter().take(MAX_REJECTED_EVENT_DETAILS).collect(),
    };
    let risk_level = model.risk(probability);
    let already_cancelled = history.is_cancelled(as_of, settings.min_return_hours);
    let case = Case { label, risk_level, reasons: &contributions, sufficient_evidence: evidence.is_sufficient };
    let recommended_action = if already_cancelled { None } else { options.actions.recommend(case, language) };
    Ok(Prediction {
        churn_probability: probability,
        churn_label: label,
        risk_level,
        reasons,
        recommended_action,
        model_output: loaded.output(),
        base_value: explanation.base_value,
        other_contributions,
        output_value: explanation.value(),
        user_id: request.user,
        model_version: loaded.version.clone(),
        model_quality: serving.quality,
        threshold: model.threshold(),
        as_of,
        as_of_source,
        already_cancelled,
        evidence,
    })
}

/// The `as_of` of a request without one: the current time. If the newest event is older than the observation window, the
/// window would be empty, so `as_of` is the midnight after that event.
fn default_as_of(newest: Option<Timestamp>, now: Timestamp, window_days: u16) -> (Timestamp, AsOfSource) {
    match newest {
        Some(newest) if newest.day() < now.midnight_at_or_after().plus(-i32::from(window_days)) => {
            (newest.day().plus(1).start(), AsOfSource::LatestEvent)
        }
        // An event may be up to the permitted clock skew in the future. It still counts.
        Some(newest) => (now.max(Timestamp::from_millis(newest.millis() + 1)), AsOfSource::Now),
        None => (now, AsOfSource::Now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_log_is_scored_at_its_end() {
        let now = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let at = |text| Timestamp::parse(text);
        let default_for = |newest| default_as_of(newest, now, 30);
        assert_eq!(default_for(at("2026-01-31T11:00:00Z")), (now, AsOfSource::Now));
        assert_eq!(default_for(at("2018-10-01T00:01:57Z")), (at("2018-10-02").unwrap(), AsOfSource::LatestEvent));
        assert_eq!(default_for(at("2026-01-31T12:00:01Z")), (at("2026-01-31T12:00:01.001Z").unwrap(), AsOfSource::Now));
    }
}
