//! One thing that goes wrong in the course of a delivery, at a call given by its number.

use crate::call::Call;
use crate::fault::Fault;
use crate::transport::{Director, Verdict};
use futures::future::BoxFuture;
use std::fmt;
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

    /// The call that the mishap came to.
    pub fn hit(&self) -> Option<Call> {
        self.seen().hit.clone()
    }

    /// Waits until the process is killed.
    pub async fn is_killed(&self) {
        self.killed.notified().await;
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
