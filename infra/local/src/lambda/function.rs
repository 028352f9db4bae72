//! One function: a bounded queue of invocations, the workers that take from it, and the running invocations.

use super::error::FunctionError;
use super::{InvokeError, MAX_PAYLOAD};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Invocations waiting at most; callers beyond that wait for room.
const QUEUE: usize = 1000;

type Outcome = Result<Vec<u8>, InvokeError>;

/// A function and its invocations.
pub struct Function {
    name: String,
    timeout: Duration,
    queue: mpsc::Sender<Waiting>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Waiting>>,
    running: Mutex<HashMap<String, Running>>,
    workers: Mutex<HashMap<String, Worker>>,
    /// Set once no worker can be started: the reason.
    broken: watch::Sender<Option<String>>,
}

struct Waiting {
    id: String,
    payload: Vec<u8>,
    reply: oneshot::Sender<Outcome>,
}

struct Running {
    worker: String,
    reply: oneshot::Sender<Outcome>,
}

/// The state of a worker process.
#[derive(Default, Clone)]
pub struct Worker {
    /// Notified to end the process: its invocation exceeded the timeout.
    pub kill: Arc<Notify>,
    /// The process has ended.
    gone: CancellationToken,
    /// It has polled, so its init succeeded.
    pub ready: bool,
    /// The error its init reported.
    pub init_error: Option<String>,
}

/// An invocation as a worker gets it.
pub struct Invocation {
    /// Request id, which tries of one event share.
    pub id: String,
    /// JSON.
    pub payload: Vec<u8>,
    /// When it must be answered, milliseconds since the epoch.
    pub deadline_ms: u128,
}

impl Function {
    /// A function without workers.
    pub fn new(name: String, timeout: Duration) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        Self {
            name,
            timeout,
            queue,
            waiting: tokio::sync::Mutex::new(waiting),
            running: Mutex::default(),
            workers: Mutex::default(),
            broken: watch::Sender::new(None),
        }
    }

    /// The function's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Queues an invocation of this request id and waits for its outcome.
    pub async fn invoke(&self, id: String, payload: Vec<u8>) -> Outcome {
        self.check_size("request", &payload)?;
        let (reply, outcome) = oneshot::channel();
        let stopped = || InvokeError::Stopped { function: self.name.clone() };
        let answered = async {
            self.queue.send(Waiting { id, payload, reply }).await.map_err(|_| stopped())?;
            outcome.await.map_err(|_| stopped())?
        };
        let mut broken = self.broken.subscribe();
        tokio::select! {
            biased;
            outcome = answered => outcome,
            Ok(reason) = broken.wait_for(Option::is_some) => Err(self.exited(reason.clone().unwrap_or_default())),
        }
    }

    /// The next invocation for `worker`, once there is one; `None` if that process has ended. `worker` is empty for one
    /// that isn't ours. Dropping the future loses nothing.
    pub async fn next(self: &Arc<Self>, worker: &str) -> Option<Invocation> {
        let gone = match worker {
            "" => CancellationToken::new(),
            _ => lock(&self.workers).get(worker)?.gone.clone(),
        };
        let Waiting { id, payload, reply } = tokio::select! {
            biased;
            () = gone.cancelled() => return None,
            waiting = self.take() => waiting?,
        };
        lock(&self.running).insert(id.clone(), Running { worker: worker.to_owned(), reply });
        if gone.is_cancelled() {
            // The worker ended in between: nothing else would fail this invocation before its deadline.
            self.finish(&id, Err(self.exited("it ended as it took the invocation".to_owned())));
            return None;
        }
        let deadline = SystemTime::now() + self.timeout;
        let deadline_ms = deadline.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_millis());
        let (function, overdue) = (Arc::clone(self), id.clone());
        tokio::spawn(async move {
            tokio::time::sleep(function.timeout).await;
            function.time_out(&overdue);
        });
        Some(Invocation { id, payload, deadline_ms })
    }

    /// Takes the next invocation whose caller still waits.
    async fn take(&self) -> Option<Waiting> {
        let mut queue = self.waiting.lock().await;
        loop {
            let waiting = queue.recv().await?;
            if !waiting.reply.is_closed() {
                return Some(waiting);
            }
        }
    }

    /// A worker answered. False if no caller waits for the invocation.
    pub fn respond(&self, id: &str, response: Vec<u8>) -> bool {
        let outcome = self.check_size("response", &response).map(|()| response);
        self.finish(id, outcome)
    }

    /// A worker answered with an error. False if no caller waits for the invocation.
    pub fn fail(&self, id: &str, error: FunctionError) -> bool {
        self.finish(id, Err(InvokeError::Function { function: self.name.clone(), error }))
    }

    /// A worker process started.
    pub fn worker_started(&self, worker: &str) -> Arc<Notify> {
        let kill = Arc::new(Notify::new());
        lock(&self.workers).insert(worker.to_owned(), Worker { kill: Arc::clone(&kill), ..Worker::default() });
        kill
    }

    /// Updates the state of a worker, if it is one of ours.
    pub fn update_worker(&self, worker: &str, update: impl FnOnce(&mut Worker)) {
        if let Some(worker) = lock(&self.workers).get_mut(worker) {
            update(worker);
        }
    }

    /// A worker process ended: its invocations have failed. Returns the state of the worker.
    pub fn worker_exited(&self, worker: &str, reason: &str) -> Worker {
        let known = lock(&self.workers).remove(worker).unwrap_or_default();
        known.gone.cancel();
        let mut running = lock(&self.running);
        let ids: Vec<String> =
            running.iter().filter(|(_, running)| running.worker == worker).map(|(id, _)| id.clone()).collect();
        let lost: Vec<Running> = ids.iter().filter_map(|id| running.remove(id)).collect();
        drop(running);
        for Running { reply, .. } in lost {
            // A caller that has gone doesn't care.
            let _ = reply.send(Err(self.exited(reason.to_owned())));
        }
        known
    }

    /// No worker can be started: all waiting and later invocations fail.
    pub fn break_down(&self, reason: String) {
        self.broken.send_replace(Some(reason));
    }

    fn time_out(&self, id: &str) {
        let Some(Running { worker, reply }) = lock(&self.running).remove(id) else { return };
        // As Lambda does, the worker goes too: it may be stuck for good.
        self.update_worker(&worker, |worker| worker.kill.notify_one());
        let _ = reply.send(Err(InvokeError::Timeout { function: self.name.clone(), seconds: self.timeout.as_secs() }));
    }

    fn finish(&self, id: &str, outcome: Outcome) -> bool {
        let running = lock(&self.running).remove(id);
        running.is_some_and(|running| running.reply.send(outcome).is_ok())
    }

    fn check_size(&self, what: &'static str, payload: &[u8]) -> Result<(), InvokeError> {
        match payload.len() {
            ..=MAX_PAYLOAD => Ok(()),
            size => Err(InvokeError::TooLarge { function: self.name.clone(), what, size }),
        }
    }

    fn exited(&self, reason: String) -> InvokeError {
        InvokeError::WorkerExited { function: self.name.clone(), reason }
    }
}

