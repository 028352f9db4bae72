//! The SDK's transport to the stores within this process: no sockets, and an interceptor that decides about each call.

use crate::call::{Call, Service};
use crate::fault::Fault;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use axum::http::Response;
use bytes::Bytes;
use churn_local::dynamodb::DynamoDb;
use churn_local::s3::S3Server;
use futures::future::{BoxFuture, pending};
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How late a slow call is.
const SLOW: Duration = Duration::from_secs(60);

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It takes place, and is answered.
    Pass,
    /// Something goes wrong with it.
    Fail(Fault),
    /// The process that makes it is killed: there is never an answer.
    Killed {
        /// Whether the call took place.
        performed: bool,
    },
}

/// Decides what becomes of the calls of one process, in its own time.
pub trait CallInterceptor: Send + Sync {
    /// What becomes of a call.
    fn decide<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Verdict>;

    /// The process is dead: what its last call was to do is done.
    fn killed(&self) {}
}

/// Lets every call pass.
#[derive(Debug)]
pub struct NoFaults;

impl CallInterceptor for NoFaults {
    fn decide<'a>(&'a self, _: &'a Call) -> BoxFuture<'a, Verdict> {
        Box::pin(async { Verdict::Pass })
    }
}

/// The servers that calls end at.
pub struct Servers {
    /// S3.
    pub s3: S3Server,
    /// DynamoDB.
    pub dynamodb: DynamoDb,
    /// Lambda: the events that are queued for the function, oldest first.
    pub queue: Mutex<VecDeque<Value>>,
}

impl Servers {
    /// Has a call done.
    pub async fn perform(&self, call: &Call) -> anyhow::Result<Response<Bytes>> {
        match call.service {
            Service::S3 => self.s3.call(call.request.clone()).await,
            Service::DynamoDb => {
                let (status, json) = self.dynamodb.call(&call.operation, call.request.body());
                let answer = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
                Ok(answer.body(Bytes::from(json))?)
            }
            Service::Lambda => {
                let event = serde_json::from_slice(call.request.body())?;
                self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
                Ok(Response::builder().status(202).body(Bytes::new())?)
            }
        }
    }
}

/// The SDK's HTTP client of one process.
#[derive(Clone)]
pub struct Transport {
    servers: Arc<Servers>,
    interceptor: Arc<dyn CallInterceptor>,
}

impl Transport {
    /// To these servers, through this interceptor.
    pub fn new(servers: Arc<Servers>, interceptor: Arc<dyn CallInterceptor>) -> Self {
        Self { servers, interceptor }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let broken = |error: anyhow::Error| ConnectorError::user(error.into());
        let call = Call::read(request).await.map_err(broken)?;
        let answer: Response<SdkBody> = match self.interceptor.decide(&call).await {
            Verdict::Pass => self.servers.perform(&call).await.map_err(broken)?.map(SdkBody::from),
            Verdict::Fail(fault) => {
                if fault == Fault::Slow {
                    tokio::time::sleep(SLOW).await;
                }
                let answer = match fault.performed(&call) {
                    Some(performed) => Some(self.servers.perform(&performed).await.map_err(broken)?),
                    None => None,
                };
                fault.answer(&call, answer)?
            }
            Verdict::Killed { performed } => {
                if performed {
                    self.servers.perform(&call).await.map_err(broken)?;
                }
                self.interceptor.killed();
                pending().await
            }
        };
        HttpResponse::try_from(answer).map_err(|error| broken(error.into()))
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").finish_non_exhaustive()
    }
}

impl HttpConnector for Transport {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move { this.send(request).await })
    }
}

impl HttpClient for Transport {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
