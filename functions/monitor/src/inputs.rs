//! Inputs of a report: the champion with its training baseline, and rows computed from the histories stored now.

use crate::assignments::Assignments;
use crate::effect::{AssignedOutcome, LeftOut, OfferReceived};
use crate::error::MonitorError;
use crate::reason::Reason;
use crate::settings::MonitorSettings;
use churn_common::calendar::{Day, Timestamp};
use churn_common::features::Row;
use churn_common::history::History;
use churn_common::model::{Card, Model, ModelVersion};
use churn_common::offer::Offer;
use churn_common::snapshot::{Snapshot, features_if_at_risk};
use churn_common::store::Stores;
use churn_common::store::ledger::DataRange;
use churn_common::table;

#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) version: ModelVersion,
    pub(crate) model: Model,
    pub(crate) card: Card,
    pub(crate) baseline: Baseline,
    /// Cutoff of `current`: the end of the last whole day of the log, as in training.
    pub(crate) as_of: Day,
    /// Rows of the users who are active at `as_of`, one per user.
    pub(crate) current: Vec<Row>,
    /// The latest cutoff whose labels are known.
    pub(crate) labelled_at: Day,
    /// Snapshots of the users who are active at `labelled_at`, one per user.
    pub(crate) labelled: Vec<Snapshot>,
    /// Snapshots at the cutoffs of the champion's held-out rows.
    pub(crate) tested: Vec<Snapshot>,
    /// The users who became at risk, one row per user and epoch.
    pub(crate) assigned: Vec<AssignedOutcome>,
    pub(crate) left_out: LeftOut,
}

/// Rows of the users who were active when the champion was trained, computed as the current rows are.
#[derive(Debug)]
pub(crate) struct Baseline {
    pub(crate) as_of: Day,
    /// One per user.
    pub(crate) rows: Vec<Row>,
    /// Whether the log covered the observation window.
    pub(crate) has_full_windows: bool,
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

/// Rows of one user at each cutoff at which the user is active.
#[derive(Default)]
struct UserRows {
    current: Option<Row>,
    labelled: Option<Snapshot>,
    tested: Vec<Snapshot>,
    assigned: Vec<AssignedOutcome>,
}

pub(crate) async fn load(stores: &Stores, settings: &MonitorSettings, now: Timestamp) -> Result<Load, MonitorError> {
    let Some(version) = stores.registry().read().await?.0.champion else {
        return Ok(nothing(Reason::NoModel, "no champion: train a model first"));
    };
    let Some(DataRange { last: as_of, .. }) = stores.ledger.data_range(now).await? else {
        return Ok(nothing(Reason::NoData, &stores.ledger.missing_data().await?));
    };
    let (model, card) = (stores.models().get(&version).await?, stores.models().card(&version).await?);
    let rows = table::read_rows(stores.models().baseline(&version).await?)
        .map_err(|e| MonitorError::Baseline(version.clone(), e.to_string()))?;
    let (first, last) = card.data_range;
    let baseline = Baseline { as_of: last, rows, has_full_windows: last.since(first) >= i32::from(card.window_days) };

    let assignments = Assignments::read(stores, as_of, settings.effect_window_days).await?;
    let labelled_at = card.label.latest_labelled_cutoff(as_of);
    let features_at =
        |history: &History, day: Day| features_if_at_risk(history, day, card.window_days, card.label.min_return_hours);
    let users = stores.histories.map_users(settings.total_segments, |user, history| {
        // Without events, what the user did is not known: offers alone are no history.
        if history.is_empty() {
            return None;
        }
        let churned = |day: Day| card.label.for_history(&history, day, as_of);
        let offer = |day: Day| offer_received(&history, day, day.plus(i32::from(card.label.label_delay_days())));
        let assigned = assignments.outcomes(user, churned, offer);
        // As in training. The groups keep these users: leaving out users for what they did after the assignment is a bias.
        if history.is_implausible(card.exclusions.max_daily_user_events) {
            return Some(UserRows { assigned, ..UserRows::default() });
        }
        let snapshot = |cutoff: Day| {
            let row = features_at(&history, cutoff)?;
            Some(Snapshot { user: user.clone(), cutoff, row, churned: churned(cutoff)? })
        };
        Some(UserRows {
            current: features_at(&history, as_of),
            labelled: snapshot(labelled_at),
            tested: card.test.cutoffs.iter().filter_map(|cutoff| snapshot(*cutoff)).collect(),
            assigned,
        })
    });
    let (mut current, mut labelled, mut tested, mut assigned) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (_, rows) in users.await? {
        current.extend(rows.current);
        labelled.extend(rows.labelled);
        tested.extend(rows.tested);
        assigned.extend(rows.assigned);
    }
    let left_out = assignments.left_out(&assigned);
    let (users, needed) = (current.len(), settings.min_current_users as usize);
    if users < needed {
        let detail = format!("{users} users are active at {as_of}, expected {needed} or more (min_current_users)");
        return Ok(nothing(Reason::InsufficientUsers, detail));
    }
    let inputs =
        Inputs { version, model, card, baseline, as_of, current, labelled_at, labelled, tested, assigned, left_out };
    Ok(Load::Inputs(Box::new(inputs)))
}

/// The best outcome of the offers of the days `from..until`.
fn offer_received(history: &History, from: Day, until: Day) -> OfferReceived {
    let received = |offer: Offer| if offer.accepted { OfferReceived::Accepted } else { OfferReceived::Declined };
    history.offers_between(from, until).map(received).max().unwrap_or_default()
}

fn nothing(reason: Reason, detail: impl Into<String>) -> Load {
    Load::Nothing { reason, detail: detail.into() }
}
