//! Work that no caller waits for: deliveries of S3 events, asynchronous invocations and scheduled runs. The end of the stack
//! waits for it, and names what is not complete.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The work in progress. Clones share it.
#[derive(Clone, Default)]
pub struct Pending {
    work: Arc<Mutex<Work>>,
    tracker: TaskTracker,
}

#[derive(Default)]
struct Work {
    next: u64,
    names: BTreeMap<u64, String>,
}

/// One piece of work, which is complete when this is dropped.
pub struct PendingWork {
    pending: Pending,
    number: u64,
    _token: TaskTrackerToken,
}

impl Pending {
    pub fn begin(&self, name: String) -> PendingWork {
        let mut work = self.work();
        let number = work.next;
        work.next += 1;
        work.names.insert(number, name);
        PendingWork { pending: self.clone(), number, _token: self.tracker.token() }
    }

    /// The names of the work in progress, oldest first.
    pub fn names(&self) -> Vec<String> {
        self.work().names.values().cloned().collect()
    }

    /// Waits until no work is in progress.
    pub async fn wait(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        // Ignores poisoning: every change is a single insert or remove.
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PendingWork {
    fn drop(&mut self) {
        self.pending.work().names.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn work_is_named_until_it_is_complete() {
        let pending = Pending::default();
        let (first, second) = (pending.begin("a".to_owned()), pending.begin("b".to_owned()));
        assert_eq!(pending.names(), ["a", "b"]);
        drop(first);
        assert_eq!(pending.names(), ["b"]);
        assert!(pending.wait().now_or_never().is_none());
        drop(second);
        pending.wait().await;
        assert!(pending.names().is_empty());
    }
}
