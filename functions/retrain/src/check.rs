//! The data check: whether a training would train a model, and what a reliable model needs.

use crate::error::TrainError;
use crate::load::{LoadError, count, load};
use crate::reason::Reason;
use churn_common::calendar::{Day, Timestamp};
use churn_common::store::Stores;
use churn_report::Totals;
use churn_training::requirements::{Log, Need, Requirement, requirements};
use churn_training::{InsufficientData, TrainingData, TrainingSettings, insufficient_data};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataCheck {
    /// Whether a training with these settings would train a model.
    pub can_train: bool,
    /// Whether the data also suffice for a reliable model.
    pub is_reliable: bool,
    /// As the training would give it; `None` if it would train a model.
    pub reason: Option<Reason>,
    /// As the training would give it.
    pub detail: Option<String>,
    /// The first day of the log and the last; `None` without data.
    pub data_range: Option<(Day, Day)>,
    /// Users with an event in the range.
    pub users: usize,
    /// Users with a cancellation in the range.
    pub cancelled_users: usize,
    /// Empty without data.
    pub requirements: Vec<Requirement>,
}

/// Reads the stored data as a training does.
///
/// # Errors
/// If the store fails, or the training would fail.
pub(crate) async fn check(
    stores: &Stores,
    settings: &TrainingSettings,
    now: Timestamp,
) -> Result<DataCheck, TrainError> {
    match load(stores, settings, now).await {
        Ok(loaded) => {
            let insufficient = insufficient_data(&loaded.data, settings)?;
            Ok(DataCheck::new(&loaded.totals, Some(&loaded.data), settings, insufficient.as_ref()))
        }
        Err(LoadError::InsufficientData(insufficient)) => match stores.ledger.data_range(now).await? {
            Some(range) => {
                let totals = count(stores, settings, &range).await?;
                Ok(DataCheck::new(&totals, None, settings, Some(&insufficient)))
            }
            None => Ok(DataCheck::without_data(&insufficient)),
        },
        Err(error) => Err(error.into()),
    }
}

impl DataCheck {
    fn new(
        totals: &Totals,
        data: Option<&TrainingData>,
        settings: &TrainingSettings,
        insufficient: Option<&InsufficientData>,
    ) -> Self {
        let (first, last) = totals.range;
        let (users, cancelled_users) = (totals.users as usize, totals.cancelled_users as usize);
        let requirements = requirements(&Log { first, last, users, cancelled_users }, data, settings);
        let is_met = |need: Option<Need>| need.is_none_or(|need| need.missing == 0);
        Self {
            can_train: insufficient.is_none(),
            is_reliable: insufficient.is_none() && requirements.iter().all(|requirement| is_met(requirement.reliable)),
            reason: insufficient.map(Reason::from),
            detail: insufficient.map(ToString::to_string),
            data_range: Some((first, last)),
            users,
            cancelled_users,
            requirements,
        }
    }

    fn without_data(insufficient: &InsufficientData) -> Self {
        Self {
            can_train: false,
            is_reliable: false,
            reason: Some(insufficient.into()),
            detail: Some(insufficient.to_string()),
            data_range: None,
            users: 0,
            cancelled_users: 0,
            requirements: Vec::new(),
        }
    }
}
