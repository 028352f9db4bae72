//! One operation of an AWS service, called as the AWS SDK does it: signed, retried, and with the configured timeouts.
//!
//! It uses the same runtime crates as the SDK's S3 and DynamoDB clients, in the same configuration as the SDK's
//! generated clients of Lambda and EventBridge.

use super::endpoint::{Service, ServiceEndpoint};
use super::xml;
use crate::store::StoreError;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{self, SigV4AuthScheme};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::recursion_detection::RecursionDetectionInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_runtime::service_clock_skew::{ServiceClockSkewClassifier, ServiceClockSkewInterceptor};
use aws_runtime::user_agent::{ApiMetadata, UserAgentInterceptor};
use aws_smithy_runtime::client::http::connection_poisoning::ConnectionPoisoningInterceptor;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::endpoint::EndpointResolverParams;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{FrozenLayer, Layer};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_types::region::SigningRegion;
use aws_types::{SdkConfig, SigningName};
use serde_json::Value;

/// Header names and values.
pub(super) type Headers = &'static [(&'static str, &'static str)];

/// One operation of a service. Clones share connections, credentials and the retry quota.
#[derive(Debug, Clone)]
pub(super) struct AwsOperation {
    name: &'static str,
    operation: Operation<Post, Vec<u8>, ErrorMetadata>,
}

/// The parts of a request that differ between calls.
#[derive(Debug)]
struct Post {
    path: String,
    body: String,
}

impl AwsOperation {
    /// The operation `name`, which sends POST requests with these headers. Credentials, region, endpoint, HTTP client,
    /// retries and timeouts come from `config`.
    pub(super) fn new(config: &SdkConfig, service: Service, name: &'static str, headers: Headers) -> Self {
        let plugin = StaticRuntimePlugin::new()
            .with_config(settings(config, service))
            .with_runtime_components(components(config, service));
        let operation = Operation::builder()
            .service_name(service.id)
            .operation_name(name)
            .behavior_version(config.behavior_version().unwrap_or_else(BehaviorVersion::latest))
            .runtime_plugin(plugin)
            .serializer(move |post| to_request(post, headers))
            .deserializer(read_response)
            .build();
        Self { name, operation }
    }

    /// Makes one call and returns the body of the response. `target` names the resource in errors.
    pub(super) async fn call(&self, target: &str, path: String, body: String) -> Result<Vec<u8>, StoreError> {
        let response = self.operation.invoke(Post { path, body }).await;
        response.map_err(|e| StoreError::from_call(self.name, target, e))
    }
}

/// The configuration that the orchestrator and its components read.
fn settings(config: &SdkConfig, service: Service) -> FrozenLayer {
    let mut layer = Layer::new("churn operation");
    layer.store_put(EndpointResolverParams::new(()));
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: config.region().cloned().map(SigningRegion::from),
        name: Some(SigningName::from_static(service.name)),
        ..SigV4OperationSigningConfig::default()
    });
    layer.store_put(ApiMetadata::new(service.name, env!("CARGO_PKG_VERSION")));
    layer.store_or_unset(config.app_name().cloned());
    layer.store_put(config.retry_config().cloned().unwrap_or_else(RetryConfig::standard));
    layer.store_put(RetryPartition::custom(service.name).build());
    if let Some(timeouts) = config.timeout_config() {
        layer.store_put(timeouts.clone());
    }
    if let Some(protection) = config.stalled_stream_protection() {
        layer.store_put(protection);
    }
    layer.freeze()
}

