//! DynamoDB: the dynoxide server on loopback, and the project's tables in it.

use anyhow::{Context, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
    TimeToLiveStatus,
};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A table as this project declares it. All keys are strings; billing is on demand.
#[derive(Debug, Clone)]
pub struct Table {
    /// Name.
    pub name: String,
    /// Partition key.
    pub partition_key: &'static str,
    /// Sort key.
    pub sort_key: Option<&'static str>,
    /// Attribute with the second, since the epoch, after which an item may go.
    pub expires: Option<&'static str>,
}

/// The DynamoDB server. Clones are the same server.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
}

impl DynamoDb {
    /// Opens or creates the database in `file`, or one in memory.
    ///
    /// # Errors
    /// The file can't be opened, or is no database.
    pub fn open(file: Option<&Path>) -> anyhow::Result<Self> {
        let database = match file {
            Some(file) => {
                let path = file.to_str().with_context(|| format!("not a UTF-8 path: {}", file.display()))?;
                Database::new(path).map_err(|error| anyhow!("can't open {path}: {error}"))?
            }
            None => Database::memory().map_err(|error| anyhow!("can't open a database in memory: {error}"))?,
        };
        // Ten times as fast; what it gives up is surviving a power cut, not a killed process.
        database.enable_bulk_loading().map_err(|error| anyhow!("can't set up the database: {error}"))?;
        Ok(Self { database })
    }

    /// Answers requests until `stop`.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        let served = dynoxide::server::serve_with_shutdown(listener, self.database, stop.cancelled_owned());
        served.await.map_err(|error| anyhow!("the DynamoDB server failed: {error}"))
    }

    /// Answers one call of a client within this process, given the operation's name and the request's JSON: the HTTP
    /// status and the answer's JSON. It knows the operations that this project uses.
    pub fn answer(&self, operation: &str, request: &[u8]) -> (u16, String) {
        let database = &self.database;
        let answer = match operation {
            "BatchWriteItem" => call(request, |r| database.batch_write_item(r)),
            "CreateTable" => call(request, |r| database.create_table(r)),
            "DeleteItem" => call(request, |r| database.delete_item(r)),
            "DescribeTimeToLive" => call(request, |r| database.describe_time_to_live(r)),
            "GetItem" => call(request, |r| database.get_item(r)),
            "ListTables" => call(request, |r| database.list_tables(r)),
            "PutItem" => call(request, |r| database.put_item(r)),
            "Query" => call(request, |r| database.query(r)),
            "Scan" => call(request, |r| database.scan(r)),
            "UpdateItem" => call(request, |r| database.update_item(r)),
            "UpdateTimeToLive" => call(request, |r| database.update_time_to_live(r)),
            _ => Err(DynoxideError::ValidationException(format!("{operation} is not served in process"))),
        };
        answer.map_or_else(|error| (error.status_code(), error.to_json()), |json| (200, json))
    }

    /// Deletes expired items, as DynamoDB does by itself some time after they expire. Returns how many.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sweep(&self) -> anyhow::Result<usize> {
        let database = self.database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await?;
        swept.map_err(|error| anyhow!("can't delete expired items: {error}"))
    }
}

/// Reads a request, has it done, and writes the answer.
fn call<R: DeserializeOwned, A: Serialize>(
    request: &[u8],
    done: impl FnOnce(R) -> dynoxide::Result<A>,
) -> dynoxide::Result<String> {
    let request = serde_json::from_slice(request);
    let answer = done(request.map_err(|error| DynoxideError::SerializationException(error.to_string()))?)?;
    serde_json::to_string(&answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Creates those of `tables` that don't exist yet.
///
/// # Errors
/// The server refuses.
pub async fn create_tables(client: &Client, tables: &[Table]) -> anyhow::Result<()> {
    let listed = client.list_tables().send().await;
    let listed = listed.map_err(|error| anyhow!("can't list the tables: {}", DisplayErrorContext(error)))?;
    for table in tables {
        if !listed.table_names().contains(&table.name) {
            create_table(client, table).await?;
        }
        // On its own, for a start that broke off between the two.
        if let Some(attribute) = table.expires {
            enable_ttl(client, &table.name, attribute).await?;
        }
    }
    Ok(())
}

async fn create_table(client: &Client, table: &Table) -> anyhow::Result<()> {
    let Table { name, partition_key, sort_key, .. } = table;
    let keys = [(Some(*partition_key), KeyType::Hash), (*sort_key, KeyType::Range)];
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    for (key, kind) in keys {
        let Some(key) = key else { continue };
        request = request
            .key_schema(KeySchemaElement::builder().attribute_name(key).key_type(kind).build()?)
            .attribute_definitions(
                AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S).build()?,
            );
    }
    let created = request.send().await;
    created.map_err(|error| anyhow!("can't create table {name}: {}", DisplayErrorContext(error)))?;
    Ok(())
}

async fn enable_ttl(client: &Client, table: &str, attribute: &str) -> anyhow::Result<()> {
    let described = client.describe_time_to_live().table_name(table).send().await;
    let described =
        described.map_err(|error| anyhow!("can't describe {table}'s TTL: {}", DisplayErrorContext(error)))?;
    let status = described.time_to_live_description.and_then(|ttl| ttl.time_to_live_status);
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build()?;
    let updated = client.update_time_to_live().table_name(table).time_to_live_specification(ttl).send().await;
    updated.map_err(|error| anyhow!("can't set {table}'s TTL: {}", DisplayErrorContext(error)))?;
    Ok(())
}
