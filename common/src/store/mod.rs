//! S3 and DynamoDB, one file for each thing stored, spoken to through the AWS SDK only.

pub mod forgotten;
pub mod histories;
pub mod ledger;
pub mod models;
pub mod objects;
pub mod registry;
pub mod risks;

use crate::pseudonym::Pseudonyms;
use crate::settings::Stores;
use aws_config::SdkConfig;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use forgotten::Forgotten;
use histories::Histories;
use ledger::Ledger;
use models::Models;
use objects::Bucket;
use registry::RegistryStore;
use risks::Risks;

/// A store did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} on {target} failed: {message}")]
pub struct StoreError {
    /// The call, as the service names it.
    pub operation: &'static str,
    /// Bucket and key, or table and item.
    pub target: String,
    /// The service's code for what is wrong, such as `NoSuchBucket`; empty where it gave none.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
}

impl StoreError {
    /// What a call through the SDK ended with.
    pub fn of_call<E, R>(operation: &'static str, target: impl Into<String>, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let code = error.as_service_error().and_then(|e| e.code()).unwrap_or_default().to_owned();
        let final_answer = matches!(
            code.as_str(),
            "NoSuchBucket"
                | "NoSuchKey"
                | "AccessDenied"
                | "AccessDeniedException"
                | "PreconditionFailed"
                | "ConditionalCheckFailedException"
                | "ResourceNotFoundException"
                | "ValidationException"
                | "InvalidBucketName"
        );
        let retryable = !final_answer && !matches!(error, SdkError::ConstructionFailure(_));
        let message = match error.as_service_error().and_then(|e| e.message()) {
            Some(message) if !code.is_empty() => format!("{code}: {message}"),
            _ => DisplayErrorContext(&error).to_string(),
        };
        Self { operation, target: target.into(), code, message, retryable }
    }

    /// Something stored cannot be read. No retry mends that.
    pub fn unreadable(operation: &'static str, target: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self { operation, target: target.into(), code: String::new(), message: why.to_string(), retryable: false }
    }

    /// Whether what is stored cannot be read, though the store answers.
    pub fn is_unreadable(&self) -> bool {
        !self.retryable && self.code.is_empty()
    }
}

/// Every store, over shared clients.
#[derive(Debug, Clone)]
pub struct AllStores {
    /// What users drop.
    pub logs: Bucket,
    /// Models, reports, snapshots, quarantine.
    pub store: Bucket,
    /// Session slices.
    pub histories: Histories,
    /// Ingested objects.
    pub ledger: Ledger,
    /// Scored users.
    pub risks: Risks,
    /// Forgotten users.
    pub forgotten: Forgotten,
    /// How users are named in all of them.
    pub pseudonyms: Pseudonyms,
}

impl AllStores {
    /// Connects with the ambient AWS configuration; a local stack sets `AWS_ENDPOINT_URL_S3` and
    /// `AWS_ENDPOINT_URL_DYNAMODB`.
    pub async fn from_env(names: &Stores) -> Self {
        Self::connect(&crate::aws::load_config().await, names)
    }

    /// Connects with `config`.
    pub fn connect(config: &SdkConfig, names: &Stores) -> Self {
        // Amazon's own endpoint names buckets in the host; one on an address has no host to name them in.
        let local = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().any(|name| std::env::var_os(name).is_some());
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(local).build();
        Self::over(aws_sdk_s3::Client::from_conf(s3), aws_sdk_dynamodb::Client::new(config), names)
    }

    /// Over given clients.
    pub fn over(s3: aws_sdk_s3::Client, dynamodb: aws_sdk_dynamodb::Client, names: &Stores) -> Self {
        let pseudonyms = Pseudonyms::new(&names.user_id_key);
        Self {
            logs: Bucket::new(s3.clone(), &names.logs_bucket),
            store: Bucket::new(s3, &names.store_bucket),
            histories: Histories::new(dynamodb.clone(), &names.history_table, pseudonyms.clone()),
            ledger: Ledger::new(dynamodb.clone(), &names.ledger_table),
            risks: Risks::new(dynamodb.clone(), &names.risk_table, pseudonyms.clone()),
            forgotten: Forgotten::new(dynamodb, &names.forgotten_table, pseudonyms.clone()),
            pseudonyms,
        }
    }

    /// The registry of models.
    pub fn registry(&self) -> RegistryStore {
        RegistryStore::new(self.store.clone())
    }

    /// The models.
    pub fn models(&self) -> Models {
        Models::new(self.store.clone())
    }
}
