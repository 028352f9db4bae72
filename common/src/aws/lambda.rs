//! Lambda's `Invoke`, for asynchronous invocations.

use super::endpoint::Service;
use super::operation::AwsOperation;
use crate::store::StoreError;
use aws_types::SdkConfig;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const SERVICE: Service = Service { id: "Lambda", name: "lambda" };

/// The characters that a path segment must encode: all except RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Debug, Clone)]
pub struct Lambda {
    invoke: AwsOperation,
}

impl Lambda {
    pub fn new(config: &SdkConfig) -> Self {
        let headers = &[("content-type", "application/octet-stream"), ("x-amz-invocation-type", "Event")];
        Self { invoke: AwsOperation::new(config, SERVICE, "Invoke", headers) }
    }

    /// Queues an asynchronous invocation of `function`, a name or an ARN, with or without a version or alias.
    pub async fn invoke_async(&self, function: &str, payload: String) -> Result<(), StoreError> {
        let path = format!("/2015-03-31/functions/{}/invocations", utf8_percent_encode(function, SEGMENT));
        self.invoke.call(function, path, payload).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::testing::FakeHttp;
    use serde_json::Value;

    #[tokio::test]
    async fn function_name_is_one_encoded_path_segment() {
        let http = FakeHttp::new([(202, Value::Null)]);
        let lambda = Lambda::new(&http.config());
        lambda.invoke_async("ingest", "{}".into()).await.unwrap();
        lambda
            .invoke_async("arn:aws:lambda:eu-west-1:123456789012:function:in_gest-2:live", "[1]".into())
            .await
            .unwrap();
        let requests = http.requests();
        let urls: Vec<&str> = requests.iter().map(|request| request.uri()).collect();
        let arn = "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Ain_gest-2%3Alive";
        let expected = ["ingest", arn].map(|function| {
            format!("https://lambda.eu-west-1.amazonaws.com/2015-03-31/functions/{function}/invocations")
        });
        assert_eq!(urls, expected);
        assert_eq!(requests[1].headers().get("x-amz-invocation-type"), Some("Event"));
        assert_eq!(requests[1].body().bytes(), Some(&b"[1]"[..]));
    }
}
