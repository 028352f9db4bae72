//! The input of tracking: a completed training.

use super::artifacts::Artifact;
use churn_common::model::Card;
use churn_common::store::Stores;

pub struct TrainingRun<'a> {
    pub stores: &'a Stores,
    pub card: &'a Card,
    /// URL of the training and held-out rows.
    pub snapshots_url: &'a str,
    /// The files to store with the run.
    pub artifacts: &'a [Artifact],
}
