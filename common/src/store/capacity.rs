//! The request units of DynamoDB that calls consumed.

use aws_sdk_dynamodb::types::ConsumedCapacity;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts units. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct CapacityMeter(Arc<Units>);

/// In halves: an eventually consistent read of up to 4 KB consumes half a unit.
#[derive(Debug, Default)]
struct Units {
    read: AtomicU64,
    written: AtomicU64,
}

impl CapacityMeter {
    pub fn read_units(&self) -> f64 {
        self.0.read.load(Ordering::Relaxed) as f64 / 2.0
    }

    pub fn write_units(&self) -> f64 {
        self.0.written.load(Ordering::Relaxed) as f64 / 2.0
    }

    pub(super) fn add_read<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        self.0.read.fetch_add(halves(consumed), Ordering::Relaxed);
    }

    pub(super) fn add_written<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        self.0.written.fetch_add(halves(consumed), Ordering::Relaxed);
    }
}

/// With the units of indexes, of all tables.
fn halves<'a>(consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) -> u64 {
    let units: f64 = consumed.into_iter().filter_map(|table| table.capacity_units).sum();
    (2.0 * units).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_all_clones_and_tables_are_added() {
        let meter = CapacityMeter::default();
        let units = |units| ConsumedCapacity::builder().capacity_units(units).build();
        meter.clone().add_read(&[units(0.5), units(128.5)]);
        meter.add_read(None);
        meter.add_written(Some(&units(3.0)));
        assert_eq!((meter.read_units(), meter.write_units()), (129.0, 3.0));
    }
}
