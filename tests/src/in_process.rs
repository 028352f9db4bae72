//! Stores within the test process, without sockets, and a comparable form of their contents.

use crate::delivery::Process;
use crate::transport::{CallInterceptor, NoFaults, Servers, Transport};
use anyhow::{Context, ensure};
use aws_config::SdkConfig;
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::config::retry::RetryPartition;
use aws_sdk_s3::primitives::ByteStream;
use churn_common::aws::Lambda;
use churn_common::calendar::Timestamp;
use churn_common::store::Stores;
use churn_common::store::names::StoreNames;
use churn_local::config;
use churn_local::dynamodb::{DynamoDb, create_tables};
use churn_local::eventbridge::EventLog;
use churn_local::json_lines::{self, JsonLines};
use churn_local::s3::S3Server;
use churn_local::sns::Topic;
use churn_local::stack::sdk_config;
use flate2::read::GzDecoder;
use ingest::Function;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use time::{Duration, OffsetDateTime};
use tokio::sync::mpsc;

/// The endpoint that the SDK is configured with. Requests never reach a network.
const ENDPOINT: &str = "http://services.test";
/// Files in the folder of the stores.
const EVENTS: &str = "events.jsonl";
const MESSAGES: &str = "alerts.jsonl";

/// Stores within the test process, with a clock that the test controls.
pub struct InProcessStores {
    servers: Arc<Servers>,
    clock: Arc<AtomicI64>,
    s3: aws_sdk_s3::Client,
    process: Process,
    folder: tempfile::TempDir,
}

/// A folder in memory where the system has one: the tests create and delete hundreds of thousands of files.
fn temporary_folder() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

impl InProcessStores {
    /// Empty stores at the time `now`.
    pub async fn new(now: Timestamp) -> anyhow::Result<Self> {
        let folder = temporary_folder()?;
        let clock = Arc::new(AtomicI64::new(now.millis()));
        let time = {
            let clock = Arc::clone(&clock);
            move || OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(clock.load(Ordering::Relaxed))
        };
        let s3 = S3Server::open_with_clock(folder.path(), mpsc::unbounded_channel().0, None, Arc::new(time))?;
        let lines = |name: &str| JsonLines::open(&folder.path().join(name));
        let (bus, topic) = (EventLog::new(lines(EVENTS)?), Topic::new(lines(MESSAGES)?));
        let dynamodb = DynamoDb::open(None)?;
        let servers = Arc::new(Servers { s3, dynamodb, bus, topic, queue: Mutex::default() });
        let (s3, dynamodb, process) = clients(&servers, Arc::new(NoFaults));
        let names = StoreNames::default();
        for bucket in [&names.logs_bucket, &names.store_bucket] {
            s3.create_bucket().bucket(bucket).send().await?;
        }
        create_tables(&dynamodb, &config::tables(&names)).await?;
        Ok(Self { servers, clock, s3, process, folder })
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.clock.load(Ordering::Relaxed))
    }

    /// Advances the clock.
    pub fn advance(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// A process of `ingest` whose calls all succeed.
    pub fn process_without_faults(&self) -> Process {
        self.process.clone()
    }

    /// A process of `ingest` whose calls pass through `interceptor`.
    pub fn process(&self, interceptor: Arc<dyn CallInterceptor>) -> Process {
        clients(&self.servers, interceptor).2
    }

    /// The configuration of a process whose calls pass through `interceptor`.
    pub fn config(&self, interceptor: Arc<dyn CallInterceptor>) -> SdkConfig {
        config_of(&self.servers, interceptor)
    }

    /// The events on the bus, oldest first.
    pub fn events(&self) -> anyhow::Result<Vec<Value>> {
        json_lines::read(&self.folder.path().join(EVENTS))
    }

    /// The messages to the topic, oldest first.
    pub fn messages(&self) -> anyhow::Result<Vec<Value>> {
        json_lines::read(&self.folder.path().join(MESSAGES))
    }

    /// Takes the oldest event that `ingest` has invoked itself with.
    pub fn queued(&self) -> Option<Value> {
        self.servers.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Puts a log and returns its ETag.
    pub async fn put(&self, key: &str, body: &[u8]) -> anyhow::Result<String> {
        let put = self.s3.put_object().bucket("churn-logs").key(key).body(ByteStream::from(body.to_vec()));
        Ok(put.send().await?.e_tag().context("no etag")?.trim_matches('"').to_owned())
    }

    /// Deletes a log.
    pub async fn remove(&self, key: &str) -> anyhow::Result<()> {
        self.s3.delete_object().bucket("churn-logs").key(key).send().await?;
        Ok(())
    }

    pub async fn contents(&self) -> anyhow::Result<Contents> {
        let mut contents = Contents::default();
        for item in self.scan("UserHistory")? {
            let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
            contents.items.insert(format!("{} {}", text("user_id"), text("day_source")), item.to_string());
        }
        for entry in self.scan("IngestLedger")? {
            let source = entry["source"]["S"].as_str().unwrap_or_default().to_owned();
            let members = ["sequencer", "etag", "state", "counts", "items_written", "days", "read_error"];
            let compared: BTreeMap<&str, &Value> = members.into_iter().map(|name| (name, &entry[name])).collect();
            contents.ledger.insert(source, json!(compared).to_string());
        }
        let store = &self.process.stores.store;
        for (key, _) in store.list("quarantine/").await? {
            let object = store.get(&key).await?.with_context(|| format!("{key} does not exist"))?;
            let mut text = String::new();
            GzDecoder::new(&object.bytes[..]).read_to_string(&mut text)?;
            contents.quarantine.insert(key, text);
        }
        Ok(contents)
    }

    fn scan(&self, table: &str) -> anyhow::Result<Vec<Value>> {
        let mut request = json!({"TableName": table});
        let mut items = Vec::new();
        loop {
            let (status, answer) = self.servers.dynamodb.call("Scan", request.to_string().as_bytes());
            ensure!(status == 200, "{answer}");
            let mut answer: Value = serde_json::from_str(&answer)?;
            items.extend(answer["Items"].as_array().cloned().unwrap_or_default());
            match answer["LastEvaluatedKey"].take() {
                Value::Null => return Ok(items),
                key => request["ExclusiveStartKey"] = key,
            }
        }
    }
}

/// The results of ingestion, as comparable texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The history table, by user, day and source.
    pub items: BTreeMap<String, String>,
    /// The ledger, by object, without the members that depend on the number of attempts.
    pub ledger: BTreeMap<String, String>,
    /// Rejected lines by key.
    pub quarantine: BTreeMap<String, String>,
}

