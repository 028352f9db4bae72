//! The estimated cost of an invocation on AWS.

use churn_common::prices::{LAMBDA_GB_SECOND, LAMBDA_REQUEST, READ_UNIT, WRITE_UNIT};
use churn_common::store::capacity::CapacityMeter;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Of tables and Lambda. Requests to S3, events, messages and logs are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Read request units of DynamoDB.
    pub read_units: f64,
    /// Write request units of DynamoDB, with those of indexes.
    pub write_units: f64,
    /// Memory of the function in GB times seconds; `None` outside of Lambda.
    pub lambda_gb_seconds: Option<f64>,
    /// With the prices of us-east-1, on demand.
    pub usd: f64,
}

impl Cost {
    pub(crate) fn new(capacity: &CapacityMeter, duration: Duration, memory_mb: Option<u32>) -> Self {
        let (read_units, write_units) = (capacity.read_units(), capacity.write_units());
        let lambda_gb_seconds = memory_mb.map(|mb| f64::from(mb) / 1024.0 * duration.as_secs_f64());
        let lambda = lambda_gb_seconds.map_or(0.0, |gb_seconds| LAMBDA_REQUEST + gb_seconds * LAMBDA_GB_SECOND);
        let usd = read_units * READ_UNIT + write_units * WRITE_UNIT + lambda;
        Self { read_units, write_units, lambda_gb_seconds, usd }
    }
}

/// The memory of the Lambda function that runs this process.
pub(crate) fn lambda_memory_mb() -> Option<u32> {
    std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_costs_its_memory_and_time() {
        let cost = Cost::new(&CapacityMeter::default(), Duration::from_secs(60), Some(1769));
        // 60 s × 1,769 MB ÷ 1,024 × 0.0000133334 USD + 0.0000002 USD.
        assert!((cost.usd - 0.001_382_238).abs() < 1e-8, "{cost:?}");
        let local = Cost::new(&CapacityMeter::default(), Duration::from_secs(60), None);
        assert_eq!(local, Cost::default());
    }
}
