//! A small log and a model whose probabilities depend on the number of songs, for tests of `score`.

use crate::delivery::DeliveryAttempt;
use crate::in_process::InProcessStores;
use crate::{promote, record, removal, simulated};
use anyhow::{Context, ensure};
use churn_common::calendar::{Day, Timestamp};
use churn_common::features::{COUNT, position};
use churn_common::model::trees::{Node, Trees};
use churn_common::model::{Calibration, Card, DecisionRule, Model, ModelVersion, Probability, RiskBounds, Scorer};
use churn_common::pseudonym::StoredUser;
use churn_common::risk::UserRisk;
use churn_common::store::Stores;
use churn_common::store::objects::Condition;
use ingest::IngestSettings;
use retrain::{Deadline, Invocation, Notifiers, TrainingSettings};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::sync::OnceCell;

/// The limit for the events of a user on a day.
pub const MAX_DAILY_EVENTS: u32 = 50;
/// The time of the fixture's runs: the night after the log's last day.
pub const NOW: Timestamp = Timestamp::from_millis(DAYS_TO_NOW * 86_400_000 + 3_600_000);
const DAYS_TO_NOW: i64 = 20_500;
/// The day of every user's first visit: before the windows of all runs.
const FIRST_VISIT_DAYS_AGO: i32 = 70;

/// The day of [`NOW`]: `as_of` of a run at this time.
pub fn today() -> Day {
    NOW.day()
}

pub struct ScoreFixture {
    pub local: InProcessStores,
    pub version: ModelVersion,
}

/// A user of the log: plays `songs` on the day `days_ago` before [`today`], each in its own session,
/// and may then cancel.
#[derive(Debug, Clone, Copy)]
pub struct Listener {
    pub name: &'static str,
    pub days_ago: i32,
    pub songs: u32,
    pub cancels: bool,
}

pub fn listener(name: &'static str, days_ago: i32, songs: u32) -> Listener {
    Listener { name, days_ago, songs, cancels: false }
}

/// The events of users, as lines.
pub fn log(users: &[Listener]) -> Vec<u8> {
    let mut lines = String::new();
    for Listener { name, days_ago, songs, cancels } in users {
        let event_on = |days_ago: i32, n: u32, page: &str| {
            let ts = today().plus(-days_ago).start().millis() + i64::from(n) * 60_000;
            json!({"ts": ts, "userId": name, "sessionId": n, "page": page, "level": "paid"}).to_string() + "\n"
        };
        let event = |n: u32, page: &str| event_on(*days_ago, n, page);
        // Known before the window, so that no total is scaled.
        lines += &event_on(FIRST_VISIT_DAYS_AGO, 1000, "Home");
        (0..*songs).for_each(|n| lines += &event(n, "NextSong"));
        if *cancels {
            lines += &event(*songs, "Cancellation Confirmation");
        }
    }
    lines.into_bytes()
}

impl ScoreFixture {
    /// Stores with this log and a champion. A user with fewer than 5 songs is `critical` (0.9), with fewer than 10 `high` (0.3),
    /// with fewer than 20 `medium` (0.15), others are `low` (0.05).
    pub async fn new(users: &[Listener]) -> anyhow::Result<Self> {
        let local = InProcessStores::new(NOW).await?;
        // All tests use the same card.
        static CARD: OnceCell<Card> = OnceCell::const_new();
        let card = CARD.get_or_try_init(trained_card).await?.clone();
        let fixture = Self { version: register(&local.process_without_faults().stores, card).await?, local };
        fixture.ingest("log.json", users, 1).await?;
        Ok(fixture)
    }

    pub fn stores(&self) -> Stores {
        self.local.process_without_faults().stores
    }

    /// Replaces the object `key` by a log of these users.
    pub async fn ingest(&self, key: &str, users: &[Listener], version: u32) -> anyhow::Result<()> {
        let record = record("churn-logs", key, &self.local.put(key, &log(users)).await?, version);
        deliver(&self.local, record).await
    }

    /// Removes the object `key`.
    pub async fn remove(&self, key: &str, version: u32) -> anyhow::Result<()> {
        self.local.remove(key).await?;
        deliver(&self.local, removal("churn-logs", key, version)).await
    }

    /// Runs `score` with these stores.
    pub async fn score(&self, payload: Value, now: Timestamp) -> anyhow::Result<Value> {
        let outcome =
            score::handle(payload, &self.stores(), &score::ScoreSettings::default(), &score::Alerts::none(), now)
                .await?;
        Ok(serde_json::to_value(outcome)?)
    }

