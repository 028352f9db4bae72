//! A random schedule: deliveries of the events of several objects, late, repeated, in any order, and up to three at
//! once. Their calls are interleaved; some fail, and at some the process is killed. The seed determines everything.

mod gate;
mod logs;

pub use logs::Version;

use crate::delivery::{DeliveryAttempt, TIME_LIMIT_MS};
use crate::fault::Fault;
use crate::in_process::{Contents, InProcessStores};
use crate::transport::Verdict;
use anyhow::ensure;
use churn_common::calendar::Timestamp;
use fastrand::Rng;
use gate::Gate;
use ingest::IngestSettings;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Most concurrent deliveries.
const MAX_CONCURRENT: usize = 3;
/// Times that Lambda delivers an event. Later deliveries are new invocations, as when an operator resends the event.
const LAMBDA_DELIVERIES: u32 = 3;
/// Steps with faults. Later steps have none.
const STEPS_WITH_FAULTS: u32 = 120;
/// Steps after which the schedule has failed to end.
const MAX_STEPS: u32 = 20_000;

/// An event in the queue.
struct Message {
    event: Value,
    /// For the trace.
    name: String,
    /// Deliveries that failed.
    failures: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Acknowledged,
}

struct Process {
    message: usize,
    deadline: Timestamp,
    alive: bool,
}

/// Results of deliveries, by process: the outcomes or the error.
type Results = Arc<Mutex<Vec<(usize, Result<Vec<String>, String>)>>>;

/// A schedule in progress.
pub struct Schedule {
    rng: Rng,
    /// Percentage of calls with a fault.
    fault_rate: u8,
    settings: IngestSettings,
    local: InProcessStores,
    gate: Gate,
    /// Versions of each object that are still to be put, the next one last.
    pending_versions: Vec<Vec<Version>>,
    newest: BTreeMap<usize, Version>,
    messages: Vec<Message>,
    processes: Vec<Process>,
    results: Results,
    trace: Vec<String>,
    /// How often each call, fault and result occurred.
    occurrences: BTreeMap<String, u64>,
}

/// The result of a schedule.
#[derive(Debug)]
pub struct Report {
    /// The newest version of each object.
    pub newest: Vec<Version>,
    /// The contents when every event is acknowledged, and after one more delivery of each.
    pub contents: [Contents; 2],
    /// How often each call, fault and result occurred.
    pub occurrences: BTreeMap<String, u64>,
}

impl Schedule {
    /// The schedule of a seed, starting at `now`.
    pub async fn new(seed: u64, now: Timestamp, settings: &IngestSettings) -> anyhow::Result<Self> {
        let mut rng = Rng::with_seed(seed);
        let objects = [2, 2, 3, 4][rng.usize(..4)];
        let history = |object| {
            let mut history = Version::history(object, &mut rng);
            history.reverse();
            history
        };
        Ok(Self {
            pending_versions: (0..objects).map(history).collect(),
            fault_rate: [0, 5, 20][rng.usize(..3)],
            rng,
            settings: settings.clone(),
            local: InProcessStores::new(now).await?,
            gate: Gate::default(),
            newest: BTreeMap::new(),
            messages: Vec::new(),
            processes: Vec::new(),
            results: Results::default(),
            trace: Vec::new(),
            occurrences: BTreeMap::new(),
        })
    }

    /// One line for each step so far.
    pub fn trace(&self) -> String {
        self.trace.join("\n")
    }

    /// Runs until every event is acknowledged, and once more with one more delivery of each event.
    pub async fn run(&mut self) -> anyhow::Result<Report> {
        let mut steps = 0;
        while self.step(steps < STEPS_WITH_FAULTS).await? {
            steps += 1;
            ensure!(steps < MAX_STEPS, "the schedule does not end");
        }
        let first = self.local.contents().await?;
        self.note("every event is delivered once more".to_owned());
        let mut events = BTreeSet::new();
        self.messages.retain(|message| events.insert(message.event.to_string()));
        for message in &mut self.messages {
            (message.state, message.failures) = (State::Waiting, 0);
            message.name += " again";
        }
        while self.step(false).await? {
            steps += 1;
            ensure!(steps < MAX_STEPS, "the schedule does not end");
        }
        let contents = [first, self.local.contents().await?];
        Ok(Report {
            newest: self.newest.values().copied().collect(),
            contents,
            occurrences: std::mem::take(&mut self.occurrences),
        })
    }

