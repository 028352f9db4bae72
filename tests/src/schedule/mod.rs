//! A schedule: deliveries of several objects' events, late, twice, in any order and up to three at once, whose calls take
//! turns, fail, or are the last before the process is killed. Everything follows from the seed.

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

/// Deliveries at once.
const MOST_AT_ONCE: usize = 3;
/// Times that Lambda delivers an event before it gives up; whoever looks after it then sends the event again.
const TRIES: u32 = 3;
/// Turns in which anything may go wrong.
const ROUGH_TURNS: u32 = 120;
/// Turns after which it should long be over.
const MOST_TURNS: u32 = 20_000;

/// An event in the queue.
struct Message {
    event: Value,
    /// What it is, for the trace.
    name: String,
    tries: u32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Acknowledged,
}

/// A process that was started.
struct Process {
    message: usize,
    deadline: Timestamp,
    alive: bool,
}

/// What deliveries ended with, by process.
type Results = Arc<Mutex<Vec<(usize, Result<Vec<String>, String>)>>>;

/// A schedule under way.
pub struct Schedule {
    rng: Rng,
    /// Share of calls that something happens to, in percent.
    fault_rate: u8,
    settings: IngestSettings,
    local: InProcessStores,
    gate: Gate,
    /// What becomes of each object, the next version last.
    to_come: Vec<Vec<Version>>,
    newest: BTreeMap<usize, Version>,
    messages: Vec<Message>,
    processes: Vec<Process>,
    results: Results,
    trace: Vec<String>,
    seen: BTreeMap<String, u64>,
}

/// What a schedule comes to.
#[derive(Debug)]
pub struct Report {
    /// The newest version of each object.
    pub newest: Vec<Version>,
    /// What is stored when every event is acknowledged, and after each was delivered once more.
    pub contents: [Contents; 2],
    /// How often things happened.
    pub seen: BTreeMap<String, u64>,
}

impl Schedule {
    /// The schedule of a seed, which begins at `now`.
    pub async fn new(seed: u64, now: Timestamp, settings: &IngestSettings) -> anyhow::Result<Self> {
        let mut rng = Rng::with_seed(seed);
        let objects = [2, 2, 3, 4][rng.usize(..4)];
        let history = |object| {
            let mut history = Version::history(object, &mut rng);
            history.reverse();
            history
        };
        Ok(Self {
            to_come: (0..objects).map(history).collect(),
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
            seen: BTreeMap::new(),
        })
    }

    /// The steps so far.
    pub fn trace(&self) -> String {
        self.trace.join("\n")
    }

    /// Runs to the end.
    pub async fn run(&mut self) -> anyhow::Result<Report> {
        let mut turns = 0;
        while self.turn(turns < ROUGH_TURNS).await? {
            turns += 1;
            ensure!(turns < MOST_TURNS, "it does not end");
        }
        let once = self.local.contents().await?;
        self.note("every event once more".to_owned());
        let mut events = BTreeSet::new();
        self.messages.retain(|message| events.insert(message.event.to_string()));
        for message in &mut self.messages {
            (message.state, message.tries) = (State::Waiting, 0);
            message.name += " again";
        }
        while self.turn(false).await? {
            turns += 1;
            ensure!(turns < MOST_TURNS, "it does not end");
        }
        let contents = [once, self.local.contents().await?];
        Ok(Report { newest: self.newest.values().copied().collect(), contents, seen: std::mem::take(&mut self.seen) })
    }

    /// One step of one of those who could take one; `false` if nobody can.
    async fn turn(&mut self, rough: bool) -> anyhow::Result<bool> {
        self.settle().await;
        let running = self.processes.iter().filter(|process| process.alive).count();
        let waiting: Vec<usize> =
            (0..self.messages.len()).filter(|m| self.messages[*m].state == State::Waiting).collect();
        let changes: Vec<usize> = (0..self.to_come.len()).filter(|o| !self.to_come[*o].is_empty()).collect();
        let can_start = running < MOST_AT_ONCE && !waiting.is_empty();
        let calls = self.gate.waiting();

        let steps =
            [if changes.is_empty() { 0 } else { 10 }, if can_start { 30 } else { 0 }, if calls > 0 { 200 } else { 0 }];
        let disturb = if rough && !self.messages.is_empty() && steps.iter().any(|weight| *weight > 0) { 3 } else { 0 };
        let weights = [steps[0], steps[1], steps[2], disturb, disturb];
        let total: u32 = weights.iter().sum();
        if total == 0 {
            // Whoever runs pauses before another try.
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
            Some(2) => self.let_go(calls, rough),
            Some(3) => self.duplicate(),
            _ => self.let_time_pass(),
        }
        Ok(true)
    }

