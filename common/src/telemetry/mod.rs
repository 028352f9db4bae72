//! Telemetry of a function: metrics, its log, and the spans of its log lines.

#[cfg(feature = "stores")]
mod log;
mod metrics;
mod span;

#[cfg(feature = "stores")]
pub use log::{LogError, init_log};
pub use metrics::{Metrics, TelemetryError, Unit};
pub use span::in_invocation;
