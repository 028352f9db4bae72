//! A gate at which the calls of all processes wait until the schedule resumes them.

use crate::call::Call;
use crate::transport::{CallInterceptor, Verdict};
use futures::future::{BoxFuture, pending};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Clones share their state.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    /// Processes whose calls wait forever.
    dead: BTreeSet<usize>,
}

#[derive(Debug)]
pub struct Waiting {
    pub process: usize,
    pub call: Call,
    verdict: oneshot::Sender<Verdict>,
}

impl Waiting {
    /// Resumes the call.
    pub fn resume(self, verdict: Verdict) {
        // The caller may have dropped the call, such as after the failure of a concurrent one.
        let _ = self.verdict.send(verdict);
    }
}

impl Gate {
    /// The interceptor of a process: its calls wait at this gate.
    pub fn interceptor(&self, process: usize) -> Arc<dyn CallInterceptor> {
        Arc::new(GateInterceptor { process, gate: self.clone() })
    }

    /// The number of waiting calls, without those that their callers have dropped.
    pub fn waiting(&self) -> usize {
        let mut state = self.state();
        state.waiting.retain(|call| !call.verdict.is_closed());
        state.waiting.len()
    }

    /// Takes the waiting call with index `n`.
    pub fn take(&self, n: usize) -> Waiting {
        self.state().waiting.remove(n)
    }

    /// Makes all calls of a dead process wait forever.
    pub fn block(&self, process: usize) {
        let mut state = self.state();
        state.waiting.retain(|call| call.process != process);
        state.dead.insert(process);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct GateInterceptor {
    process: usize,
    gate: Gate,
}

impl CallInterceptor for GateInterceptor {
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
