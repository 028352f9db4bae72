//! Objects whose contents change, and the contents of the stores that must result.

use crate::delivery::DeliveryAttempt;
use crate::in_process::{Contents, InProcessStores};
use crate::{record, removal};
use churn_common::calendar::Timestamp;
use fastrand::Rng;
use ingest::IngestSettings;
use serde_json::{Value, json};

/// The number of bodies that an object may have.
const BODIES: u64 = 5;

/// A version of an object, which may be its removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The index of the object, from 0.
    pub object: usize,
    /// The number of the version, from 1.
    pub number: u32,
    /// The number of its body; `None` if the object is removed.
    pub body: Option<u64>,
}

impl Version {
    /// Random versions of an object, oldest first.
    pub fn history(object: usize, rng: &mut Rng) -> Vec<Self> {
        let versions = [1, 1, 2, 2, 3, 4][rng.usize(..6)];
        let mut bodies: Vec<Option<u64>> = (0..versions).map(|_| Some(rng.u64(..BODIES))).collect();
        if rng.u8(..4) == 0 {
            bodies.push(None);
            if rng.bool() {
                bodies.push(Some(rng.u64(..BODIES)));
            }
        }
        (1..).zip(bodies).map(|(number, body)| Self { object, number, body }).collect()
    }

    /// Puts or deletes the object and returns S3's event.
    pub async fn apply(self, local: &InProcessStores) -> anyhow::Result<Value> {
        let key = format!("logs/{}.json", self.object);
        let record = match self.body {
            Some(body) => {
                let etag = local.put(&key, log(self.object, body).as_bytes()).await?;
                record("churn-logs", &key, &etag, self.number)
            }
            None => {
                local.remove(&key).await?;
                removal("churn-logs", &key, self.number)
            }
        };
        Ok(json!({"Records": [record]}))
    }

    /// The contents of empty stores after one delivery without faults.
    pub async fn contents(self, now: Timestamp, settings: &IngestSettings) -> anyhow::Result<Contents> {
        let local = InProcessStores::new(now).await?;
        let event = self.apply(&local).await?;
        let attempt = DeliveryAttempt { event, request_id: "only".into(), now, is_short_of_time: false };
        local.process_without_faults().deliver(attempt, settings).await?;
        local.contents().await
    }
}

/// A few lines. All objects share a few users and sessions, so that some overlap. Some lines are invalid, some have no
/// user, and some are duplicates.
fn log(object: usize, body: u64) -> String {
    let mut rng = Rng::with_seed(object as u64 * BODIES + body);
    let mut lines: Vec<String> = Vec::new();
    for _ in 0..rng.usize(..8) {
        let (day, user, session, item) = (rng.u64(..2), rng.u8(..3), rng.u8(..2), rng.u64(..6));
        let ts = 1_538_352_000_000 + day * 86_400_000 + item * 60_000;
        let event = format!(
            r#"{{"ts":{ts},"userId":"{user}","sessionId":{session},"page":"NextSong","itemInSession":{item}}}"#
        );
        lines.push(match (rng.u8(..8), lines.last()) {
            (0, _) => "no event".to_owned(),
            (1, _) => event.replace(&format!("\"userId\":\"{user}\""), "\"userId\":\"\""),
            (2, Some(last)) => last.clone(),
            _ => event,
        });
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
