//! `ingest` called directly, on a stack of stores alone.

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

/// A stack of stores, and the settings and the clock that `ingest` is called with.
pub struct IngestFixture {
    /// The stack.
    pub stack: Stack,
    /// Its stores.
    pub stores: Stores,
    /// Settings of `ingest`.
    pub settings: IngestSettings,
    /// What the time is; it stands still.
    pub clock: Timestamp,
}

impl IngestFixture {
    /// A stack of its own.
    pub async fn new() -> Self {
        let (stack, stores) = stores().await.unwrap();
        Self { stack, stores, settings: IngestSettings::default(), clock: Timestamp::now() }
    }

    /// Delivers an event of these records, or delivers it again; the answer's objects.
    pub async fn deliver(&self, records: &[Value]) -> Result<Vec<Value>, IngestError> {
        self.deliver_as("event", records).await
    }

    /// Delivers an event of these records with the request id `id`.
    pub async fn deliver_as(&self, id: &str, records: &[Value]) -> Result<Vec<Value>, IngestError> {
        let invocation = invocation(id, self.clock);
        let summary = handle(json!({ "Records": records }), &self.stores, &self.settings, &invocation).await?;
        Ok(summary.objects.iter().map(|o| serde_json::to_value(o).unwrap()).collect())
    }

    /// Puts an object, delivers it, and checks that every line is accounted for.
    pub async fn ingest(&self, key: &str, body: impl Into<Vec<u8>>) -> Value {
        let record = put(&self.stack, key, body.into(), 1).await.unwrap();
        let answer = self.deliver(&[record]).await.unwrap().remove(0);
        assert_eq!(answer["outcome"], "ingested", "{answer}");
        let n = |name: &str| answer[name].as_u64().unwrap();
        assert_eq!(
            n("lines"),
            n("accepted") + n("duplicates") + n("without_user") + n("erased") + n("rejected"),
            "{answer}"
        );
        answer
    }

    /// Every item of the table of histories, sorted.
    pub async fn items(&self) -> Vec<String> {
        let mut pages = self.stack.dynamodb().scan().table_name("UserHistory").into_paginator().items().send();
        let mut all = Vec::new();
        while let Some(item) = pages.next().await {
            let mut fields: Vec<_> = item.unwrap().into_iter().map(|(k, v)| format!("{k}={v:?}")).collect();
            fields.sort();
            all.push(fields.join(" "));
        }
        all.sort();
        all
    }

    /// Waits until there is an item in the table of histories.
    pub async fn first_item(&self) {
        let scan = self.stack.dynamodb().scan().table_name("UserHistory").limit(1);
        while scan.clone().send().await.unwrap().count() == 0 {}
    }

    /// Every user's history.
    pub async fn histories(&self) -> Vec<(StoredUser, History)> {
        self.stores.histories.map_users(3, |_, history| Some(history)).await.unwrap()
    }

    /// Every key of the store bucket.
    pub async fn kept(&self) -> Vec<String> {
        self.stores.store.list("").await.unwrap().into_iter().map(|(key, _)| key).collect()
    }

    /// The bytes of an object.
    pub async fn object(&self, bucket: &str, key: &str) -> Vec<u8> {
        let got = self.stack.s3().get_object().bucket(bucket).key(key).send().await.unwrap();
        got.body.collect().await.unwrap().to_vec()
    }
}

/// Compressed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
