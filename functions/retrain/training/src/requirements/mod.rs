//! What a training and a reliable model need, what is there, and when the rest will be there.

mod growth;
#[cfg(test)]
mod tests;

pub use crate::counts::RequirementName;
pub use growth::Log;

use crate::counts::counts;
use crate::data::TrainingData;
use crate::settings::TrainingSettings;
use crate::snapshots;
use crate::split::needed_days;
use churn_common::calendar::Day;
use churn_common::model::card::Rows;
use growth::Growth;
use serde::{Deserialize, Serialize};

/// Churned users to evaluate a model on. With fewer, performance is estimated too imprecisely (Vergouwe, Steyerberg, Eijkemans
/// and Habbema 2005; Collins, Ogundimu and Altman 2016). As many are expected to train on.
const RELIABLE_CHURNED_USERS: usize = 100;
/// With as many users who did not churn.
const RELIABLE_USERS: usize = 2 * RELIABLE_CHURNED_USERS;
/// Training cutoffs that show whether behaviour before churn stays the same.
const RELIABLE_TRAINING_CUTOFFS: u16 = 4;

/// A requirement, and what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    pub name: RequirementName,
    /// For users and churned users of a log that is too short to have rows: the users of the log, and those who cancelled.
    pub found: usize,
    /// `None` if a training does not need it.
    pub to_train: Option<Need>,
    /// `None` if a reliable model needs no more than a training.
    pub reliable: Option<Need>,
    /// What helps if waiting does not.
    pub advice: Option<String>,
}

/// A minimum, and what is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Need {
    pub needed: usize,
    pub missing: usize,
    /// When it will be met at the current rate; `None` if it is met, does not grow with these settings, or will not be met within
    /// ten years.
    pub expected_on: Option<Day>,
}

/// The requirements of a training on a log; `data` is `None` if the log is too short to have rows.
pub fn requirements(log: &Log, data: Option<&TrainingData>, settings: &TrainingSettings) -> Vec<Requirement> {
    let rows = |rows: fn(&TrainingData) -> Rows| {
        data.map_or(Rows { cutoffs: Vec::new(), rows: 0, users: 0, positives: 0, positive_users: 0 }, rows)
    };
    let train = rows(|data| snapshots::describe(&data.split.train, &data.train));
    let test = rows(|data| snapshots::describe(&data.split.test, &data.test));
    let need = |name, found: usize, needed: usize| {
        let growth = match data {
            Some(data) => Growth::of_rows(name, found, log, data, &train, settings),
            None => Growth::of_log(name, log, settings),
        };
        let missing = needed.saturating_sub(found);
        Some(Need { needed, missing, expected_on: if missing > 0 { growth.reaches(needed) } else { None } })
    };
    let mut all = history(log, &train, settings);
    for count in counts(&train, &test, settings) {
        let is_users = count.name == RequirementName::Users;
        let found = if is_users && data.is_none() { log.users } else { count.found };
        let reliable = if is_users { need(count.name, found, count.needed.max(RELIABLE_USERS)) } else { None };
        let to_train = need(count.name, found, count.needed);
        let is_missing = [to_train, reliable].into_iter().flatten().any(|need| need.missing > 0);
        let advice = if is_missing && data.is_some() { advice(count.name, &train, settings) } else { None };
        all.push(Requirement { name: count.name, found, to_train, reliable, advice });
    }
    let churned = if data.is_none() { log.cancelled_users } else { train.positive_users };
    for (name, found) in
        [(RequirementName::ChurnedUsers, churned), (RequirementName::HeldOutChurnedUsers, test.positive_users)]
    {
        let reliable = need(name, found, RELIABLE_CHURNED_USERS);
        let advice = match name {
            _ if data.is_none() || found >= RELIABLE_CHURNED_USERS => None,
            RequirementName::HeldOutChurnedUsers => Some(more_held_out_users(found, log, settings)),
            _ => advice(name, &train, settings),
        };
        all.push(Requirement { name, found, to_train: None, reliable, advice });
    }
    all
}

/// Length of the log and number of cutoffs, which grow by a day each day.
fn history(log: &Log, train: &Rows, settings: &TrainingSettings) -> Vec<Requirement> {
    let test_cutoffs = usize::from(settings.test_cutoffs);
    let held_out = settings.grid(log.first, log.last).take(test_cutoffs).count();
    let (days, cutoffs) = (usize::try_from(log.last.since(log.first)).unwrap_or(0), train.cutoffs.len() + held_out);
    let requirement = |name, found: usize, needed: &dyn Fn(u16) -> usize| {
        let need = |training_cutoffs: u16| {
            let needed = needed(training_cutoffs);
            let on = log.first.plus(needed_days(log.first, settings, training_cutoffs));
            let missing = needed.saturating_sub(found);
            Some(Need { needed, missing, expected_on: (missing > 0).then_some(on) })
        };
        let reliable = RELIABLE_TRAINING_CUTOFFS.min(settings.max_training_cutoffs);
        Requirement { name, found, to_train: need(1), reliable: need(reliable), advice: None }
    };
    vec![
        requirement(RequirementName::HistoryDays, days, &|cutoffs| {
            usize::try_from(needed_days(log.first, settings, cutoffs)).unwrap_or(usize::MAX)
        }),
        requirement(RequirementName::LabelledCutoffs, cutoffs, &|cutoffs| usize::from(cutoffs) + test_cutoffs),
    ]
}

/// What helps if a count of rows is too small and waiting may not help.
fn advice(name: RequirementName, train: &Rows, settings: &TrainingSettings) -> Option<String> {
    match name {
        RequirementName::HeldOutChurnedRows | RequirementName::HeldOutRetainedRows => {
            Some("all held-out rows are of one class: raise test_cutoffs, or train again on newer data".to_owned())
        }
        _ => (train.cutoffs.len() >= usize::from(settings.max_training_cutoffs))
            .then(|| "as many cutoffs as max_training_cutoffs allows are trained on: raise it".to_owned()),
    }
}

/// How more held-out users churn: their number does not grow with time.
fn more_held_out_users(churned: usize, log: &Log, settings: &TrainingSettings) -> String {
    let cutoffs =
        (RELIABLE_CHURNED_USERS * usize::from(settings.test_cutoffs)).checked_div(churned).unwrap_or(usize::MAX);
    // The largest value of the setting is 100.
    let more =
        match u16::try_from(cutoffs).ok().map(|cutoffs| cutoffs.saturating_add(1)).filter(|cutoffs| *cutoffs <= 100) {
            Some(test_cutoffs) => {
                let set = format!("set test_cutoffs to about {test_cutoffs}");
                let days = needed_days(log.first, &TrainingSettings { test_cutoffs, ..settings.clone() }, 1);
                if days <= log.last.since(log.first) { set } else { format!("{set} when the log has {days} days") }
            }
            None => "it takes more users".to_owned(),
        };
    format!("the number of held-out users does not grow with time: {more}")
}
