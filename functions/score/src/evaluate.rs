//! The score of one user.

use crate::error::ScoreError;
use crate::run::Run;
use churn_common::actions::Case;
use churn_common::features::{Row, Window};
use churn_common::history::History;
use churn_common::language::Language;
use churn_common::pseudonym::StoredUser;
use churn_common::reasons::{ReasonOrder, first_contributions};
use churn_common::risk::Score;
use lambda_runtime::tracing;

/// Reasons that a record has.
const STORED_REASONS: usize = 3;

#[derive(Debug)]
pub(crate) enum Evaluation {
    Scored { score: Box<Score>, row: Box<Row> },
    Skipped(Skip),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skip {
    Inactive,
    Cancelled,
    Implausible,
    Unscorable,
}

impl Run {
    /// Scores the history of a user, as `predict` does at the same time.
    pub(crate) fn evaluate(&self, user: &StoredUser, history: &History) -> Result<Evaluation, ScoreError> {
        let (model, cutoff) = (&self.model.model, self.as_of.start());
        if history.is_implausible(self.max_daily_user_events) {
            return Ok(Evaluation::Skipped(Skip::Implausible));
        }
        if history.is_cancelled(cutoff, self.min_return_hours) {
            return Ok(Evaluation::Skipped(Skip::Cancelled));
        }
        let Some(window) = Window::from_history(history, cutoff, model.window_days()) else {
            return Ok(Evaluation::Skipped(Skip::Inactive));
        };
        let row = Row::from_window(&window);
        let probability = match model.predict(&row) {
            Ok(probability) => probability,
            Err(error) => {
                tracing::error!(%error, "a user cannot be scored");
                return Ok(Evaluation::Skipped(Skip::Unscorable));
            }
        };
        let explanation = self.model.explain(&row);
        let explanation = explanation.map_err(|e| ScoreError::Explanation(self.model.version.clone(), e))?;
        let (label, risk_level) = (u8::from(model.label(probability)), model.risk(probability));
        let settings = &self.invocation.settings;
        let of_action = usize::from(settings.max_reasons);
        let most = of_action.max(STORED_REASONS);
        let (mut reasons, _) = first_contributions(&row, &explanation, most, ReasonOrder::for_label(label));
        let sufficient_evidence = settings.min_evidence().is_met(&window);
        let case_reasons = reasons.get(..of_action).unwrap_or(&reasons);
        let case = Case { label, risk_level, reasons: case_reasons, sufficient_evidence };
        let action = self.actions.recommend(case, Language::English).map(|action| action.id);
        reasons.truncate(STORED_REASONS);
        let score = Score {
            user: user.clone(),
            as_of: self.as_of,
            probability,
            risk_level,
            high_bound: model.risk_bounds().high(),
            label,
            reasons,
            window_days: model.window_days(),
            action,
            model_version: self.model.version.clone(),
            scored_at: self.started_at,
        };
        Ok(Evaluation::Scored { score: Box::new(score), row: Box::new(row) })
    }
}