    /// Takes one of the possible steps; `false` if none is possible.
    async fn step(&mut self, with_faults: bool) -> anyhow::Result<bool> {
        self.wait_until_idle().await;
        let running = self.processes.iter().filter(|process| process.alive).count();
        let waiting: Vec<usize> =
            (0..self.messages.len()).filter(|m| self.messages[*m].state == State::Waiting).collect();
        let changes: Vec<usize> =
            (0..self.pending_versions.len()).filter(|o| !self.pending_versions[*o].is_empty()).collect();
        let can_start = running < MAX_CONCURRENT && !waiting.is_empty();
        let calls = self.gate.waiting();

        let steps =
            [if changes.is_empty() { 0 } else { 10 }, if can_start { 30 } else { 0 }, if calls > 0 { 200 } else { 0 }];
        let disturb =
            if with_faults && !self.messages.is_empty() && steps.iter().any(|weight| *weight > 0) { 3 } else { 0 };
        let weights = [steps[0], steps[1], steps[2], disturb, disturb];
        let total: u32 = weights.iter().sum();
        if total == 0 {
            // All running processes pause before a retry.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return Ok(running > 0);
        }
        let mut drawn = self.rng.u32(..total);
        let choice = weights.iter().position(|weight| {
            let here = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            here
        });
        match choice {
            Some(0) => {
                let object = changes[self.rng.usize(..changes.len())];
                self.change(object).await?;
            }
            Some(1) => {
                let message = waiting[self.rng.usize(..waiting.len())];
                self.start(message)?;
            }
            Some(2) => self.resume_call(calls, with_faults),
            Some(3) => self.duplicate(),
            _ => self.advance_randomly(),
        }
        Ok(true)
    }

    /// Runs all tasks until every one waits: only then does the clock advance.
    async fn wait_until_idle(&mut self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let results = std::mem::take(&mut *self.results.lock().unwrap_or_else(PoisonError::into_inner));
        for (process, result) in results {
            if self.processes[process].alive {
                let result = result.map_err(|error| format!("failed: {error}"));
                self.end(process, result);
            }
        }
        while let Some(event) = self.local.queued() {
            let name = format!("message {} (continuation)", self.messages.len());
            self.note(format!("  {name} is queued"));
            self.messages.push(Message { event, name, failures: 0, state: State::Waiting });
        }
    }

    /// Records the end of a process.
    fn end(&mut self, number: usize, result: Result<Vec<String>, String>) {
        let process = &mut self.processes[number];
        process.alive = false;
        self.gate.block(number);
        let message = &mut self.messages[process.message];
        let ended = match result {
            Ok(outcomes) => {
                message.state = State::Acknowledged;
                for outcome in &outcomes {
                    *self.occurrences.entry(outcome.clone()).or_default() += 1;
                }
                outcomes.join(", ")
            }
            Err(error) => {
                message.state = State::Waiting;
                message.failures += 1;
                *self.occurrences.entry(error.split(':').next().unwrap_or_default().to_owned()).or_default() += 1;
                error
            }
        };
        self.note(format!("process {number} ends: {ended}"));
    }

    /// Changes an object, and queues S3's event.
    async fn change(&mut self, object: usize) -> anyhow::Result<()> {
        let Some(version) = self.pending_versions[object].pop() else { return Ok(()) };
        let event = version.apply(&self.local).await?;
        self.newest.insert(object, version);
        let name = format!("message {}", self.messages.len());
        self.note(format!("{version:?}: {name}"));
        self.messages.push(Message { event, name, failures: 0, state: State::Waiting });
        Ok(())
    }