/// The maps behind these locks change by single inserts and removes only: a panic can't leave them half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(timeout: Duration) -> Arc<Function> {
        Arc::new(Function::new("f".to_owned(), timeout))
    }

    fn call(function: &Arc<Function>) -> tokio::task::JoinHandle<Outcome> {
        let function = Arc::clone(function);
        tokio::spawn(async move { function.invoke(uuid::Uuid::new_v4().to_string(), b"1".to_vec()).await })
    }

    #[tokio::test]
    async fn answers_reach_their_callers() {
        let function = function(Duration::from_secs(60));
        let (first, second) = (call(&function), call(&function));
        function.worker_started("a");
        function.worker_started("b");
        let (one, two) = (function.next("a").await.unwrap(), function.next("b").await.unwrap());
        assert!(function.respond(&two.id, b"two".to_vec()));
        let error = FunctionError { error_type: "E".to_owned(), error_message: "m".to_owned() };
        assert!(function.fail(&one.id, error));
        assert!(!function.respond(&one.id, Vec::new()), "an invocation is answered once");
        assert_eq!(first.await.unwrap().unwrap_err().to_string(), "f failed: E: m");
        assert_eq!(second.await.unwrap().unwrap(), b"two");
    }

    #[tokio::test]
    async fn a_dead_worker_fails_only_its_invocation() {
        let function = function(Duration::from_secs(60));
        function.worker_started("a");
        function.worker_started("b");
        let (lost, kept) = (call(&function), call(&function));
        function.next("a").await.unwrap();
        let other = function.next("b").await.unwrap();
        function.worker_exited("a", "signal 9");
        assert_eq!(lost.await.unwrap().unwrap_err().to_string(), "a worker of f exited: signal 9");
        assert!(function.next("a").await.is_none(), "a dead worker takes no invocation");
        assert!(function.respond(&other.id, b"2".to_vec()));
        assert_eq!(kept.await.unwrap().unwrap(), b"2");
    }

    #[tokio::test(start_paused = true)]
    async fn an_overdue_invocation_fails_and_its_worker_goes() {
        let function = function(Duration::from_secs(3));
        let kill = function.worker_started("a");
        let caller = call(&function);
        let invocation = function.next("a").await.unwrap();
        assert_eq!(caller.await.unwrap().unwrap_err().to_string(), "f timed out after 3 s");
        kill.notified().await;
        assert!(!function.respond(&invocation.id, Vec::new()));
    }

    #[tokio::test]
    async fn a_broken_function_fails_at_once() {
        let function = function(Duration::from_secs(60));
        let waiting = call(&function);
        function.break_down("exit status: 1, 3 times".to_owned());
        for outcome in [waiting.await.unwrap(), function.invoke("id".into(), Vec::new()).await] {
            assert_eq!(outcome.unwrap_err().to_string(), "a worker of f exited: exit status: 1, 3 times");
        }
    }

    #[tokio::test]
    async fn payloads_are_limited_both_ways() {
        let function = function(Duration::from_secs(60));
        let error = function.invoke("id".into(), vec![0; MAX_PAYLOAD + 1]).await.unwrap_err();
        assert!(matches!(error, InvokeError::TooLarge { what: "request", .. }));
        let caller = call(&function);
        let invocation = function.next("").await.unwrap();
        assert!(function.respond(&invocation.id, vec![0; MAX_PAYLOAD + 1]));
        assert!(matches!(caller.await.unwrap().unwrap_err(), InvokeError::TooLarge { what: "response", .. }));
    }
}
