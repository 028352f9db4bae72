//! Telemetry of a function: metrics, and the spans of its log lines.

mod metrics;
mod span;

pub use metrics::{Metrics, TelemetryError, Unit};
pub use span::invocation_span;
