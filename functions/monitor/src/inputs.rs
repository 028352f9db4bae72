//! Inputs of a report: the champion with its training baseline, and rows computed from the histories stored now.

use crate::error::MonitorError;
use crate::outcome::Reason;
use crate::settings::MonitorSettings;
use churn_common::calendar::{Day, Timestamp};
use churn_common::features::Row;
use churn_common::history::History;
use churn_common::model::{Card, Model, ModelVersion};
use churn_common::snapshot::{Snapshot, features_if_at_risk};
use churn_common::store::Stores;
use churn_common::table;

#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) version: ModelVersion,
    pub(crate) model: Model,
    pub(crate) card: Card,
    /// Rows that the champion was trained on, one per user.
    pub(crate) baseline: Vec<Row>,
    /// Cutoff of `current`: the end of the last whole day of the log, as in training.
    pub(crate) as_of: Day,
    /// Rows of the users who are active at `as_of`, one per user.
    pub(crate) current: Vec<Row>,
    /// The latest cutoff whose labels are known.
    pub(crate) labelled_at: Day,
    /// Snapshots of the users who are active at `labelled_at`, one per user.
    pub(crate) labelled: Vec<Snapshot>,
}

#[derive(Debug)]
pub(crate) enum Load {
    Inputs(Box<Inputs>),
    /// No report is possible.
    Nothing {
        reason: Reason,
        detail: String,
    },
}

/// Rows of one user at both cutoffs; `None` where the user is not active.
struct UserRows {
    current: Option<Row>,
    labelled: Option<Snapshot>,
}

pub(crate) async fn load(stores: &Stores, settings: &MonitorSettings, now: Timestamp) -> Result<Load, MonitorError> {
    let Some(version) = stores.registry().read().await?.0.champion else {
        return Ok(nothing(Reason::NoModel, "no champion: train a model first"));
    };
    let Some((_, as_of)) = stores.ledger.log_span(now).await? else {
        return Ok(nothing(Reason::NoData, &stores.ledger.missing_data().await?));
    };
    let (model, card) = (stores.models().get(&version).await?, stores.models().card(&version).await?);
    let baseline = table::read_rows(stores.models().baseline(&version).await?)
        .map_err(|e| MonitorError::Baseline(version.clone(), e.to_string()))?;

    let labelled_at = card.label.latest_labelled_cutoff(as_of);
    let features_at =
        |history: &History, day: Day| features_if_at_risk(history, day, card.window_days, card.label.min_return_hours);
    let users = stores.histories.map_users(settings.total_segments, |user, history| {
        let labelled = || {
            let row = features_at(&history, labelled_at)?;
            let churned = card.label.for_history(&history, labelled_at, as_of)?;
            Some(Snapshot { user: user.clone(), cutoff: labelled_at, row, churned })
        };
        Some(UserRows { current: features_at(&history, as_of), labelled: labelled() })
    });
    let (mut current, mut labelled) = (Vec::new(), Vec::new());
    for (_, rows) in users.await? {
        current.extend(rows.current);
        labelled.extend(rows.labelled);
    }
    let (users, needed) = (current.len(), settings.min_current_users as usize);
    if users < needed {
        let detail = format!("{users} users are active at {as_of}, expected {needed} or more (min_current_users)");
        return Ok(nothing(Reason::InsufficientUsers, detail));
    }
    Ok(Load::Inputs(Box::new(Inputs { version, model, card, baseline, as_of, current, labelled_at, labelled })))
}

fn nothing(reason: Reason, detail: impl Into<String>) -> Load {
    Load::Nothing { reason, detail: detail.into() }
}
