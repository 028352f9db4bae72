//! AWS Lambda: a Runtime API that worker processes poll, an Invoke API for clients, and [`Lambda::invoke`] for callers in this
//! process.

mod api;
mod error;
mod function;
mod pending;
pub mod process;
mod runtime;

pub use error::InvokeError;
pub use pending::{Pending, PendingWork};

use anyhow::Context;
use axum::Router;
use function::Function;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Region of all local resources.
pub const REGION: &str = "us-east-1";

/// Account of all local resources.
pub const ACCOUNT: &str = "000000000000";

/// Lambda's limit for a request and for a response, in bytes.
pub const MAX_PAYLOAD: usize = 6 << 20;

/// All functions. Clones share them.
#[derive(Clone)]
pub struct Lambda {
    functions: Arc<BTreeMap<String, Arc<Function>>>,
    retry_after: Arc<[Duration]>,
    pending: Pending,
}

impl Lambda {
    /// `functions` are names and timeouts, `retry_after` the pauses before each retry of a failed asynchronous invocation.
    /// Nothing runs until workers poll.
    pub fn new(functions: impl IntoIterator<Item = (String, Duration)>, retry_after: &[Duration]) -> Self {
        let function = |(name, timeout): (String, Duration)| (name.clone(), Arc::new(Function::new(name, timeout)));
        Self {
            functions: Arc::new(functions.into_iter().map(function).collect()),
            retry_after: retry_after.into(),
            pending: Pending::default(),
        }
    }

    /// Invokes a function with a JSON payload and waits for its JSON response.
    ///
    /// # Errors
    /// The function is unknown, returns an error, times out, or its worker exits.
    pub async fn invoke(&self, function: &str, payload: Vec<u8>) -> Result<Vec<u8>, InvokeError> {
        self.function(function)?.invoke(request_id(), payload).await
    }

    /// Invokes a function as Lambda does asynchronously: a failed invocation is retried with the same request id. Returns the
    /// result of the last attempt.
    ///
    /// # Errors
    /// As [`Lambda::invoke`], on the last attempt.
    pub async fn deliver(&self, function: &str, event: Vec<u8>) -> Result<Vec<u8>, InvokeError> {
        let id = request_id();
        for pause in self.retry_after.iter() {
            match self.function(function)?.invoke(id.clone(), event.clone()).await {
                Err(
                    error @ (InvokeError::Function { .. }
                    | InvokeError::Timeout { .. }
                    | InvokeError::WorkerExited { .. }),
                ) => {
                    tracing::warn!(function, id, %error, "invocation failed and will be retried");
                    tokio::time::sleep(*pause).await;
                }
                other => return other,
            }
        }
        self.function(function)?.invoke(id, event).await
    }

    /// The work that no caller waits for.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(String::as_str)
    }

    fn function(&self, name: &str) -> Result<&Arc<Function>, InvokeError> {
        self.functions.get(name).ok_or_else(|| InvokeError::UnknownFunction { function: name.to_owned() })
    }

    /// Serves the Runtime API, the Invoke API and `other_routes` until `stop`.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        other_routes: Router,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let router = api::router(self.clone(), stop.clone()).merge(runtime::router(self, stop.clone()));
        let served = axum::serve(listener, router.merge(other_routes)).with_graceful_shutdown(stop.cancelled_owned());
        served.await.context("the Lambda server failed")
    }
}

fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
