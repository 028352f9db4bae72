//! One function: a bounded queue of invocations, its workers, and the running invocations.

use super::error::FunctionError;
use super::{InvokeError, MAX_PAYLOAD};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Capacity of the queue. Further callers wait.
const QUEUE: usize = 1000;

type Outcome = Result<Vec<u8>, InvokeError>;

pub struct Function {
    name: String,
    timeout: Duration,
    queue: mpsc::Sender<Waiting>,
    waiting: tokio::sync::Mutex<mpsc::Receiver<Waiting>>,
    running: Mutex<HashMap<String, Running>>,
    workers: Mutex<HashMap<String, Worker>>,
    /// Set to the reason when no worker can be started.
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
    /// Notified to kill the process after an invocation timed out.
    pub kill: Arc<Notify>,
    /// Cancelled when the process has exited.
    exited: CancellationToken,
    /// Init has succeeded: the process has polled for an invocation.
    pub ready: bool,
    /// Error that init reported.
    pub init_error: Option<String>,
}

/// An invocation as the Runtime API sends it.
pub struct Invocation {
    /// Request id. Retries of one event have the same id.
    pub id: String,
    pub payload: Vec<u8>,
    /// Milliseconds since 1970.
    pub deadline_ms: u128,
}

impl Function {
    /// Creates a function without workers.
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

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Queues an invocation with this request id and waits for its result.
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

