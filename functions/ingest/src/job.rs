//! The context of one delivery in one invocation. Every step of the work receives it.

use crate::delivery::Delivery;
use crate::invocation::Invocation;
use crate::settings::IngestSettings;
use churn_common::store::Stores;

#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    pub delivery: &'a Delivery,
    pub stores: &'a Stores,
    pub settings: &'a IngestSettings,
    pub invocation: &'a Invocation,
}

impl Job<'_> {
    /// Whether too little time is left to start another chunk.
    pub fn is_short_of_time(&self) -> bool {
        self.invocation.is_short_of_time(self.settings)
    }
}