    /// Lets everybody go on until all wait for something: the clock moves only then.
    async fn settle(&mut self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let results = std::mem::take(&mut *self.results.lock().unwrap_or_else(PoisonError::into_inner));
        for (process, result) in results {
            if self.processes[process].alive {
                let result = result.map_err(|error| format!("failed: {error}"));
                self.end(process, result);
            }
        }
        while let Some(event) = self.local.queued() {
            let name = format!("message {} (handed on)", self.messages.len());
            self.note(format!("  {name} is queued"));
            self.messages.push(Message { event, name, tries: 0, state: State::Waiting });
        }
    }

    /// A process has ended: with outcomes, or without.
    fn end(&mut self, number: usize, result: Result<Vec<String>, String>) {
        let process = &mut self.processes[number];
        process.alive = false;
        self.gate.close_to(number);
        let message = &mut self.messages[process.message];
        let ended = match result {
            Ok(outcomes) => {
                message.state = State::Acknowledged;
                for outcome in &outcomes {
                    *self.seen.entry(outcome.clone()).or_default() += 1;
                }
                outcomes.join(", ")
            }
            Err(why) => {
                message.state = State::Waiting;
                message.tries += 1;
                *self.seen.entry(why.split(':').next().unwrap_or_default().to_owned()).or_default() += 1;
                why
            }
        };
        self.note(format!("process {number} ends: {ended}"));
    }

    /// An object changes, and S3 queues an event of it.
    async fn change(&mut self, object: usize) -> anyhow::Result<()> {
        let Some(version) = self.to_come[object].pop() else { return Ok(()) };
        let event = version.apply(&self.local).await?;
        self.newest.insert(object, version);
        let name = format!("message {}", self.messages.len());
        self.note(format!("{version:?}: {name}"));
        self.messages.push(Message { event, name, tries: 0, state: State::Waiting });
        Ok(())
    }

    /// A message is delivered.
    fn start(&mut self, number: usize) -> anyhow::Result<()> {
        let message = &mut self.messages[number];
        ensure!(message.tries < 100, "{} is never acknowledged", message.name);
        message.state = State::Running;
        // Lambda's retries have the same id. Whoever sends the event again makes a new one.
        let request = format!("{}, sent {}", message.name, message.tries / TRIES);
        let (event, tries) = (message.event.clone(), message.tries);
        if tries > 0 {
            // Lambda waits before it tries again.
            self.pass(60_000);
        }
        let is_short = self.rng.u8(..8) == 0;
        let once = DeliveryAttempt { event, request, now: self.local.now(), is_short };
        let process = self.processes.len();
        let limit = if is_short { 180_000 } else { TIME_LIMIT_MS };
        let deadline = Timestamp::from_millis(once.now.millis() + limit);
        self.processes.push(Process { message: number, deadline, alive: true });
        self.note(format!("process {process} starts, short of time: {is_short}: {:?}", once.request));

        let (settings, results) = (self.settings.clone(), Arc::clone(&self.results));
        let of_ingest = self.local.process(self.gate.of(process));
        tokio::task::spawn_local(async move {
            let result = of_ingest.deliver(once, &settings).await;
            let outcomes = result.map(|summary| {
                let told = serde_json::to_value(&summary).unwrap_or_default();
                let objects = told["objects"].as_array().cloned().unwrap_or_default();
                objects.iter().map(|object| object["outcome"].as_str().unwrap_or_default().to_owned()).collect()
            });
            let result = (process, outcomes.map_err(|error| error.to_string()));
            results.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        });
        Ok(())
    }

    /// One of the calls that wait goes on, or goes wrong.
    fn let_go(&mut self, calls: usize, rough: bool) {
        let waiting = self.gate.take(self.rng.usize(..calls));
        let (process, call) = (waiting.process, waiting.call.clone());
        let verdict = if rough && self.rng.u8(..100) < self.fault_rate {
            // A slow call is one that is not let go yet.
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
        *self.seen.entry(call.operation.clone()).or_default() += 1;
        if let Verdict::Fail(fault) = verdict {
            *self.seen.entry(format!("{fault:?}")).or_default() += 1;
        }
        waiting.go(verdict);
        if let Verdict::Killed { .. } = verdict {
            self.end(process, Err("killed".to_owned()));
        }
    }

    /// The queue delivers a message twice: as the same invocation, or as one of its own.
    fn duplicate(&mut self) {
        let of = &self.messages[self.rng.usize(..self.messages.len())];
        let name = if self.rng.bool() { of.name.clone() } else { format!("message {}", self.messages.len()) };
        let copy = Message { event: of.event.clone(), name, tries: 0, state: State::Waiting };
        self.note(format!("{} is queued twice, as {}", of.name, copy.name));
        *self.seen.entry("duplicate".to_owned()).or_default() += 1;
        self.messages.push(copy);
    }

    /// Time passes, for some longer than they have.
    fn let_time_pass(&mut self) {
        let time = [1_000, 60_000, TIME_LIMIT_MS, 2 * 3_600_000][self.rng.usize(..4)];
        self.pass(time);
    }

    fn pass(&mut self, milliseconds: i64) {
        self.local.pass(milliseconds);
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
