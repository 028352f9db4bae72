//! A finished training, as the function hands it to tracking.

use super::artifacts::Artifact;
use churn_common::model::Card;
use churn_common::store::Stores;

pub struct TrainingRun<'a> {
    /// Where the logs and the model are stored.
    pub stores: &'a Stores,
    pub card: &'a Card,
    /// Where the training rows are.
    pub snapshots: &'a str,
    /// The files to keep with the run.
    pub artifacts: &'a [Artifact],
}
