//! A gate at which every call of every process waits until it is let through.

use crate::call::Call;
use crate::transport::{CallInterceptor, Verdict};
use futures::future::{BoxFuture, pending};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// A gate. Clones are the same gate.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Processes to which the gate never opens again.
    dead: BTreeSet<usize>,
}

/// A call that waits.
#[derive(Debug)]
pub struct Waiting {
    /// The process that makes it.
    pub process: usize,
    /// The call.
    pub call: Call,
    verdict: oneshot::Sender<Verdict>,
}

impl Waiting {
    /// Lets it go on.
    pub fn go(self, verdict: Verdict) {
        // Whoever made the call may have lost interest in it, as where a call beside it failed.
        let _ = self.verdict.send(verdict);
    }
}

impl Gate {
    /// The way of a process to the gate.
    pub fn of(&self, process: usize) -> Arc<dyn CallInterceptor> {
        Arc::new(Way { process, gate: self.clone() })
    }

    /// How many calls wait, but for those that nobody is interested in any more.
    pub fn waiting(&self) -> usize {
        let mut state = self.state();
        state.waiting.retain(|call| !call.verdict.is_closed());
        state.waiting.len()
    }

    /// Takes the `n`-th call that waits.
    pub fn take(&self, n: usize) -> Waiting {
        self.state().waiting.remove(n)
    }

    /// A process is dead: whatever it calls waits for ever.
    pub fn close_to(&self, process: usize) {
        let mut state = self.state();
        state.waiting.retain(|call| call.process != process);
        state.dead.insert(process);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Way {
    process: usize,
    gate: Gate,
}

impl CallInterceptor for Way {
    fn decide<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Verdict> {
        let (verdict, decided) = oneshot::channel();
        let mut state = self.gate.state();
        if !state.dead.contains(&self.process) {
            state.waiting.push(Waiting { process: self.process, call: call.clone(), verdict });
        }
        Box::pin(async move {
            match decided.await {
                Ok(verdict) => verdict,
                Err(_) => pending().await,
            }
        })
    }
}
