//! S3 and DynamoDB, one file per kind of stored data. Everything that calls a store is behind the feature `stores` and
//! uses only the AWS SDK. Names, files and errors need no feature.

#[cfg(all(feature = "parquet", feature = "stores"))]
pub mod assignments;
#[cfg(feature = "stores")]
pub mod capacity;
#[cfg(feature = "stores")]
pub mod erasures;
mod error;
pub mod files;
#[cfg(feature = "stores")]
pub mod histories;
#[cfg(feature = "stores")]
pub mod ledger;
#[cfg(feature = "stores")]
pub mod models;
pub mod names;
#[cfg(feature = "stores")]
pub mod objects;
#[cfg(feature = "stores")]
pub mod registry;
#[cfg(feature = "stores")]
pub mod risks;
pub mod score_files;
#[cfg(feature = "stores")]
mod sdk_error;
#[cfg(feature = "stores")]
mod stores;

pub use error::{StoreError, StoreErrorKind};
#[cfg(feature = "stores")]
pub use stores::Stores;
