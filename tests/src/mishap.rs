//! One thing that goes wrong in the course of an invocation, at a call given by its number.

use crate::call::Call;
use crate::fault::Fault;
use crate::transport::{Director, Verdict};
use anyhow::{Context, ensure};
use futures::future::BoxFuture;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mishap {
    /// One call fails; should it be made again, it does not.
    Once(Fault),
    /// One call fails, however often it is made.
    SameCall(Fault),
    /// That call and every later one fail.
    FromThenOn(Fault),
    /// The process is killed: nothing of it runs any more, no destructor either.
    Killed {
        /// Whether the call takes place.
        performed: bool,
    },
}

impl Mishap {
    /// The fault that it is, unless the process is killed.
    pub fn fault(self) -> Option<Fault> {
        match self {
            Self::Once(fault) | Self::SameCall(fault) | Self::FromThenOn(fault) => Some(fault),
            Self::Killed { .. } => None,
        }
    }

    /// Everything that can go wrong at a call.
    pub fn all_at(call: &Call) -> Vec<Self> {
        let faults = Fault::ALL.into_iter().filter(|fault| fault.befalls(call));
        let mut all: Vec<Self> = faults.flat_map(|f| [Self::Once(f), Self::SameCall(f), Self::FromThenOn(f)]).collect();
        all.extend([Self::Killed { performed: false }, Self::Killed { performed: true }]);
        all
    }
}

/// Directs a process to which a mishap comes.
#[derive(Debug)]
pub struct Misdirector {
    mishap: Option<(usize, Mishap)>,
    seen: Mutex<Seen>,
    killed: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    calls: Vec<(Call, Verdict)>,
    hit: Option<Call>,
}

impl Misdirector {
    /// `mishap` comes at call number `at`, from 0.
    pub fn new(at: usize, mishap: Mishap) -> Self {
        Self { mishap: Some((at, mishap)), seen: Mutex::default(), killed: Notify::new() }
    }

    /// Nothing happens; the calls are noted.
    pub fn of_nothing() -> Self {
        Self { mishap: None, seen: Mutex::default(), killed: Notify::new() }
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.seen().calls.iter().map(|(call, _)| call.clone()).collect()
    }

    /// What a trial of a process that it directed came to, where that is wrong, in words.
    pub fn tell(&self, trial: &dyn fmt::Debug, wrong: &anyhow::Error) -> String {
        let call = self.hit().map_or("no call".to_owned(), |call| call.to_string());
        format!("{trial:?}, at {call}: {wrong:#}\n{self}")
    }

    /// The call that the mishap came to.
    pub fn hit(&self) -> Option<Call> {
        self.seen().hit.clone()
    }

    /// Has a process meet with the mishap, and checks that it did, and that an invocation mends what fails once. For
    /// [`repeatably`](crate::delivery::repeatably).
    pub async fn befall<T, E>(&self, process: impl Future<Output = Result<T, E>> + 'static) -> anyhow::Result<()>
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
        ensure!(self.hit().is_some(), "nothing happened");
        match (self.mishap, done) {
            (Some((_, Mishap::Killed { .. })), Some(_)) => anyhow::bail!("it was not killed"),
            (Some((_, Mishap::Once(_))), Some(Err(error))) => Err(error.into()).context("it was not mended"),
            _ => Ok(()),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verdict(&self, seen: &mut Seen, call: &Call) -> Verdict {
        let Some((at, mishap)) = self.mishap else { return Verdict::Pass };
        let first = seen.calls.len() == at;
        if first {
            seen.hit = Some(call.clone());
        }
        let Some(hit) = &seen.hit else { return Verdict::Pass };
        match mishap {
            Mishap::Killed { performed } => Verdict::Killed { performed: performed && first },
            Mishap::Once(fault) if first => Verdict::Fail(fault),
            Mishap::SameCall(fault) if call.is_again(hit) && fault.befalls(call) => Verdict::Fail(fault),
            Mishap::FromThenOn(fault) if fault.befalls(call) => Verdict::Fail(fault),
            _ => Verdict::Pass,
        }
    }
}

/// Makes all `trials`, on as many threads as there are processors, each with what it has prepared for itself.
///
/// # Panics
/// If there is one that fails: with the errors of the first.
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
    assert!(failures.is_empty(), "{failed} of {all} trials went wrong, such as\n{}", some.join("\n"));
}

impl Director for Misdirector {
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

impl fmt::Display for Misdirector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (call, verdict)) in self.seen().calls.iter().enumerate() {
            writeln!(f, "  {n:3} {call}: {verdict:?}")?;
        }
        Ok(())
    }
}
