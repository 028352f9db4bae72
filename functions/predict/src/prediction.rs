//! From a request to a churn probability and the reasons for it.

use crate::actions::{Actions, Case, RecommendedAction};
use crate::champion::LoadedModel;
use crate::language::Language;
use crate::problem::Problem;
use crate::reasons::{Reason, reasons};
use crate::request::{PredictRequest, RejectedEvent};
use crate::settings::PredictSettings;
use churn_common::calendar::Timestamp;
use churn_common::features::{Row, Window};
use churn_common::history::History;
use churn_common::ids::UserId;
use churn_common::model::explain::ModelOutput;
use churn_common::model::{ModelVersion, Probability, Risk};
use churn_common::store::Stores;
use serde::Serialize;

/// The body of the answer to `POST /predict`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// Probability that the user churns within the model's horizon.
    pub churn_probability: Probability,
    /// 1 if the probability reaches `threshold`, else 0.
    pub churn_label: u8,
    pub risk: Risk,
    /// The features that contributed most, largest first.
    pub reasons: Vec<Reason>,
    /// `None` for a user who has already cancelled.
    pub recommended_action: Option<RecommendedAction>,
    /// What `base_value`, the contributions of `reasons` and `other_features` add up to.
    pub explained: ModelOutput,
    /// Expected model output (SHAP base value).
    pub base_value: f64,
    /// Sum of the contributions of the features that are not among the reasons.
    pub other_features: f64,
    /// The model's output for this user: the sum of all contributions and `base_value`.
    pub explained_value: f64,
    pub user_id: UserId,
    pub model_version: ModelVersion,
    /// Smallest probability with label 1.
    pub threshold: Probability,
    /// The moment of the prediction. Nothing at or after it is read.
    pub as_of: Timestamp,
    pub as_of_source: AsOfSource,
    /// Whether the user had cancelled by `as_of`. The probability then has no meaning.
    pub already_cancelled: bool,
    pub evidence: Evidence,
}

/// Where `as_of` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AsOfSource {
    /// The request.
    Request,
    /// The clock.
    Now,
    /// The midnight after the user's latest event, because that event is older than the observation window.
    LatestEvent,
}

/// How much is known of the user in the observation window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// Length of the observation window, in days.
    pub window_days: u16,
    pub events: u64,
    pub sessions: u64,
    /// Active days.
    pub days: u64,
    /// Whether events, sessions and days all reach the minimum of the settings.
    pub sufficient: bool,
    /// Events of the request that were added to the stored history.
    pub from_request: usize,
    /// Events of the request that the stored history already contains. They are not counted twice.
    pub already_known: usize,
    /// Events of the request at or after `as_of`, which are not read.
    pub after_as_of: usize,
    /// Events of the request without a user.
    pub unattributable: usize,
    /// Events of the request that were rejected.
    pub rejected: usize,
    /// The first [`MAX_REJECTIONS`] of them.
    pub rejections: Vec<RejectedEvent>,
}

/// Most rejected events that a prediction lists.
pub const MAX_REJECTIONS: usize = 20;

/// How predictions are made and written, whatever the request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseOptions<'a> {
    pub(crate) settings: &'a PredictSettings,
    pub(crate) actions: &'a Actions,
    /// The language of texts.
    pub(crate) language: Language,
}

/// Predicts for the user of `request`.
pub(crate) async fn predict(
    request: PredictRequest<'_>,
    stores: &Stores,
    loaded: &LoadedModel,
    options: ResponseOptions<'_>,
    now: Timestamp,
) -> Result<Prediction, Problem> {
    let (settings, language) = (options.settings, options.language);
    let mut history = History::default();
    if request.use_stored {
        let stored = stores.histories.for_user(&request.user).await.map_err(|e| Problem::store(&e))?;
        history = History::from_slices(stored);
        if history.is_empty() && request.events.is_empty() {
            return Err(Problem::UnknownUser(request.user));
        }
    }
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
    let already_known = history.add_events(&events);
    let window = Window::from_history(&history, as_of, model.window_days()).ok_or_else(|| {
        let (user, days) = (&request.user, model.window_days());
        Problem::NothingUsable(format!("user {user} has no activity in the {days} days before {as_of}"))
    })?;
    let row = Row::from_window(&window);
    let probability = model.predict(&row).map_err(|e| Problem::internal(&e))?;
    let explanation = loaded.explainer.explain(row.values()).map_err(|e| Problem::internal(&e))?;
    let (reasons, other_features) = reasons(&row, &explanation, settings.reasons.into(), model.window_days(), language);
    let evidence = Evidence {
        window_days: model.window_days(),
        events: window.events() as u64,
        sessions: window.sessions() as u64,
        days: window.active_days() as u64,
        sufficient: window.events() >= settings.sufficient_events.into()
            && window.sessions() >= settings.sufficient_sessions.into()
            && window.active_days() >= settings.sufficient_days.into(),
        from_request: events.len() - already_known,
        already_known,
        after_as_of: given - events.len(),
        unattributable: request.without_user,
        rejected: request.rejected.len(),
        rejections: request.rejected.into_iter().take(MAX_REJECTIONS).collect(),
    };
    let risk = model.risk(probability);
    let already_cancelled = history.is_cancelled(as_of);
    let case = Case { risk, reasons: &reasons, sufficient_evidence: evidence.sufficient };
    let recommended_action = if already_cancelled { None } else { options.actions.recommend(case, language) };
    Ok(Prediction {
        churn_probability: probability,
        churn_label: u8::from(model.label(probability)),
        risk,
        reasons,
        recommended_action,
        explained: loaded.explainer.output(),
        base_value: explanation.base_value,
        other_features,
        explained_value: explanation.value(),
        user_id: request.user,
        model_version: loaded.version.clone(),
        threshold: model.threshold(),
        as_of,
        as_of_source,
        already_cancelled,
        evidence,
    })
}

/// The `as_of` of a request without one: now. If the newest event is older than the observation window, the window would
/// be empty; an old log is therefore scored at its own end, the midnight after its newest event.
fn default_as_of(newest: Option<Timestamp>, now: Timestamp, window_days: u16) -> (Timestamp, AsOfSource) {
    match newest {
        Some(newest) if newest.day() < now.midnight_at_or_after().plus(-i32::from(window_days)) => {
            (newest.day().plus(1).start(), AsOfSource::LatestEvent)
        }
        // A client's clock that runs ahead, within the permitted skew, must not hide the event.
        Some(newest) => (now.max(Timestamp::from_millis(newest.millis() + 1)), AsOfSource::Now),
        None => (now, AsOfSource::Now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_log_is_scored_at_its_own_end() {
        let now = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let at = |text| Timestamp::parse(text);
        let of = |newest| default_as_of(newest, now, 30);
        assert_eq!(of(at("2026-01-31T11:00:00Z")), (now, AsOfSource::Now));
        assert_eq!(of(at("2018-10-01T00:01:57Z")), (at("2018-10-02").unwrap(), AsOfSource::LatestEvent));
        assert_eq!(of(at("2026-01-31T12:00:01Z")), (at("2026-01-31T12:00:01.001Z").unwrap(), AsOfSource::Now));
    }
}
