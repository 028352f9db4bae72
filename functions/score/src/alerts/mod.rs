//! Alerts about users who became at risk: one event for each on EventBridge, and one digest for each run on SNS.

mod content;
mod digest;
mod outbox;
mod outcome;
mod settings;
mod targets;

pub use outbox::Outbox;
pub use outcome::{AlertDelivery, DigestOutcome};
pub use settings::{AlertLanguage, AlertSettings};
pub use targets::AlertTargets;

use crate::error::ScoreError;
use crate::run::Run;
use churn_common::language::Language;
use churn_common::risk::Crossing;
use churn_common::store::StoreError;
use churn_common::store::score_files::Manifest;
use churn_common::table::read_assignments;
use std::time::SystemTime;
use tokio::time::Instant;

/// The delivery of alerts by one invocation.
#[derive(Debug, Clone, Copy)]
pub struct Alerts<'a> {
    targets: &'a AlertTargets,
    request_id: &'a str,
    deadline: Instant,
}

impl<'a> Alerts<'a> {
    pub fn new(targets: &'a AlertTargets, request_id: &'a str, deadline: SystemTime) -> Self {
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        Self { targets, request_id, deadline: Instant::now() + left }
    }

    /// Without a bus and a topic: alerts wait.
    pub fn none() -> Self {
        static NO_TARGETS: AlertTargets = AlertTargets::NONE;
        Self { targets: &NO_TARGETS, request_id: "", deadline: Instant::now() }
    }

    /// The language of the texts.
    pub(crate) fn language(&self) -> Language {
        self.targets.language
    }

    /// Delivers the alerts of a day that is scored completely, and those of earlier days that are due.
    pub(crate) async fn deliver(&self, run: &Run, manifest: &Manifest) -> Result<AlertDelivery, ScoreError> {
        let outbox = Outbox {
            risks: &run.stores.risks,
            targets: self.targets,
            actions: &run.actions,
            request_id: self.request_id,
            now: run.started_at,
            deadline: self.deadline,
            as_of: run.as_of,
            max_daily_alerts: run.invocation.settings.max_daily_alerts.into(),
        };
        let crossings = if self.targets.is_empty() { Vec::new() } else { crossings(run, manifest).await? };
        Ok(outbox.deliver(&crossings).await?)
    }
}

/// The users who became at risk on the day of the manifest.
async fn crossings(run: &Run, manifest: &Manifest) -> Result<Vec<Crossing>, ScoreError> {
    let mut crossings = Vec::new();
    for key in &manifest.assignments {
        let read = read_assignments(run.file(key).await?).map_err(|e| StoreError::corrupt("GetObject", key, e))?;
        crossings.extend(read);
    }
    Ok(crossings)
}
