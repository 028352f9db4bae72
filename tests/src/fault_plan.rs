//! A fault in the course of an invocation: at which call, and what happens.

use crate::call::Call;
use crate::fault::Fault;
use crate::transport::{CallInterceptor, Verdict};
use anyhow::{Context, ensure};
use futures::future::BoxFuture;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultPlan {
    /// One call fails; its repeat succeeds.
    Once(Fault),
    /// One call fails, and each repeat of it.
    SameCall(Fault),
    /// That call and every later one fail.
    FromHereOn(Fault),
    /// The process is killed: none of its code runs from here on, not even destructors.
    Kill {
        /// Whether the call takes place.
        performed: bool,
    },
}

impl FaultPlan {
    /// The fault of the call, unless the process is killed.
    pub fn fault(self) -> Option<Fault> {
        match self {
            Self::Once(fault) | Self::SameCall(fault) | Self::FromHereOn(fault) => Some(fault),
            Self::Kill { .. } => None,
        }
    }

    /// Everything that can go wrong at a call.
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
    seen: Mutex<Seen>,
    killed: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    calls: Vec<(Call, Verdict)>,
    hit: Option<Call>,
}

impl FaultInjector {
    /// `plan` applies at call number `at`, from 0.
    pub fn new(at: usize, plan: FaultPlan) -> Self {
        Self { plan: Some((at, plan)), seen: Mutex::default(), killed: Notify::new() }
    }

    /// Injects nothing, records the calls.
    pub fn without_faults() -> Self {
        Self { plan: None, seen: Mutex::default(), killed: Notify::new() }
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.seen().calls.iter().map(|(call, _)| call.clone()).collect()
    }

    /// Message for a trial that failed with `wrong`: the trial, the call with the fault, and all calls.
    pub fn describe(&self, trial: &dyn fmt::Debug, wrong: &anyhow::Error) -> String {
        let call = self.hit().map_or("no call".to_owned(), |call| call.to_string());
        format!("{trial:?}, at {call}: {wrong:#}\n{self}")
    }

    /// The call with the fault.
    pub fn hit(&self) -> Option<Call> {
        self.seen().hit.clone()
    }

    /// Runs a process under the plan. Checks that the fault was injected, and that the invocation recovers from a fault that
    /// occurs once. For [`repeatably`](crate::delivery::repeatably).
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
            // A process that is killed is left as it is: its task never goes on, and nothing of it is dropped.
            () = self.killed.notified() => None,
            done = process => Some(done?),
        };
        ensure!(self.hit().is_some(), "no fault was injected");
        match (self.plan, done) {
            (Some((_, FaultPlan::Kill { .. })), Some(_)) => anyhow::bail!("it was not killed"),
            (Some((_, FaultPlan::Once(_))), Some(Err(error))) => {
                Err(error.into()).context("the invocation did not recover")
            }
            _ => Ok(()),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verdict(&self, seen: &mut Seen, call: &Call) -> Verdict {
        let Some((at, plan)) = self.plan else { return Verdict::Pass };
        let first = seen.calls.len() == at;
        if first {
            seen.hit = Some(call.clone());
        }
        let Some(hit) = &seen.hit else { return Verdict::Pass };
        match plan {
            FaultPlan::Kill { performed } => Verdict::Killed { performed: performed && first },
            FaultPlan::Once(fault) if first => Verdict::Fail(fault),
            FaultPlan::SameCall(fault) if call.is_repeat_of(hit) && fault.applies_to(call) => Verdict::Fail(fault),
            FaultPlan::FromHereOn(fault) if fault.applies_to(call) => Verdict::Fail(fault),
            _ => Verdict::Pass,
        }
    }
}

/// Runs all `trials` on as many threads as there are processors. Each thread calls `prepare` once.
///
/// # Panics
/// A trial fails. The message has the errors of the first three.
pub fn try_all<T: Sync, S>(
    trials: &[T],
    prepare: impl Fn() -> S + Sync,
    make: impl Fn(&S, &T) -> Result<(), String> + Sync,
) {
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let prepared = prepare();
        while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
            let made = make(&prepared, trial);
            failures.lock().unwrap_or_else(PoisonError::into_inner).extend(made.err());
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    let some: Vec<&str> = failures.iter().take(3).map(String::as_str).collect();
    let (failed, all) = (failures.len(), trials.len());
    assert!(failures.is_empty(), "{failed} of {all} trials failed, such as\n{}", some.join("\n"));
}

impl CallInterceptor for FaultInjector {
    fn decide<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Verdict> {
        let mut seen = self.seen();
        let verdict = self.verdict(&mut seen, call);
        seen.calls.push((call.clone(), verdict));
        Box::pin(async move { verdict })
    }

    fn killed(&self) {
        self.killed.notify_one();
    }
}

impl fmt::Display for FaultInjector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (call, verdict)) in self.seen().calls.iter().enumerate() {
            writeln!(f, "  {n:3} {call}: {verdict:?}")?;
        }
        Ok(())
    }
}
