//! The SDK's transport to the stores within the test process, without sockets. An interceptor decides about each call.

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
use churn_local::eventbridge::EventLog;
use churn_local::s3::S3Server;
use churn_local::sns::Topic;
use futures::future::{BoxFuture, pending};
use serde_json::Value;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The delay of a slow call.
const SLOW_DELAY: Duration = Duration::from_secs(60);

/// The decision about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The call is performed, and its response is returned.
    Pass,
    /// The call has a fault.
    Fail(Fault),
    /// The process is killed: it never gets a response.
    Killed {
        /// Whether the call is performed.
        performed: bool,
    },
}

/// Decides about the calls of one process. A call waits for its decision.
pub trait CallInterceptor: Send + Sync {
    fn decide<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Verdict>;

    /// Called when the process is dead and its last call has been performed, if it is to be.
    fn killed(&self) {}
}

#[derive(Debug)]
pub struct NoFaults;

impl CallInterceptor for NoFaults {
    fn decide<'a>(&'a self, _: &'a Call) -> BoxFuture<'a, Verdict> {
        Box::pin(async { Verdict::Pass })
    }
}

/// The servers that perform the calls.
pub struct Servers {
    pub s3: S3Server,
    pub dynamodb: DynamoDb,
    pub bus: EventLog,
    pub topic: Topic,
    /// Events of asynchronous Lambda invocations, oldest first.
    pub queue: Mutex<VecDeque<Value>>,
}

impl Servers {
    pub async fn perform(&self, call: &Call) -> anyhow::Result<Response<Bytes>> {
        match call.service {
            Service::S3 => self.s3.call(call.request.clone()).await,
            Service::DynamoDb => {
                let (status, json) = self.dynamodb.call(&call.operation, call.request.body());
                let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.0");
                Ok(response.body(Bytes::from(json))?)
            }
            Service::Lambda => {
                let event = serde_json::from_slice(call.request.body())?;
                self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
                Ok(Response::builder().status(202).body(Bytes::new())?)
            }
            Service::EventBridge => {
                let (status, json) = self.bus.call(&call.operation, call.request.body());
                let response = Response::builder().status(status).header("content-type", "application/x-amz-json-1.1");
                Ok(response.body(Bytes::from(json.to_string()))?)
            }
            Service::Sns => {
                let (status, xml) = self.topic.call(call.request.body());
                Ok(Response::builder().status(status).header("content-type", "text/xml").body(Bytes::from(xml))?)
            }
        }
    }
}

/// The HTTP client of one process, for the SDK.
#[derive(Clone)]
pub struct Transport {
    servers: Arc<Servers>,
    interceptor: Arc<dyn CallInterceptor>,
}

impl Transport {
    pub fn new(servers: Arc<Servers>, interceptor: Arc<dyn CallInterceptor>) -> Self {
        Self { servers, interceptor }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let broken = |error: anyhow::Error| ConnectorError::user(error.into());
        let call = Call::read(request).await.map_err(broken)?;
        let response: Response<SdkBody> = match self.interceptor.decide(&call).await {
            Verdict::Pass => self.servers.perform(&call).await.map_err(broken)?.map(SdkBody::from),
            Verdict::Fail(fault) => {
                if fault == Fault::Slow {
                    tokio::time::sleep(SLOW_DELAY).await;
                }
                let performed = match fault.performed(&call) {
                    Some(part) => Some(self.servers.perform(&part).await.map_err(broken)?),
                    None => None,
                };
                fault.response(&call, performed)?
            }
            Verdict::Killed { performed } => {
                if performed {
                    self.servers.perform(&call).await.map_err(broken)?;
                }
                self.interceptor.killed();
                pending().await
            }
        };
        HttpResponse::try_from(response).map_err(|error| broken(error.into()))
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
