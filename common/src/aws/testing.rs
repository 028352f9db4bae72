//! An HTTP client without a network, and a configuration that uses it.

use aws_sdk_s3::config::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use aws_types::region::Region;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const REGION: &str = "eu-west-1";
pub const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const TOKEN: &str = "a session token";

/// Returns prepared responses, the last one repeatedly. Records the requests and the pauses between them.
#[derive(Debug, Clone)]
pub struct FakeHttp {
    error_type: Option<&'static str>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    responses: VecDeque<(u16, Value)>,
    requests: Vec<HttpRequest>,
    pauses: Vec<Duration>,
}

impl FakeHttp {
    /// A client with these responses: status and body. A string is the body, any other value is sent as JSON.
    pub fn new(responses: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let responses = responses.into_iter().collect();
        Self { error_type: None, state: Arc::new(Mutex::new(State { responses, requests: vec![], pauses: vec![] })) }
    }

    /// Adds the header `x-amzn-errortype` to every response, if one is given.
    pub fn with_error_type(self, error_type: Option<&'static str>) -> Self {
        Self { error_type, ..self }
    }

    /// A configuration that sends its requests and its pauses between retries to this client.
    pub fn config(&self) -> SdkConfig {
        let credentials =
            aws_sdk_s3::config::Credentials::new(ACCESS_KEY, SECRET_KEY, Some(TOKEN.into()), None, "test");
        SdkConfig::builder()
            .region(Region::from_static(REGION))
            .credentials_provider(aws_sdk_s3::config::SharedCredentialsProvider::new(credentials))
            .http_client(self.clone())
            .sleep_impl(self.clone())
            .build()
    }

    pub fn requests(&self) -> Vec<HttpRequest> {
        self.state.lock().unwrap().requests.iter().map(|request| request.try_clone().unwrap()).collect()
    }

    pub fn pauses(&self) -> Vec<Duration> {
        self.state.lock().unwrap().pauses.clone()
    }
}

impl HttpConnector for FakeHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let state = &mut *self.state.lock().unwrap();
        state.requests.push(request);
        let next =
            if state.responses.len() > 1 { state.responses.pop_front() } else { state.responses.front().cloned() };
        let (status, body) = next.unwrap();
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        if let Some(error_type) = self.error_type {
            response.headers_mut().insert("x-amzn-errortype", error_type);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

impl HttpClient for FakeHttp {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl AsyncSleep for FakeHttp {
    fn sleep(&self, duration: Duration) -> Sleep {
        self.state.lock().unwrap().pauses.push(duration);
        Sleep::new(std::future::ready(()))
    }
}