    /// Waits for the next invocation for `worker`. Returns `None` if that process has exited. `worker` is empty for a process
    /// that the stack did not start. Dropping the future loses no invocation.
    pub async fn next(self: &Arc<Self>, worker: &str) -> Option<Invocation> {
        let exited = match worker {
            "" => CancellationToken::new(),
            _ => lock(&self.workers).get(worker)?.exited.clone(),
        };
        let Waiting { id, payload, reply } = tokio::select! {
            biased;
            () = exited.cancelled() => return None,
            waiting = self.take() => waiting?,
        };
        lock(&self.running).insert(id.clone(), Running { worker: worker.to_owned(), reply });
        if exited.is_cancelled() {
            // The worker exited since then. Without this the invocation would only fail at its deadline.
            self.finish(&id, Err(self.exited("process ended before the invocation started".to_owned())));
            return None;
        }
        let deadline = SystemTime::now() + self.timeout;
        let deadline_ms = deadline.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_millis());
        let (function, overdue_id) = (Arc::clone(self), id.clone());
        tokio::spawn(async move {
            tokio::time::sleep(function.timeout).await;
            function.time_out(&overdue_id);
        });
        Some(Invocation { id, payload, deadline_ms })
    }

    /// Takes the next invocation whose caller is still waiting.
    async fn take(&self) -> Option<Waiting> {
        let mut queue = self.waiting.lock().await;
        loop {
            let waiting = queue.recv().await?;
            if !waiting.reply.is_closed() {
                return Some(waiting);
            }
        }
    }

    /// Records a worker's response. False if no caller waits for the invocation.
    pub fn respond(&self, id: &str, response: Vec<u8>) -> bool {
        let outcome = self.check_size("response", &response).map(|()| response);
        self.finish(id, outcome)
    }

    /// Records a worker's error. False if no caller waits for the invocation.
    pub fn fail(&self, id: &str, error: FunctionError) -> bool {
        self.finish(id, Err(InvokeError::Function { function: self.name.clone(), error }))
    }

    /// Registers a worker process. Returns the signal to kill it.
    pub fn worker_started(&self, worker: &str) -> Arc<Notify> {
        let kill = Arc::new(Notify::new());
        lock(&self.workers).insert(worker.to_owned(), Worker { kill: Arc::clone(&kill), ..Worker::default() });
        kill
    }

    /// Updates the state of a worker that the stack started.
    pub fn update_worker(&self, worker: &str, update: impl FnOnce(&mut Worker)) {
        if let Some(worker) = lock(&self.workers).get_mut(worker) {
            update(worker);
        }
    }

    /// Removes a worker process that exited, fails its invocations, and returns its last state.
    pub fn worker_exited(&self, worker: &str, reason: &str) -> Worker {
        let known = lock(&self.workers).remove(worker).unwrap_or_default();
        known.exited.cancel();
        let mut running = lock(&self.running);
        let ids: Vec<String> =
            running.iter().filter(|(_, running)| running.worker == worker).map(|(id, _)| id.clone()).collect();
        let lost: Vec<Running> = ids.iter().filter_map(|id| running.remove(id)).collect();
        drop(running);
        for Running { reply, .. } in lost {
            // Fails only if the caller no longer waits.
            let _ = reply.send(Err(self.exited(reason.to_owned())));
        }
        known
    }

    /// Fails all waiting and later invocations, because no worker can be started.
    pub fn break_down(&self, reason: String) {
        self.broken.send_replace(Some(reason));
    }

    fn time_out(&self, id: &str) {
        let Some(Running { worker, reply }) = lock(&self.running).remove(id) else { return };
        // The worker may be stuck: as in Lambda, it is killed.
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

/// Ignores poisoning: the maps change only by single inserts and removes, so a panic cannot leave them inconsistent.
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
    async fn responses_reach_their_callers() {
        let function = function(Duration::from_secs(60));
        let (first, second) = (call(&function), call(&function));
        function.worker_started("a");
        function.worker_started("b");
        let (one, two) = (function.next("a").await.unwrap(), function.next("b").await.unwrap());
        assert!(function.respond(&two.id, b"two".to_vec()));
        let error = FunctionError { error_type: "E".to_owned(), error_message: "m".to_owned() };
        assert!(function.fail(&one.id, error));
        assert!(!function.respond(&one.id, Vec::new()), "an invocation has one response");
        assert_eq!(first.await.unwrap().unwrap_err().to_string(), "f failed: E: m");
        assert_eq!(second.await.unwrap().unwrap(), b"two");
    }

    #[tokio::test]
    async fn exited_worker_fails_only_its_invocation() {
        let function = function(Duration::from_secs(60));
        function.worker_started("a");
        function.worker_started("b");
        let (lost, kept) = (call(&function), call(&function));
        function.next("a").await.unwrap();
        let other = function.next("b").await.unwrap();
        function.worker_exited("a", "signal 9");
        assert_eq!(lost.await.unwrap().unwrap_err().to_string(), "worker of f exited: signal 9");
        assert!(function.next("a").await.is_none(), "an exited worker takes no invocation");
        assert!(function.respond(&other.id, b"2".to_vec()));
        assert_eq!(kept.await.unwrap().unwrap(), b"2");
    }

    #[tokio::test(start_paused = true)]
    async fn overdue_invocation_fails_and_its_worker_is_killed() {
        let function = function(Duration::from_secs(3));
        let kill = function.worker_started("a");
        let caller = call(&function);
        let invocation = function.next("a").await.unwrap();
        assert_eq!(caller.await.unwrap().unwrap_err().to_string(), "f timed out after 3 s");
        kill.notified().await;
        assert!(!function.respond(&invocation.id, Vec::new()));
    }

    #[tokio::test]
    async fn broken_function_fails_at_once() {
        let function = function(Duration::from_secs(60));
        let waiting = call(&function);
        function.break_down("exit status: 1, 3 times".to_owned());
        for outcome in [waiting.await.unwrap(), function.invoke("id".into(), Vec::new()).await] {
            assert_eq!(outcome.unwrap_err().to_string(), "worker of f exited: exit status: 1, 3 times");
        }
    }

    #[tokio::test]
    async fn requests_and_responses_have_a_size_limit() {
        let function = function(Duration::from_secs(60));
        let error = function.invoke("id".into(), vec![0; MAX_PAYLOAD + 1]).await.unwrap_err();
        assert!(matches!(error, InvokeError::TooLarge { what: "request", .. }));
        let caller = call(&function);
        let invocation = function.next("").await.unwrap();
        assert!(function.respond(&invocation.id, vec![0; MAX_PAYLOAD + 1]));
        assert!(matches!(caller.await.unwrap().unwrap_err(), InvokeError::TooLarge { what: "response", .. }));
    }
}
