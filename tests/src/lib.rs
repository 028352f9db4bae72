//! Fixtures of the cross-function tests: a stack, the deployed binaries, S3 events, models and simulated logs.

pub mod api_page;
pub mod call;
pub mod delivery;
pub mod fault;
pub mod fault_plan;
pub mod in_process;
pub mod ingest_fixture;
pub mod mlflow;
pub mod monitor_fixture;
pub mod risk_record;
pub mod schedule;
pub mod score_fixture;
pub mod transport;

use anyhow::{Context, ensure};
use aws_sdk_s3::primitives::ByteStream;
use churn_common::calendar::Timestamp;
use churn_common::features::COUNT;
use churn_common::model::trees::{Node, Trees};
use churn_common::model::{Calibration, DecisionRule, Model, ModelVersion, Probability, RiskBounds, Scorer};
use churn_common::pseudonym::UserIdKey;
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_common::store::objects::Condition;
use churn_common::store::registry::{Change, ChangeRequest, Registry};
use churn_local::config::FUNCTIONS;
use churn_local::lambda::process::FunctionConfig;
use churn_local::simulate::{SimulateParams, simulate};
use churn_local::{DataDir, Stack, StackConfig};
use ingest::{Clock, Invocation};
use retrain::{Deadline, UpdateError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A stack without functions, for tests that call handlers directly, and its stores.
pub async fn stores() -> anyhow::Result<(Stack, Stores)> {
    stores_in(DataDir::Temporary).await
}

/// The same with this data folder.
pub async fn stores_in(data: DataDir) -> anyhow::Result<(Stack, Stores)> {
    let mut config = StackConfig::new(data, "unused");
    config.functions.clear();
    start(config, StoreNames::default()).await
}

/// A stack that runs the deployed binaries over the Lambda Runtime API, and its stores.
pub async fn deployed() -> anyhow::Result<(Stack, Stores)> {
    deployed_with(None, |_| {}).await
}

/// The same, with this key for pseudonyms, and with `change` applied to each function.
pub async fn deployed_with(
    user_id_key: Option<&str>,
    change: impl Fn(&mut FunctionConfig),
) -> anyhow::Result<(Stack, Stores)> {
    let mut config = StackConfig::new(DataDir::Temporary, "unused");
    for name in FUNCTIONS {
        let function = config.function_mut(name).with_context(|| format!("no function {name}"))?;
        let deployed = FunctionConfig::new(name, [program(&format!("deployed-{name}"))?]);
        function.command = deployed.command;
        // Overrides the server of a developer's environment.
        function.env.push(("MLFLOW_TRACKING_URI".to_owned(), String::new()));
        function.env.extend(user_id_key.map(|key| ("CHURN_USER_ID_KEY".to_owned(), key.to_owned())));
        change(function);
    }
    let user_id_key = user_id_key.map(UserIdKey::from).unwrap_or_default();
    start(config, StoreNames { user_id_key, ..StoreNames::default() }).await
}

async fn start(config: StackConfig, names: StoreNames) -> anyhow::Result<(Stack, Stores)> {
    let stack = Stack::start(config).await?;
    let stores = Stores::over(stack.s3().clone(), stack.dynamodb().clone(), &names);
    Ok((stack, stores))
}

/// Path of the binary `name` of this package, which Cargo builds before the tests.
///
/// # Errors
/// The binary is missing.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    // Test binaries are in <target>/<profile>/deps.
    let test = std::env::current_exe()?;
    let folder = test.parent().and_then(Path::parent).context("no target folder")?;
    let program = folder.join(name).with_extension(std::env::consts::EXE_EXTENSION);
    ensure!(program.exists(), "{} is missing: run the tests with cargo", program.display());
    Ok(program)
}

/// Version and file of a model that predicts `p` for every user.
pub fn model(p: f32) -> anyhow::Result<(ModelVersion, Vec<u8>)> {
    let trees = Trees::new(COUNT as u16, vec![vec![Node::leaf(p, 1.0)]])?;
    let threshold = Probability::new(0.5).context("invalid probability")?;
    let risk = RiskBounds::new(0.1, 0.2, 0.4).context("invalid risk bounds")?;
    let decision = DecisionRule { threshold, risk };
    let file = Model::new(30, b"rows", Scorer::Mean(trees), Calibration::None, decision)?.to_bytes()?;
    Ok((ModelVersion::from_file(&file), file))
}