    /// Delivers a message to a new process.
    fn start(&mut self, number: usize) -> anyhow::Result<()> {
        let message = &mut self.messages[number];
        ensure!(message.failures < 100, "{} is never acknowledged", message.name);
        message.state = State::Running;
        // Lambda's retries have the same id. A resent event has a new one.
        let request_id = format!("{}, sent {}", message.name, message.failures / LAMBDA_DELIVERIES);
        let (event, failures) = (message.event.clone(), message.failures);
        if failures > 0 {
            // Lambda waits before it retries.
            self.advance(60_000);
        }
        let is_short_of_time = self.rng.u8(..8) == 0;
        let attempt = DeliveryAttempt { event, request_id, now: self.local.now(), is_short_of_time };
        let process = self.processes.len();
        let limit = if is_short_of_time { 180_000 } else { TIME_LIMIT_MS };
        let deadline = Timestamp::from_millis(attempt.now.millis() + limit);
        self.processes.push(Process { message: number, deadline, alive: true });
        self.note(format!("process {process} starts, short of time: {is_short_of_time}: {:?}", attempt.request_id));

        let (settings, results) = (self.settings.clone(), Arc::clone(&self.results));
        let ingest = self.local.process(self.gate.interceptor(process));
        tokio::task::spawn_local(async move {
            let result = ingest.deliver(attempt, &settings).await;
            let outcomes = result.map(|summary| {
                let response = serde_json::to_value(&summary).unwrap_or_default();
                let objects = response["objects"].as_array().cloned().unwrap_or_default();
                objects.iter().map(|object| object["outcome"].as_str().unwrap_or_default().to_owned()).collect()
            });
            let result = (process, outcomes.map_err(|error| error.to_string()));
            results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        });
        Ok(())
    }

    /// Resumes one of the waiting calls, with or without a fault.
    fn resume_call(&mut self, calls: usize, with_faults: bool) {
        let waiting = self.gate.take(self.rng.usize(..calls));
        let (process, call) = (waiting.process, waiting.call.clone());
        let verdict = if with_faults && self.rng.u8(..100) < self.fault_rate {
            // A waiting call is already slow.
            let faults: Vec<Fault> =
                Fault::ALL.into_iter().filter(|f| *f != Fault::Slow && f.applies_to(&call)).collect();
            match self.rng.usize(..faults.len() + 2) {
                0 => Verdict::Killed { performed: false },
                1 => Verdict::Killed { performed: true },
                n => Verdict::Fail(faults[n - 2]),
            }
        } else {
            Verdict::Pass
        };
        self.note(format!("  {process}: {call}: {verdict:?}"));
        *self.occurrences.entry(call.operation.clone()).or_default() += 1;
        if let Verdict::Fail(fault) = verdict {
            *self.occurrences.entry(format!("{fault:?}")).or_default() += 1;
        }
        waiting.resume(verdict);
        if let Verdict::Killed { .. } = verdict {
            self.end(process, Err("killed".to_owned()));
        }
    }

    /// Queues a copy of a message, with the same request id or with a new one.
    fn duplicate(&mut self) {
        let original = &self.messages[self.rng.usize(..self.messages.len())];
        let name = if self.rng.bool() { original.name.clone() } else { format!("message {}", self.messages.len()) };
        let copy = Message { event: original.event.clone(), name, failures: 0, state: State::Waiting };
        self.note(format!("{} is queued twice, as {}", original.name, copy.name));
        *self.occurrences.entry("duplicate".to_owned()).or_default() += 1;
        self.messages.push(copy);
    }

    /// Advances the clock by a random time, which may be longer than the time limit of processes.
    fn advance_randomly(&mut self) {
        let time = [1_000, 60_000, TIME_LIMIT_MS, 2 * 3_600_000][self.rng.usize(..4)];
        self.advance(time);
    }

    fn advance(&mut self, milliseconds: i64) {
        self.local.advance(milliseconds);
        self.note(format!("{} s pass", milliseconds / 1000));
        for process in 0..self.processes.len() {
            if self.processes[process].alive && self.processes[process].deadline <= self.local.now() {
                self.end(process, Err("out of time".to_owned()));
            }
        }
    }

    fn note(&mut self, step: String) {
        self.trace.push(step);
    }
}
