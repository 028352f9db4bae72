//! From a query to a churn probability and the reasons for it.

use crate::actions::{Actions, Case, RecommendedAction};
use crate::champion::Serving;
use crate::language::Language;
use crate::problem::Problem;
use crate::reasons::{Reason, reasons};
use crate::request::Query;
use crate::settings::PredictSettings;
use churn_common::calendar::Timestamp;
use churn_common::features::{Row, Window};
use churn_common::history::History;
use churn_common::ids::UserId;
use churn_common::model::explain::ModelOutput;
use churn_common::model::{ModelVersion, Probability, Risk};
use churn_common::store::Stores;
use serde::Serialize;

/// The answer to `POST /predict`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// How likely the user churns within the model's horizon, 0..=1.
    pub churn_probability: Probability,
    /// 1 if the probability reaches the threshold, else 0.
    pub churn_label: u8,
    /// The probability in a word.
    pub risk: Risk,
    /// The features that moved the answer most, largest first.
    pub reasons: Vec<Reason>,
    /// What to do about the user; `None` for one who has cancelled.
    pub recommended_action: Option<RecommendedAction>,
    /// What `base_value`, the contributions of `reasons` and `other_features` add up to: `explained_value`.
    pub explained: ModelOutput,
    /// What the model says where nothing is told of a user.
    pub base_value: f64,
    /// What the features that are not among the reasons contributed together.
    pub other_features: f64,
    /// What is explained.
    pub explained_value: f64,
    /// The user.
    pub user_id: UserId,
    /// The model that answered.
    pub model_version: ModelVersion,
    /// The probability from which on the label is 1.
    pub threshold: Probability,
    /// The moment that the answer holds for.
    pub as_of: Timestamp,
    /// Where that moment comes from.
    pub as_of_source: AsOfSource,
    /// Whether the user had already cancelled by then; the probability then says nothing about them.
    pub already_cancelled: bool,
    /// How much is known of the user.
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
    /// The midnight after the user's latest event, as that is older than the observation window: a log of the past.
    LatestEvent,
}

/// How much is known of the user in the observation window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// Length of the observation window, in days.
    pub window_days: u16,
    /// Events in the window.
    pub events: u64,
    /// Sessions in the window.
    pub sessions: u64,
    /// Active days in the window.
    pub days: u64,
    /// Whether that suffices for an answer worth acting on.
    pub sufficient: bool,
    /// Events of the request that were taken in.
    pub from_request: usize,
    /// Events of the request that were known already, and are not counted twice.
    pub already_known: usize,
    /// Events of the request at or after `as_of`, which are not read.
    pub after_as_of: usize,
    /// Events of the request without a user.
    pub unattributable: usize,
    /// Events of the request that cannot be believed.
    pub rejected: usize,
    /// The first of them, [`MOST_TOLD`] at most.
    pub rejections: Vec<RejectedEvent>,
}

/// Most rejected events that an answer tells of one by one.
pub const MOST_TOLD: usize = 20;

/// An event of the request that cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectedEvent {
    /// Its position in `events`.
    pub index: usize,
    /// Why.
    pub reason: String,
}

/// How a query is answered, whatever it asks.
#[derive(Debug)]
pub struct Manner<'a> {
    /// The settings.
    pub settings: &'a PredictSettings,
    /// The rules for recommended actions.
    pub actions: &'a Actions,
    /// The language of sentences.
    pub language: Language,
}

/// Answers a query.
pub async fn answer(
    query: Query<'_>,
    stores: &Stores,
    serving: &Serving,
    manner: &Manner<'_>,
    now: Timestamp,
) -> Result<Answer, Problem> {
    let (settings, language) = (manner.settings, manner.language);
    let mut history = History::default();
    if query.stored {
        let found = stores.histories.of_user(&query.user).await.map_err(|e| Problem::store(&e))?;
        history = History::from_slices(found);
        if history.is_empty() && query.events.is_empty() {
            return Err(Problem::UnknownUser(query.user));
        }
    }
    let model = &serving.model;
    let given = query.events.len();
    let (as_of, as_of_source) = match query.as_of {
        Some(as_of) => (as_of, AsOfSource::Request),
        None => {
            let newest = query.events.iter().map(|e| e.ts).chain(history.span().map(|(_, last)| last)).max();
            default_as_of(newest, now, model.window_days())
        }
    };
    let events: Vec<_> = query.events.into_iter().filter(|e| e.ts < as_of).collect();
    let already_known = history.add_events(&events);
    let window = Window::from_history(&history, as_of, model.window_days()).ok_or_else(|| {
        let (user, days) = (&query.user, model.window_days());
        Problem::NothingUsable(format!("user {user} has no activity in the {days} days before {as_of}"))
    })?;
    let row = Row::from_window(&window);
    let probability = model.predict(&row).map_err(|e| Problem::internal(&e))?;
    let explanation = serving.explainer.explain(row.values()).map_err(|e| Problem::internal(&e))?;
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
        unattributable: query.unattributable,
        rejected: query.rejected.len(),
        rejections: query.rejected.into_iter().take(MOST_TOLD).collect(),
    };
    let risk = model.risk(probability);
    let already_cancelled = history.is_cancelled(as_of);
    let case = Case { risk, reasons: &reasons, sufficient_evidence: evidence.sufficient };
    let recommended_action = if already_cancelled { None } else { manner.actions.recommend(case, language) };
    Ok(Answer {
        churn_probability: probability,
        churn_label: u8::from(model.label(probability)),
        risk,
        reasons,
        recommended_action,
        explained: serving.explainer.output(),
        base_value: explanation.base_value,
        other_features,
        explained_value: explanation.value(),
        user_id: query.user,
        model_version: serving.version.clone(),
        threshold: model.threshold(),
        as_of,
        as_of_source,
        already_cancelled,
        evidence,
    })
}

/// The moment to answer for where none is asked for: now. Where the newest event lies further back than the observation
/// window there would be nothing to see, so a log of the past is answered for its own end, the midnight after.
fn default_as_of(newest: Option<Timestamp>, now: Timestamp, window_days: u16) -> (Timestamp, AsOfSource) {
    match newest {
        Some(newest) if newest.day() < now.midnight_at_or_after().plus(-i32::from(window_days)) => {
            (newest.day().plus(1).start(), AsOfSource::LatestEvent)
        }
        // A clock that runs ahead, within the permitted skew, must not hide the event.
        Some(newest) => (now.max(Timestamp::from_millis(newest.millis() + 1)), AsOfSource::Now),
        None => (now, AsOfSource::Now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_log_is_answered_for_its_own_end() {
        let now = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let at = |text| Timestamp::parse(text);
        let of = |newest| default_as_of(newest, now, 30);
        assert_eq!(of(at("2026-01-31T11:00:00Z")), (now, AsOfSource::Now));
        assert_eq!(of(at("2018-10-01T00:01:57Z")), (at("2018-10-02").unwrap(), AsOfSource::LatestEvent));
        assert_eq!(of(at("2026-01-31T12:00:01Z")), (at("2026-01-31T12:00:01.001Z").unwrap(), AsOfSource::Now));
    }
}
