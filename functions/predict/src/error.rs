//! The error of an invocation, and the form in which Lambda reports it. A failed request is no error: it gets a response.

use lambda_http::lambda_runtime::Diagnostic;

#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The payload is no HTTP request. With what it is.
    #[error(
        "this is {0}; predict expects an HTTP request from API Gateway (payload 1.0 or 2.0), a function URL, \
         an Application Load Balancer or VPC Lattice"
    )]
    InvalidEvent(String),
    #[error("the response cannot be built: {0}")]
    Response(#[from] lambda_http::Error),
}

/// The error type is a stable name for alarms. No retry helps.
impl From<PredictError> for Diagnostic {
    fn from(error: PredictError) -> Self {
        let error_type = match error {
            PredictError::InvalidEvent(_) => "InvalidEvent",
            PredictError::Response(_) => "NonRetryable",
        };
        Self { error_type: error_type.into(), error_message: error.to_string() }
    }
}
