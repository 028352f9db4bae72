//! Sizes of a table's items, and the price of writing them.

use anyhow::{Context, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;
use churn_common::prices::WRITE_UNIT;

/// Sizes in bytes as DynamoDB counts them: names and values of attributes.
#[derive(Debug, Default)]
pub struct TableSize {
    /// Number of items.
    pub items: u64,
    /// Sum over all items.
    pub bytes: u64,
    /// Median item size.
    pub median: u64,
    /// Largest item size.
    pub largest: u64,
    /// Write request units to write every item once: one per started KiB of an item.
    pub write_units: u64,
}

impl TableSize {
    /// Scans the whole table.
    ///
    /// # Errors
    /// The table cannot be read, or an attribute has an unsupported type.
    pub async fn read(client: &Client, table: &str) -> anyhow::Result<Self> {
        let mut pages = client.scan().table_name(table).into_paginator().items().send();
        let mut sizes = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| anyhow!("cannot read {table}: {}", DisplayErrorContext(e)))?;
            let mut size = 0;
            for (name, value) in &item {
                size += name.len()
                    + bytes(value).with_context(|| format!("attribute {name} of {table}: unsupported type"))?;
            }
            sizes.push(size as u64);
        }
        sizes.sort_unstable();
        Ok(Self {
            items: sizes.len() as u64,
            bytes: sizes.iter().sum(),
            median: sizes.get(sizes.len() / 2).copied().unwrap_or_default(),
            largest: sizes.last().copied().unwrap_or_default(),
            write_units: sizes.iter().map(|size| size.div_ceil(1024)).sum(),
        })
    }

    /// Price of writing every item once, in US dollars.
    pub fn price_usd(&self) -> f64 {
        self.write_units as f64 * WRITE_UNIT
    }
}

/// The size of a value (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
fn bytes(value: &AttributeValue) -> Option<usize> {
    match value {
        AttributeValue::S(text) => Some(text.len()),
        AttributeValue::B(blob) => Some(blob.as_ref().len()),
        // One byte per two significant digits, plus one.
        AttributeValue::N(digits) => Some(digits.len().div_ceil(2) + 1),
        _ => None,
    }
}
