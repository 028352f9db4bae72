//! Injects a fault into one of the calls of an invocation.

use crate::call::Call;
use crate::fault::Fault;
use crate::transport::{CallInterceptor, Verdict};
use anyhow::{Context, ensure};
use futures::future::BoxFuture;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A fault and the calls that it happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultPlan {
    /// One call fails; a retry succeeds.
    Once(Fault),
    /// One call and all its retries fail.
    SameCall(Fault),
    /// The call and every later one fail.
    FromHereOn(Fault),
    /// The process is killed: none of its code runs after the call, not even destructors.
    Kill {
        /// Whether the call is performed.
        performed: bool,
    },
}

impl FaultPlan {
    /// `None` if the process is killed.
    pub fn fault(self) -> Option<Fault> {
        match self {
            Self::Once(fault) | Self::SameCall(fault) | Self::FromHereOn(fault) => Some(fault),
            Self::Kill { .. } => None,
        }
    }

    /// All plans that apply to `call`.
    pub fn all_at(call: &Call) -> Vec<Self> {
        let faults = Fault::ALL.into_iter().filter(|fault| fault.applies_to(call));
        let mut all: Vec<Self> = faults.flat_map(|f| [Self::Once(f), Self::SameCall(f), Self::FromHereOn(f)]).collect();
        all.extend([Self::Kill { performed: false }, Self::Kill { performed: true }]);
        all
    }
}

/// Injects one fault into the calls of a process and records the calls.
#[derive(Debug)]
pub struct FaultInjector {
    plan: Option<(usize, FaultPlan)>,
    record: Mutex<Record>,
    killed: Notify,
}

#[derive(Debug, Default)]
struct Record {
    calls: Vec<(Call, Verdict)>,
    hit: Option<Call>,
}

impl FaultInjector {
    /// Applies `plan` at the call with index `at`, from 0.
    pub fn new(at: usize, plan: FaultPlan) -> Self {
        Self { plan: Some((at, plan)), record: Mutex::default(), killed: Notify::new() }
    }

    /// Only records the calls.
    pub fn without_faults() -> Self {
        Self { plan: None, record: Mutex::default(), killed: Notify::new() }
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.record().calls.iter().map(|(call, _)| call.clone()).collect()
    }

    /// The message of a trial that failed with `error`: the trial, the call with the fault, and all calls.
    pub fn describe(&self, trial: &dyn fmt::Debug, error: &anyhow::Error) -> String {
        let call = self.hit().map_or("no call".to_owned(), |call| call.to_string());
        format!("{trial:?}, at {call}: {error:#}\n{self}")
    }

    /// The call with the fault; `None` if it was not made yet.
    pub fn hit(&self) -> Option<Call> {
        self.record().hit.clone()
    }

    /// Runs a process with the fault. Checks that the fault was injected, and that the invocation recovers from a fault
    /// that occurs once. Call it within [`run_deterministically`](crate::delivery::run_deterministically).
    pub async fn run_with_fault<T, E>(
        &self,
        process: impl Future<Output = Result<T, E>> + 'static,
    ) -> anyhow::Result<()>
    where
        T: 'static,
        E: Into<anyhow::Error> + 'static,
    {
        let process = tokio::task::spawn_local(process);
        let done = tokio::select! {
            // The task of a killed process never runs again, and nothing of it is dropped.
            () = self.killed.notified() => None,
            done = process => Some(done?),
        };
        ensure!(self.hit().is_some(), "no fault was injected");
        match (self.plan, done) {
            (Some((_, FaultPlan::Kill { .. })), Some(_)) => anyhow::bail!("the process was not killed"),
            (Some((_, FaultPlan::Once(_))), Some(Err(error))) => {
                Err(error.into()).context("the invocation did not recover")
            }
            _ => Ok(()),
        }
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verdict(&self, record: &mut Record, call: &Call) -> Verdict {
        let Some((at, plan)) = self.plan else { return Verdict::Pass };
        let first = record.calls.len() == at;
        if first {
            record.hit = Some(call.clone());
        }
        let Some(hit) = &record.hit else { return Verdict::Pass };
        match plan {
            FaultPlan::Kill { performed } => Verdict::Killed { performed: performed && first },
            FaultPlan::Once(fault) if first => Verdict::Fail(fault),
            FaultPlan::SameCall(fault) if call.is_retry_of(hit) && fault.applies_to(call) => Verdict::Fail(fault),
            FaultPlan::FromHereOn(fault) if fault.applies_to(call) => Verdict::Fail(fault),
            _ => Verdict::Pass,
        }
    }
}

/// Runs all `trials`, on one thread per processor. Each thread calls `prepare` once.
///
/// # Panics
/// A trial fails. The message contains the three shortest errors.
pub fn run_trials<T: Sync, S>(
    trials: &[T],
    prepare: impl Fn() -> S + Sync,
    run: impl Fn(&S, &T) -> Result<(), String> + Sync,
) {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let prepared = prepare();
        while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = run(&prepared, trial);
            failures.lock().unwrap_or_else(PoisonError::into_inner).extend(result.err());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort_by_key(String::len);
    let (failed, all) = (failures.len(), trials.len());
    failures.truncate(3);
    assert!(failures.is_empty(), "{failed} of {all} trials failed, such as\n{}", failures.join("\n"));
}

impl CallInterceptor for FaultInjector {
    fn decide<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Verdict> {
        let mut record = self.record();
        let verdict = self.verdict(&mut record, call);
        record.calls.push((call.clone(), verdict));
        Box::pin(async move { verdict })
    }

    fn killed(&self) {
        self.killed.notify_one();
    }
}

impl fmt::Display for FaultInjector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (call, verdict)) in self.record().calls.iter().enumerate() {
            writeln!(f, "  {n:3} {call}: {verdict:?}")?;
        }
        Ok(())
    }
}