impl Contents {
    pub fn extend(&mut self, other: Self) {
        self.items.extend(other.items);
        self.ledger.extend(other.ledger);
        self.quarantine.extend(other.quarantine);
    }

    /// Descriptions of the differences from the expected contents; empty if there are none.
    pub fn differences(&self, expected: &Self) -> Vec<String> {
        let mut all = Vec::new();
        for (what, found, expected) in [
            ("item", &self.items, &expected.items),
            ("ledger entry", &self.ledger, &expected.ledger),
            ("quarantine", &self.quarantine, &expected.quarantine),
        ] {
            let missing = expected.keys().filter(|key| !found.contains_key(*key));
            all.extend(missing.map(|key| format!("{what} {key} is missing")));
            for (key, value) in found {
                match expected.get(key) {
                    None => all.push(format!("{what} {key} is not expected")),
                    Some(expected) if expected != value => {
                        all.push(format!("{what} {key} is {value}, expected {expected}"));
                    }
                    Some(_) => {}
                }
            }
        }
        all
    }
}

/// Clients that are configured as in production, except for their transport, and a process that uses them. S3 and
/// DynamoDB share a retry quota of the process; the Lambda client has its own.
fn clients(
    servers: &Arc<Servers>,
    interceptor: Arc<dyn CallInterceptor>,
) -> (aws_sdk_s3::Client, aws_sdk_dynamodb::Client, Process) {
    let config = config_of(servers, interceptor);
    let retries = RetryPartition::custom("process").build();
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(true).retry_partition(retries.clone());
    let s3 = aws_sdk_s3::Client::from_conf(s3.build());
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).retry_partition(retries).build();
    let dynamodb = aws_sdk_dynamodb::Client::from_conf(dynamodb);
    let process = Process {
        stores: Stores::over(s3.clone(), dynamodb.clone(), &StoreNames::default()),
        function: Function::new(Lambda::new(&config), "ingest"),
    };
    (s3, dynamodb, process)
}

/// The configuration of clients whose calls pass through `interceptor`.
fn config_of(servers: &Arc<Servers>, interceptor: Arc<dyn CallInterceptor>) -> SdkConfig {
    sdk_config()
        .into_builder()
        .endpoint_url(ENDPOINT)
        .http_client(Transport::new(Arc::clone(servers), interceptor))
        // It measures throughput with the paused clock, which jumps while all tasks wait.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build()
}