/// The components that the orchestrator runs.
fn components(config: &SdkConfig, service: Service) -> RuntimeComponentsBuilder {
    let components = RuntimeComponentsBuilder::new("churn operation")
        .with_http_client(config.http_client())
        .with_sleep_impl(config.sleep_impl())
        .with_time_source(config.time_source())
        .with_endpoint_resolver(Some(ServiceEndpoint::new(config, service)))
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![sigv4::SCHEME_ID])))
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_identity_cache(config.identity_cache())
        .with_retry_classifier(TransientErrorClassifier::<ErrorMetadata>::new())
        .with_retry_classifier(AwsErrorCodeClassifier::<ErrorMetadata>::new())
        .with_retry_classifier(ServiceClockSkewClassifier::<ErrorMetadata>::new())
        .with_retry_classifier(HttpStatusCodeClassifier::default())
        .with_interceptor(ConnectionPoisoningInterceptor::new())
        .with_interceptor(ServiceClockSkewInterceptor::new())
        .with_interceptor(RequestInfoInterceptor::new())
        .with_interceptor(UserAgentInterceptor::new())
        .with_interceptor(InvocationIdInterceptor::new())
        .with_interceptor(RecursionDetectionInterceptor::new());
    match config.credentials_provider() {
        Some(provider) => components.with_identity_resolver(sigv4::SCHEME_ID, provider),
        None => components,
    }
}

fn to_request(post: Post, headers: Headers) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(post.body));
    request.set_method("POST")?;
    request.set_uri(post.path)?;
    for (name, value) in headers {
        request.headers_mut().try_insert(*name, *value)?;
    }
    Ok(request)
}

/// The body of a successful response, or the service's error.
fn read_response(response: &HttpResponse) -> Result<Vec<u8>, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    match response.status().is_success() {
        true => Ok(body.to_vec()),
        false => Err(OrchestratorError::operation(service_error(response, body))),
    }
}

/// Code and message of an error in the AWS JSON and AWS query protocols. For a response in another format, the message is its
/// status.
/// <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization>
/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization>
fn service_error(response: &HttpResponse, body: &[u8]) -> ErrorMetadata {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let member = |names: [&str; 2]| names.iter().find_map(|name| json[*name].as_str().map(str::to_owned));
    let element = |name| xml::text_at(body, &["ErrorResponse", "Error", name]);
    let error = ErrorMetadata::builder().message(match member(["message", "Message"]).or_else(|| element("Message")) {
        Some(message) => message,
        None => format!("HTTP status {}", response.status().as_u16()),
    });
    let header = response.headers().get("x-amzn-errortype").map(str::to_owned);
    match header.or_else(|| member(["code", "__type"])).or_else(|| element("Code")) {
        Some(code) => error.code(bare_code(&code)).build(),
        None => error.build(),
    }
}

