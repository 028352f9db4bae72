//! Converts errors of the AWS SDK to [`StoreError`].

use super::error::{StoreError, StoreErrorKind};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

impl StoreError {
    pub fn from_call<E, R>(operation: &'static str, target: impl Into<String>, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let service_error = error.as_service_error();
        let code = service_error.and_then(|e| e.code()).unwrap_or_default();
        let (kind, retryable) = match &error {
            SdkError::ServiceError(_) => classify(code),
            SdkError::ConstructionFailure(_) => (StoreErrorKind::Other, false),
            _ => (StoreErrorKind::Interrupted, true),
        };
        let message = match service_error.and_then(|e| e.message()) {
            Some(message) if !code.is_empty() => format!("{code}: {message}"),
            _ => DisplayErrorContext(&error).to_string(),
        };
        Self { kind, operation, target: target.into(), message, retryable }
    }
}

/// The kind of a service's error code, and whether a later retry may succeed. The SDK has already retried the call.
fn classify(code: &str) -> (StoreErrorKind, bool) {
    match code {
        "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "ThrottlingException"
        | "Throttled"
        | "Throttling"
        | "TooManyRequestsException"
        | "SlowDown" => (StoreErrorKind::Throttled, true),
        "PreconditionFailed" | "ConditionalCheckFailedException" => (StoreErrorKind::Conflict, false),
        "NoSuchBucket" | "NoSuchKey" | "NotFound" | "ResourceNotFoundException" => (StoreErrorKind::NotFound, false),
        "AccessDenied" | "AccessDeniedException" | "AuthorizationError" => (StoreErrorKind::AccessDenied, false),
        "ValidationException" | "InvalidBucketName" | "InvalidParameter" => (StoreErrorKind::Other, false),
        _ => (StoreErrorKind::Other, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::error::ErrorMetadata;

    fn service_error(code: &str) -> StoreError {
        let metadata = ErrorMetadata::builder().code(code).message("because").build();
        let error = aws_sdk_s3::operation::get_object::GetObjectError::generic(metadata);
        StoreError::from_call("GetObject", "s3://b/k", SdkError::service_error(error, ()))
    }

    #[test]
    fn error_codes_determine_the_kind() {
        for (code, kind, retryable) in [
            ("SlowDown", StoreErrorKind::Throttled, true),
            ("ThrottlingException", StoreErrorKind::Throttled, true),
            ("PreconditionFailed", StoreErrorKind::Conflict, false),
            ("NoSuchBucket", StoreErrorKind::NotFound, false),
            ("ResourceNotFoundException", StoreErrorKind::NotFound, false),
            ("AccessDeniedException", StoreErrorKind::AccessDenied, false),
            ("ValidationException", StoreErrorKind::Other, false),
            ("InternalError", StoreErrorKind::Other, true),
        ] {
            let error = service_error(code);
            assert_eq!((error.kind, error.retryable), (kind, retryable), "{code}");
            assert_eq!(error.to_string(), format!("GetObject on s3://b/k failed: {code}: because"));
        }
    }

    #[test]
    fn lost_connection_is_retryable_and_invalid_request_is_not() {
        type Error = SdkError<aws_sdk_s3::operation::get_object::GetObjectError, ()>;
        let lost = StoreError::from_call("GetObject", "t", Error::timeout_error("no answer"));
        assert_eq!((lost.kind, lost.retryable), (StoreErrorKind::Interrupted, true));
        let bad = StoreError::from_call("GetObject", "t", Error::construction_failure("no bucket"));
        assert_eq!((bad.kind, bad.retryable), (StoreErrorKind::Other, false));
    }
}
