//! Configuration of a stack: data, ports, names, functions.

use crate::dynamodb::{Index, Table};
use crate::lambda::process::{FunctionConfig, Output};
use crate::schedule::Schedule;
use anyhow::Context;
use churn_common::store::names::StoreNames;
use churn_common::store::risks::{BY_ALERT, BY_LEVEL};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// The functions that the `churn` binary can run.
pub const FUNCTIONS: [&str; 5] = ["predict", "ingest", "retrain", "monitor", "score"];

/// The subcommand under which the `churn` binary runs a function in its own process.
pub const FUNCTION_SUBCOMMAND: &str = "function";

/// The flag with which a function ends when the stack that started it ends.
const EXIT_WITH_STDIN: &str = "--exit-with-stdin";

/// Data folder of a stack.
#[derive(Debug, Clone)]
pub enum DataDir {
    /// A temporary folder, deleted with the stack. DynamoDB is in memory.
    Temporary,
    /// This folder, created if it does not exist. Only one stack at a time can use it.
    Persistent(PathBuf),
}

/// Ports; 0 selects a free port.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    pub http: u16,
    pub s3: u16,
    pub dynamodb: u16,
    /// Runtime API and Invoke API of Lambda, EventBridge and SNS.
    pub lambda: u16,
}

/// Environment variables that give the functions these names. `CHURN_USER_ID_KEY` is not among them: workers inherit it.
pub fn environment(names: &StoreNames) -> Vec<(String, String)> {
    let settings = [
        ("CHURN_LOGS_BUCKET", &names.logs_bucket),
        ("CHURN_STORE_BUCKET", &names.store_bucket),
        ("CHURN_HISTORY_TABLE", &names.history_table),
        ("CHURN_LEDGER_TABLE", &names.ledger_table),
        ("CHURN_RISK_TABLE", &names.risk_table),
        ("CHURN_ERASED_USERS_TABLE", &names.erased_users_table),
    ];
    settings.map(|(name, value)| (name.to_owned(), value.clone())).into()
}

/// Definitions of the four tables.
pub fn tables(names: &StoreNames) -> [Table; 4] {
    let history = Table {
        name: names.history_table.clone(),
        partition_key: "user_id",
        sort_key: Some("day_source"),
        ttl_attribute: Some("expires_at"),
        indexes: &[],
    };
    let keyed_by = |partition_key, name: &String| Table {
        name: name.clone(),
        partition_key,
        sort_key: None,
        ttl_attribute: None,
        indexes: &[],
    };
    let ledger = keyed_by("source", &names.ledger_table);
    let risks = Table {
        ttl_attribute: Some("expires_at"),
        indexes: &[
            Index { name: BY_LEVEL, partition_key: "risk_level", sort_key: "probability" },
            Index { name: BY_ALERT, partition_key: "alert_status", sort_key: "probability" },
        ],
        ..keyed_by("user_id", &names.risk_table)
    };
    let erased_users = keyed_by("user_id", &names.erased_users_table);
    [history, ledger, risks, erased_users]
}

#[derive(Debug, Clone)]
pub struct StackConfig {
    pub data: DataDir,
    pub ports: Ports,
    /// Address on which the HTTP API and S3 listen. DynamoDB and Lambda, which know no credentials, listen on loopback.
    pub address: IpAddr,
    pub names: StoreNames,
    pub functions: Vec<FunctionConfig>,
    /// Name of the function that receives the events of the logs bucket.
    pub ingest: String,
    /// Name of the function behind the HTTP API.
    pub http: String,
    /// Scheduled functions by name.
    pub schedules: Vec<(String, Schedule)>,
    /// Whether the start delivers an event for every object in the logs bucket again: a stack that was killed may not have
    /// delivered all events. For an object that is already ingested, this costs one read of the ledger.
    pub redeliver_on_start: bool,
    /// Pause before each retry of a failed asynchronous invocation. Lambda retries twice, after one and two minutes.
    pub retry_after: Vec<Duration>,
    /// Output of the functions. The default is `functions.log` in the data folder.
    pub output: Option<Output>,
    /// Time that running deliveries and invocations get to end when the stack is stopped.
    pub grace: Duration,
    /// Interval between deletions of expired items.
    pub sweep_every: Duration,
}

impl StackConfig {
    /// All functions, run by the `churn` binary `program`, on free ports and without schedules.
    pub fn new(data: DataDir, program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        let function = |name| {
            let arguments = [FUNCTION_SUBCOMMAND, EXIT_WITH_STDIN, name].map(str_os);
            FunctionConfig::new(name, [&[program.as_os_str()], &arguments[..]].concat())
        };
        let mut functions = FUNCTIONS.map(function);
        for function in &mut functions {
            match function.name.as_str() {
                "ingest" => (function.workers, function.timeout, function.memory_mb) = (2, minutes(15), 1024),
                "retrain" | "monitor" | "score" => (function.timeout, function.memory_mb) = (minutes(15), 2048),
                // Lambda starts as many as there are concurrent requests.
                _ => (function.workers, function.timeout) = (cores(), Duration::from_secs(29)),
            }
        }
        Self {
            data,
            ports: Ports::default(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            names: StoreNames::default(),
            functions: functions.into(),
            ingest: "ingest".to_owned(),
            http: "predict".to_owned(),
            schedules: Vec::new(),
            redeliver_on_start: false,
            retry_after: vec![Duration::from_secs(1), Duration::from_secs(2)],
            output: None,
            grace: Duration::from_secs(5),
            sweep_every: minutes(10),
        }
    }

    /// All functions, run by this program, which must be the `churn` binary.
    ///
    /// # Errors
    /// The system does not know the path of this program.
    pub fn of_this_program(data: DataDir) -> anyhow::Result<Self> {
        Ok(Self::new(data, std::env::current_exe().context("cannot find the path of this program")?))
    }

    pub fn function_mut(&mut self, name: &str) -> Option<&mut FunctionConfig> {
        self.functions.iter_mut().find(|function| function.name == name)
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

fn str_os(text: &str) -> &std::ffi::OsStr {
    text.as_ref()
}
