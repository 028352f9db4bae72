//! All stores of a function, with shared clients.

use super::capacity::CapacityMeter;
use super::erasures::Erasures;
use super::histories::Histories;
use super::ledger::Ledger;
use super::models::Models;
use super::names::StoreNames;
use super::objects::Bucket;
use super::registry::RegistryStore;
use super::risks::Risks;
use crate::pseudonym::Pseudonyms;
use aws_config::SdkConfig;

#[derive(Debug, Clone)]
pub struct Stores {
    /// The bucket that receives the logs.
    pub logs: Bucket,
    /// The bucket of models, reports, snapshots and quarantine.
    pub store: Bucket,
    /// Session slices.
    pub histories: Histories,
    /// Ingested objects.
    pub ledger: Ledger,
    /// Scored users.
    pub risks: Risks,
    /// Erased users.
    pub erasures: Erasures,
    /// How user ids are stored.
    pub pseudonyms: Pseudonyms,
    /// Of the histories and the scored users, without queries of single users.
    pub capacity: CapacityMeter,
}

impl Stores {
    /// Connects with the ambient AWS configuration; a local stack sets `AWS_ENDPOINT_URL_S3` and
    /// `AWS_ENDPOINT_URL_DYNAMODB`.
    pub async fn from_env(names: &StoreNames) -> Self {
        Self::connect(&crate::aws::load_config().await, names)
    }

    pub fn connect(config: &SdkConfig, names: &StoreNames) -> Self {
        // S3 on AWS takes the bucket from the host name. An endpoint with an IP address needs it in the path.
        let local = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().any(|name| std::env::var_os(name).is_some());
        let s3 = aws_sdk_s3::config::Builder::from(config).force_path_style(local).build();
        Self::over(aws_sdk_s3::Client::from_conf(s3), aws_sdk_dynamodb::Client::new(config), names)
    }

    pub fn over(s3: aws_sdk_s3::Client, dynamodb: aws_sdk_dynamodb::Client, names: &StoreNames) -> Self {
        let pseudonyms = Pseudonyms::new(&names.user_id_key);
        Self {
            logs: Bucket::new(s3.clone(), &names.logs_bucket),
            store: Bucket::new(s3, &names.store_bucket),
            histories: Histories::new(dynamodb.clone(), &names.history_table, pseudonyms.clone()),
            ledger: Ledger::new(dynamodb.clone(), &names.ledger_table),
            risks: Risks::new(dynamodb.clone(), &names.risk_table, pseudonyms.clone()),
            erasures: Erasures::new(dynamodb, &names.erased_users_table, pseudonyms.clone()),
            pseudonyms,
            capacity: CapacityMeter::default(),
        }
        .metered()
    }

    /// The same stores with a meter of their own, which starts at 0.
    #[must_use]
    pub fn metered(mut self) -> Self {
        self.capacity = CapacityMeter::default();
        self.histories.count_in(self.capacity.clone());
        self.risks.count_in(self.capacity.clone());
        self
    }

    pub fn registry(&self) -> RegistryStore {
        RegistryStore::new(self.store.clone())
    }

    pub fn models(&self) -> Models {
        Models::new(self.store.clone())
    }
}
