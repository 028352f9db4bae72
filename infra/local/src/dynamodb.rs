//! DynamoDB: the dynoxide server on loopback, and creation of the project's tables.

use anyhow::{Context, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, TimeToLiveSpecification, TimeToLiveStatus,
};
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Definition of a table. Its keys are strings, capacity is on demand.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub partition_key: &'static str,
    pub sort_key: Option<&'static str>,
    /// Time-to-live attribute: seconds since 1970.
    pub ttl_attribute: Option<&'static str>,
    pub indexes: &'static [Index],
}

/// A global secondary index that contains keys only, partitioned by a string and sorted by a number.
#[derive(Debug, Clone, Copy)]
pub struct Index {
    pub name: &'static str,
    pub partition_key: &'static str,
    pub sort_key: &'static str,
}

/// The DynamoDB server. Clones share the database.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
}

impl DynamoDb {
    /// Opens or creates the database in `file`, or creates one in memory.
    ///
    /// # Errors
    /// The file cannot be opened or is not a database.
    pub fn open(file: Option<&Path>) -> anyhow::Result<Self> {
        let database = match file {
            Some(file) => {
                let path = file.to_str().with_context(|| format!("not a UTF-8 path: {}", file.display()))?;
                Database::new(path).map_err(|error| anyhow!("cannot open {path}: {error}"))?
            }
            None => Database::memory().map_err(|error| anyhow!("cannot open a database in memory: {error}"))?,
        };
        // Ten times as fast. Data survives a killed process, but not a power failure.
        database.enable_bulk_loading().map_err(|error| anyhow!("cannot configure the database: {error}"))?;
        Ok(Self { database })
    }

    /// Serves requests until `stop`.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
        let served = dynoxide::server::serve_with_shutdown(listener, self.database, stop.cancelled_owned());
        served.await.map_err(|error| anyhow!("the DynamoDB server failed: {error}"))
    }

    /// Handles one call from within this process: takes the operation's name and the request's JSON, and returns the HTTP
    /// status and the response's JSON. Supports the operations that this project uses.
    pub fn call(&self, operation: &str, request: &[u8]) -> (u16, String) {
        let database = &self.database;
        let response = match operation {
            "BatchGetItem" => handle(request, |r| database.batch_get_item(r)),
            "BatchWriteItem" => handle(request, |r| database.batch_write_item(r)),
            "CreateTable" => handle(request, |r| database.create_table(r)),
            "DeleteItem" => handle(request, |r| database.delete_item(r)),
            "DescribeTimeToLive" => handle(request, |r| database.describe_time_to_live(r)),
            "GetItem" => handle(request, |r| database.get_item(r)),
            "ListTables" => handle(request, |r| database.list_tables(r)),
            "PutItem" => handle(request, |r| database.put_item(r)),
            "Query" => handle(request, |r| database.query(r)),
            "Scan" => handle(request, |r| database.scan(r)),
            "UpdateItem" => handle(request, |r| database.update_item(r)),
            "UpdateTimeToLive" => handle(request, |r| database.update_time_to_live(r)),
            _ => Err(DynoxideError::ValidationException(format!("unsupported operation {operation}"))),
        };
        response.map_or_else(|error| (error.status_code(), error.to_json()), |json| (200, json))
    }

    /// Deletes expired items, as DynamoDB does some time after they expire. Returns their number.
    ///
    /// # Errors
    /// The database fails.
    pub async fn sweep(&self) -> anyhow::Result<usize> {
        let database = self.database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await?;
        swept.map_err(|error| anyhow!("cannot delete expired items: {error}"))
    }
}

/// Parses a request, performs it and serialises the response.
fn handle<R: DeserializeOwned, A: Serialize>(
    request: &[u8],
    perform: impl FnOnce(R) -> dynoxide::Result<A>,
) -> dynoxide::Result<String> {
    let request = serde_json::from_slice(request);
    let response = perform(request.map_err(|error| DynoxideError::SerializationException(error.to_string()))?)?;
    serde_json::to_string(&response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Creates the tables that do not exist yet.
///
/// # Errors
/// A call to the server fails.
pub async fn create_tables(client: &Client, tables: &[Table]) -> anyhow::Result<()> {
    let listed = client.list_tables().send().await;
    let listed = listed.map_err(|error| anyhow!("cannot list the tables: {}", DisplayErrorContext(error)))?;
    for table in tables {
        if !listed.table_names().contains(&table.name) {
            create_table(client, table).await?;
        }
        // Also for an existing table: an earlier start may have failed before this step.
        if let Some(attribute) = table.ttl_attribute {
            enable_ttl(client, &table.name, attribute).await?;
        }
    }
    Ok(())
}

async fn create_table(client: &Client, table: &Table) -> anyhow::Result<()> {
    let Table { name, partition_key, sort_key, indexes, .. } = table;
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let mut attributes = BTreeMap::from([(*partition_key, ScalarAttributeType::S)]);
    let mut request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    request = request.key_schema(key(partition_key, KeyType::Hash)?);
    if let Some(sort_key) = sort_key {
        attributes.insert(sort_key, ScalarAttributeType::S);
        request = request.key_schema(key(sort_key, KeyType::Range)?);
    }
    for index in *indexes {
        attributes.insert(index.partition_key, ScalarAttributeType::S);
        attributes.insert(index.sort_key, ScalarAttributeType::N);
        let index = GlobalSecondaryIndex::builder()
            .index_name(index.name)
            .key_schema(key(index.partition_key, KeyType::Hash)?)
            .key_schema(key(index.sort_key, KeyType::Range)?)
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
        request = request.global_secondary_indexes(index.build()?);
    }
    for (name, kind) in attributes {
        let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind);
        request = request.attribute_definitions(attribute.build()?);
    }
    let created = request.send().await;
    created.map_err(|error| anyhow!("cannot create table {name}: {}", DisplayErrorContext(error)))?;
    Ok(())
}

async fn enable_ttl(client: &Client, table: &str, attribute: &str) -> anyhow::Result<()> {
    let described = client.describe_time_to_live().table_name(table).send().await;
    let described = described
        .map_err(|error| anyhow!("cannot describe the TTL of table {table}: {}", DisplayErrorContext(error)))?;
    let status = described.time_to_live_description.and_then(|ttl| ttl.time_to_live_status);
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let ttl = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build()?;
    let updated = client.update_time_to_live().table_name(table).time_to_live_specification(ttl).send().await;
    updated.map_err(|error| anyhow!("cannot enable the TTL of table {table}: {}", DisplayErrorContext(error)))?;
    Ok(())
}
