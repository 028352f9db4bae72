//! Prices of AWS in US dollars: us-east-1, on demand, without free tier, November 2026. `docs/cost.md` has the same prices, and a test
//! compares them.

/// Of a read request unit of DynamoDB.
pub const READ_UNIT: f64 = 0.000_000_125;
/// Of a write request unit of DynamoDB.
pub const WRITE_UNIT: f64 = 0.000_000_625;
/// Of one GB-second of Lambda, arm64.
pub const LAMBDA_GB_SECOND: f64 = 0.000_013_333_4;
/// Of one invocation of Lambda.
pub const LAMBDA_REQUEST: f64 = 0.000_000_2;