    /// All files of scores, assignments and audiences, by key.
    pub async fn files(&self) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let store = self.stores().store;
        let mut files = BTreeMap::new();
        for prefix in ["scores/", "assignments/", "exports/"] {
            for (key, _) in store.list(prefix).await? {
                let object = store.get(&key).await?.with_context(|| format!("{key} is gone"))?;
                files.insert(key, object.bytes);
            }
        }
        Ok(files)
    }

    /// All records, by user.
    pub async fn records(&self) -> anyhow::Result<BTreeMap<String, UserRisk>> {
        let risks = self.stores().risks;
        let mut records = BTreeMap::new();
        let mut pages = risks.scan_users(0, 1);
        while let Some(users) = pages.next().await? {
            for user in users {
                let risk = risks.get_stored(&user).await?.context("the record is gone")?;
                records.insert(user.to_string(), risk);
            }
        }
        Ok(records)
    }

    pub async fn record(&self, name: &str) -> anyhow::Result<Option<UserRisk>> {
        let user = StoredUser::from_stored(name).context("no user")?;
        Ok(self.stores().risks.get_stored(&user).await?)
    }
}

async fn deliver(local: &InProcessStores, record: Value) -> anyhow::Result<()> {
    let (event, request_id) = (json!({ "Records": [record] }), fastrand::u64(..).to_string());
    let attempt = DeliveryAttempt { event, request_id, now: NOW, is_short_of_time: false };
    local.process_without_faults().deliver(attempt, &IngestSettings::default()).await?;
    Ok(())
}

/// The card of a short training.
async fn trained_card() -> anyhow::Result<Card> {
    let (local, log) = (InProcessStores::new(NOW).await?, simulated(50, 40, 6)?);
    deliver(&local, record("churn-logs", "log.json", &local.put("log.json", &log).await?, 1)).await?;
    let quick = json!({"candidates": ["logistic_regression"], "logistic_l2": [1000.0], "cv_folds": 2,
        "cutoff_interval_days": 7, "max_training_cutoffs": 3, "min_rows_per_class": 2, "min_users": 20,
        "bootstrap_resamples": 100,
        "total_segments": 1, "gate_non_inferiority_margin": 1.0, "gate_max_ece": 1.0,
        "gate_max_calibration_in_the_large": 100, "min_history_days": 6, "leakage_roc_auc_limit": 1.0});
    let stores = local.process_without_faults().stores;
    let invocation = Invocation { id: "training".into(), now: NOW, deadline: Deadline::NONE };
    let settings = TrainingSettings::default();
    let trained = retrain::handle(quick, &stores, &settings, &Notifiers::default(), &invocation).await?;
    let retrain::Outcome::Trained(trained) = trained else { anyhow::bail!("no training: {trained:?}") };
    Ok(stores.models().card(&trained.model_version).await?)
}

/// Stores a model with this card and makes it champion.
async fn register(stores: &Stores, card: Card) -> anyhow::Result<ModelVersion> {
    let songs = position("songs").context("no feature songs")? as u16;
    // Each split sends users with fewer songs to its leaf.
    let nodes =
        [(5.0, 0.9), (10.0, 0.3), (20.0, 0.15)].into_iter().zip((1..).step_by(2)).flat_map(|((limit, p), left)| {
            [Node::split(songs, limit, (left, left + 1), true, 4.0, 0.1), Node::leaf(p, 1.0)]
        });
    // In the order of the tree: a split, its left leaf, its right child.
    let tree = nodes.chain([Node::leaf(0.05, 1.0)]).collect();
    let trees = Trees::new(COUNT as u16, vec![tree])?;
    let threshold = Probability::new(0.2).context("invalid probability")?;
    let risk = RiskBounds::new(0.1, 0.2, 0.4).context("invalid risk bounds")?;
    let model = Model::new(30, b"rows", Scorer::Mean(trees), Calibration::None, DecisionRule { threshold, risk })?;
    let file = model.to_bytes()?;
    let mut card = Card { version: ModelVersion::from_file(&file), ..card };
    card.exclusions.max_daily_user_events = MAX_DAILY_EVENTS;
    stores.models().put_file(&card.version, file).await?;
    let key = format!("models/{}/card.json", card.version);
    ensure!(stores.store.put(&key, card.to_json()?, "application/json", Condition::Absent).await?, "the card exists");
    promote(stores, &card.version).await?.context("the model is already champion")?;
    Ok(card.version)
}
