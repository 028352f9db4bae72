//! Size and price of a table's items.

use anyhow::{Context, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;

/// Price of a million write request units on demand, in US dollars: us-east-1, since November 2024
/// (<https://aws.amazon.com/dynamodb/pricing/on-demand/>).
const USD_PER_MILLION_WRITES: f64 = 0.625;

/// A table's items.
#[derive(Debug, Default)]
pub struct Stored {
    /// How many.
    pub items: u64,
    /// Bytes of all, as DynamoDB counts them: names and values of attributes.
    pub bytes: u64,
    /// Bytes of the one in the middle.
    pub median: u64,
    /// Bytes of the largest.
    pub largest: u64,
    /// Write request units that each being written once takes: one for each begun KiB.
    pub write_units: u64,
}

impl Stored {
    /// What writing them once costs, in US dollars.
    pub fn price_usd(&self) -> f64 {
        self.write_units as f64 / 1e6 * USD_PER_MILLION_WRITES
    }
}

/// Reads a whole table.
pub async fn measure(client: &Client, table: &str) -> anyhow::Result<Stored> {
    let mut pages = client.scan().table_name(table).into_paginator().items().send();
    let mut sizes = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.map_err(|e| anyhow!("can't read {table}: {}", DisplayErrorContext(e)))?;
        let mut size = 0;
        for (name, value) in &item {
            size += name.len() + bytes(value).with_context(|| format!("{name} of {table} is of an unknown type"))?;
        }
        sizes.push(size as u64);
    }
    sizes.sort_unstable();
    Ok(Stored {
        items: sizes.len() as u64,
        bytes: sizes.iter().sum(),
        median: sizes.get(sizes.len() / 2).copied().unwrap_or_default(),
        largest: sizes.last().copied().unwrap_or_default(),
        write_units: sizes.iter().map(|size| size.div_ceil(1024)).sum(),
    })
}

/// The size of a value (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
fn bytes(value: &AttributeValue) -> Option<usize> {
    match value {
        AttributeValue::S(text) => Some(text.len()),
        AttributeValue::B(blob) => Some(blob.as_ref().len()),
        // One byte for two significant digits, and one more.
        AttributeValue::N(digits) => Some(digits.len().div_ceil(2) + 1),
        _ => None,
    }
}