/// Stores a model file and makes the model champion.
pub async fn register(stores: &Stores, version: &ModelVersion, file: Vec<u8>) -> anyhow::Result<()> {
    let key = format!("models/{version}/model.bin");
    ensure!(
        stores.store.put(&key, file, "application/octet-stream", Condition::Absent).await?,
        "the model is already stored"
    );
    promote(stores, version).await?.context("the model is already champion")?;
    Ok(())
}

/// Makes a model champion, also if its files are missing. `None` if it is already champion.
pub async fn promote(stores: &Stores, version: &ModelVersion) -> anyhow::Result<Option<Change>> {
    let (at, request_id) = (Timestamp::now(), fastrand::u64(..).to_string());
    let request = ChangeRequest { at, actor: "test".into(), reason: "a test".into(), request_id };
    let change = |registry: &mut Registry| -> Result<Option<Change>, UpdateError> {
        registry.register(version)?;
        Ok(registry.promote(version, request.clone())?)
    };
    Ok(stores.registry().update(change).await?)
}

/// Puts an object and returns S3's event record for it. `version` determines the sequencer.
pub async fn put(stack: &Stack, key: &str, body: Vec<u8>, version: u32) -> anyhow::Result<Value> {
    let put = stack.s3().put_object().bucket("churn-logs").key(key).body(ByteStream::from(body)).send().await?;
    let etag = put.e_tag().context("no ETag")?.trim_matches('"').to_owned();
    Ok(record("churn-logs", key, &etag, version))
}

/// An invocation of `ingest` with the request id `id` and a clock that is stopped at `now`.
pub fn invocation(id: &str, now: Timestamp) -> Invocation {
    let deadline = Timestamp::from_millis(now.millis() + 900_000);
    Invocation { id: id.to_owned(), deadline, clock: Clock::Fixed(now), function: None }
}

/// An invocation of `retrain` with a new request id.
pub fn training(deadline: Deadline) -> retrain::Invocation {
    retrain::Invocation { id: fastrand::u64(..).to_string(), now: Timestamp::now(), deadline }
}

/// S3's event record of a created object.
pub fn record(bucket: &str, key: &str, etag: &str, version: u32) -> Value {
    // The part of S3's key encoding that the tests need.
    let encoded: String = key.bytes().map(encode).collect();
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
        "eventTime": "2018-12-03T00:00:00.000Z", "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "test"}, "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "test",
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": "test"}, "arn": format!("arn:aws:s3:::{bucket}")},
            "object": {"key": encoded, "size": 1, "eTag": etag, "sequencer": format!("00{version:014X}")}
        }
    })
}

/// S3's event record of a removed object.
pub fn removal(bucket: &str, key: &str, version: u32) -> Value {
    let mut record = record(bucket, key, "", version);
    record["eventName"] = json!("ObjectRemoved:Delete");
    if let Some(object) = record["s3"]["object"].as_object_mut() {
        object.remove("eTag");
        object.remove("size");
    }
    record
}

fn encode(byte: u8) -> String {
    match byte {
        b' ' => "+".into(),
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => char::from(byte).into(),
        _ => format!("%{byte:02X}"),
    }
}

/// A simulated log. Many tests use the same log, so each is simulated once per process.
pub fn simulated(users: u32, days: u32, seed: u64) -> anyhow::Result<Vec<u8>> {
    static LOGS: Mutex<BTreeMap<(u32, u32, u64), Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut logs = LOGS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(log) = logs.get(&(users, days, seed)) {
        return Ok(log.clone());
    }
    let mut params = SimulateParams::new(users, days, seed);
    params.events_per_user_day = 2.0;
    let mut log = Vec::new();
    simulate(&params.check()?, &mut log, |_| {})?;
    logs.insert((users, days, seed), log.clone());
    Ok(log)
}
