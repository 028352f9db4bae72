//! Calls `ingest` directly, on a stack without functions.

use crate::{invocation, put, stores};
use churn_common::calendar::Timestamp;
use churn_common::history::History;
use churn_common::pseudonym::StoredUser;
use churn_common::store::Stores;
use churn_local::Stack;
use flate2::Compression;
use flate2::write::GzEncoder;
use ingest::{IngestError, IngestSettings, handle};
use serde_json::{Value, json};
use std::io::Write;

pub struct IngestFixture {
    pub stack: Stack,
    pub stores: Stores,
    pub settings: IngestSettings,
    /// The current time. It changes only when the test sets it.
    pub clock: Timestamp,
}

impl IngestFixture {
    pub async fn new() -> Self {
        let (stack, stores) = stores().await.unwrap();
        Self { stack, stores, settings: IngestSettings::default(), clock: Timestamp::now() }
    }

    /// Delivers an event with these records. Repeated calls have the same request id, like retries. Returns the
    /// response's objects.
    pub async fn deliver(&self, records: &[Value]) -> Result<Vec<Value>, IngestError> {
        self.deliver_as("event", records).await
    }

    /// Delivers an event with these records and the request id `id`.
    pub async fn deliver_as(&self, id: &str, records: &[Value]) -> Result<Vec<Value>, IngestError> {
        let mut response = self.invoke_as(id, json!({ "Records": records })).await?;
        Ok(response["objects"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Invokes `ingest` with a payload and returns its response.
    pub async fn invoke(&self, payload: Value) -> Result<Value, IngestError> {
        self.invoke_as("event", payload).await
    }

    async fn invoke_as(&self, id: &str, payload: Value) -> Result<Value, IngestError> {
        let summary = handle(payload, &self.stores, &self.settings, &invocation(id, self.clock)).await?;
        Ok(serde_json::to_value(summary).unwrap())
    }

    /// Puts an object, delivers its event, and checks that every line is counted.
    pub async fn ingest(&self, key: &str, body: impl Into<Vec<u8>>) -> Value {
        let record = put(&self.stack, key, body.into(), 1).await.unwrap();
        let object = self.deliver(&[record]).await.unwrap().remove(0);
        assert_eq!(object["outcome"], "ingested", "{object}");
        let n = |name: &str| object[name].as_u64().unwrap();
        assert_eq!(
            n("lines"),
            n("accepted") + n("duplicates") + n("without_user") + n("erased") + n("rejected"),
            "{object}"
        );
        object
    }

    /// All items of the history table, sorted, without the time at which they expire.
    pub async fn items(&self) -> Vec<String> {
        let mut pages = self.stack.dynamodb().scan().table_name("UserHistory").into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(item) = pages.next().await {
            let fields = item.unwrap().into_iter().filter(|(name, _)| name != "expires_at");
            let mut fields: Vec<_> = fields.map(|(k, v)| format!("{k}={v:?}")).collect();
            fields.sort();
            all.push(fields.join(" "));
        }
        all.sort();
        all
    }

    /// Waits until the history table has an item.
    pub async fn wait_for_first_item(&self) {
        let scan = self.stack.dynamodb().scan().table_name("UserHistory").limit(1);
        while scan.clone().send().await.unwrap().count() == 0 {}
    }

    /// The histories of all users.
    pub async fn histories(&self) -> Vec<(StoredUser, History)> {
        self.stores.histories.map_users(3, |_, history| Some(history)).await.unwrap()
    }

    /// All keys of the store bucket.
    pub async fn stored_keys(&self) -> Vec<String> {
        self.stores.store.list("").await.unwrap().into_iter().map(|(key, _)| key).collect()
    }

    /// The content of an object.
    pub async fn object(&self, bucket: &str, key: &str) -> Vec<u8> {
        let got = self.stack.s3().get_object().bucket(bucket).key(key).send().await.unwrap();
        got.body.collect().await.unwrap().to_vec()
    }
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