/// A code without the URL that may follow it and the namespace that may precede it.
fn bare_code(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::{ACCESS_KEY, FakeHttp, REGION, SECRET_KEY, TOKEN};
    use crate::store::StoreErrorKind;
    use hmac::{Hmac, KeyInit, Mac};
    use serde_json::json;
    use sha2::{Digest, Sha256};
    use std::time::Duration;

    const SERVICE: Service = Service { id: "Example", name: "example" };

    async fn call(http: &FakeHttp) -> Result<Vec<u8>, StoreError> {
        let operation = AwsOperation::new(&http.config(), SERVICE, "Do", &[("x-amz-target", "Example.Do")]);
        operation.call("it", "/things/a%3Ab".into(), "{}".into()).await
    }

    fn hmac(key: &[u8], text: &str) -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }

    /// The `Authorization` header of a POST without query, computed from the specification:
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
    fn authorization(request: &HttpRequest, host: &str, signed: &str) -> String {
        let header = |name: &str| if name == "host" { host } else { request.headers().get(name).unwrap() };
        let headers: String = signed.split(';').map(|name| format!("{name}:{}\n", header(name))).collect();
        let path = request.uri().split(host).nth(1).unwrap().replace('%', "%25");
        let body = hex::encode(Sha256::digest(request.body().bytes().unwrap()));
        let canonical = format!("POST\n{path}\n\n{headers}\n{signed}\n{body}");
        let time = header("x-amz-date");
        let scope = format!("{}/{REGION}/example/aws4_request", &time[..8]);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
        let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
        for part in scope.split('/') {
            key = hmac(&key, part);
        }
        let signature = hex::encode(hmac(&key, &to_sign));
        format!("AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={signed}, Signature={signature}")
    }

    #[tokio::test]
    async fn requests_are_signed_with_sigv4() {
        let http = FakeHttp::new([(200, json!("done"))]);
        assert_eq!(call(&http).await, Ok(b"done".to_vec()));
        let [request] = &http.requests()[..] else { panic!() };
        assert_eq!(request.headers().get("x-amz-security-token"), Some(TOKEN));
        let header = request.headers().get("authorization").unwrap();
        let signed = header.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
        let names: Vec<&str> = signed.split(';').collect();
        for name in ["host", "x-amz-date", "x-amz-security-token", "x-amz-target"] {
            assert!(names.contains(&name), "{names:?}");
        }
        assert!(names.is_sorted());
        assert_eq!(header, authorization(request, "example.eu-west-1.amazonaws.com", signed));
    }

    #[tokio::test]
    async fn errors_contain_the_services_code_and_message() {
        for (status, header, body, kind, text) in [
            (
                403,
                Some("AccessDeniedException:http://internal.amazon.com/"),
                json!({"Message": "no"}),
                StoreErrorKind::AccessDenied,
                "Do on it failed: AccessDeniedException: no",
            ),
            (
                400,
                None,
                json!({"__type": "com.amazon.example#ResourceNotFoundException", "message": "no such bus"}),
                StoreErrorKind::NotFound,
                "Do on it failed: ResourceNotFoundException: no such bus",
            ),
            (
                400,
                Some("ValidationException"),
                json!("no object"),
                StoreErrorKind::Other,
                "Do on it failed: ValidationException: HTTP status 400",
            ),
        ] {
            let http = FakeHttp::new([(status, body)]).with_error_type(header);
            let error = call(&http).await.unwrap_err();
            assert_eq!((error.kind, error.retryable, error.to_string().as_str()), (kind, false, text));
            assert_eq!(http.requests().len(), 1);
        }
        let xml = "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
            <Code>NotFound</Code><Message>Topic does not exist</Message></Error></ErrorResponse>";
        let http = FakeHttp::new([(404, xml.into())]);
        let error = call(&http).await.unwrap_err();
        assert_eq!(error.to_string(), "Do on it failed: NotFound: Topic does not exist");
        assert_eq!((error.kind, error.retryable), (StoreErrorKind::NotFound, false));
        let error = call(&FakeHttp::new([(418, Value::Null)])).await.unwrap_err();
        assert!(error.message.contains("HTTP status 418"), "{error}");
    }

    #[tokio::test]
    async fn throttling_and_server_errors_are_retried_after_pauses() {
        let throttled = (429, json!({"__type": "TooManyRequestsException", "message": "slow down"}));
        let failed = (500, json!({"__type": "ServiceException"}));
        let http = FakeHttp::new([throttled.clone(), failed, (200, Value::Null)]);
        call(&http).await.unwrap();
        // Up to 1 and 2 s. The SDK also sleeps for the time limit of credentials, 21.6 s.
        let pauses = http.pauses().into_iter().filter(|pause| *pause <= Duration::from_secs(2)).count();
        assert_eq!((http.requests().len(), pauses), (3, 2));
        let http = FakeHttp::new([throttled]);
        let error = call(&http).await.unwrap_err();
        assert_eq!((error.kind, error.retryable, http.requests().len()), (StoreErrorKind::Throttled, true, 3));
    }

    #[tokio::test]
    async fn no_request_is_sent_without_region_or_credentials() {
        let http = FakeHttp::new([(200, Value::Null)]);
        let mut without_credentials = http.config().into_builder();
        without_credentials.set_credentials_provider(None);
        for (config, reason) in [
            (http.config().into_builder().region(None).build(), "no AWS region is configured"),
            (without_credentials.build(), "`identity_resolvers`"),
        ] {
            let operation = AwsOperation::new(&config, SERVICE, "Do", &[]);
            let error = operation.call("it", "/".into(), String::new()).await.unwrap_err();
            assert!(error.message.contains(reason), "{error}");
        }
        assert!(http.requests().is_empty());
    }
}
