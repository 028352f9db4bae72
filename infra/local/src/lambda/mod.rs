//! The part of AWS Lambda that functions and callers see: a Runtime API that worker processes poll, an Invoke API for
//! clients, and the same invocation in process as [`Lambda::invoke`].

mod api;
mod error;
mod function;
pub mod process;
mod runtime;

pub use error::InvokeError;

use anyhow::Context;
use axum::Router;
use function::Function;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The region everything local is in.
pub const REGION: &str = "us-east-1";

/// The account everything local belongs to.
pub const ACCOUNT: &str = "000000000000";

/// Lambda's limit for a request and for a response, bytes.
pub const MAX_PAYLOAD: usize = 6 << 20;

/// The functions, and a way to call them. Clones are the same functions.
#[derive(Clone)]
pub struct Lambda {
    functions: Arc<BTreeMap<String, Arc<Function>>>,
    retry_after: Arc<[Duration]>,
}

impl Lambda {
    /// Functions by name, with the time an invocation may take, and the pauses before each retry of an event whose
    /// invocation failed. Nothing runs until workers poll.
    pub fn new(functions: impl IntoIterator<Item = (String, Duration)>, retry_after: &[Duration]) -> Self {
        let function = |(name, timeout): (String, Duration)| (name.clone(), Arc::new(Function::new(name, timeout)));
        Self { functions: Arc::new(functions.into_iter().map(function).collect()), retry_after: retry_after.into() }
    }

    /// Calls a function with a JSON payload and waits for its JSON response.
    ///
    /// # Errors
    /// The function is unknown, answers with an error, takes too long, or its worker dies.
    pub async fn invoke(&self, function: &str, payload: Vec<u8>) -> Result<Vec<u8>, InvokeError> {
        self.function(function)?.invoke(request_id(), payload).await
    }

    /// Calls a function with an event, as Lambda does asynchronously: a failed invocation is tried again with the same
    /// request id. Returns the result of the last try.
    ///
    /// # Errors
    /// As of [`Lambda::invoke`], on the last try.
    pub async fn deliver(&self, function: &str, event: Vec<u8>) -> Result<Vec<u8>, InvokeError> {
        let id = request_id();
        for pause in self.retry_after.iter() {
            match self.function(function)?.invoke(id.clone(), event.clone()).await {
                Err(
                    error @ (InvokeError::Function { .. }
                    | InvokeError::Timeout { .. }
                    | InvokeError::WorkerExited { .. }),
                ) => {
                    tracing::warn!(function, id, %error, "an event will be delivered again");
                    tokio::time::sleep(*pause).await;
                }
                other => return other,
            }
        }
        self.function(function)?.invoke(id, event).await
    }

    /// The names of the functions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(String::as_str)
    }

    fn function(&self, name: &str) -> Result<&Arc<Function>, InvokeError> {
        self.functions.get(name).ok_or_else(|| InvokeError::UnknownFunction { function: name.to_owned() })
    }

    /// Serves the Runtime API, the Invoke API, and what else is to be served there, until `stop`.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(self, listener: TcpListener, also: Router, stop: CancellationToken) -> anyhow::Result<()> {
        let router = api::router(self.clone(), stop.clone()).merge(runtime::router(self, stop.clone()));
        let served = axum::serve(listener, router.merge(also)).with_graceful_shutdown(stop.cancelled_owned());
        served.await.context("the Lambda server failed")
    }
}

fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
