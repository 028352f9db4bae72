//! Telemetry of a function: metrics, its log, and the spans of its log lines.

mod log;
mod metrics;
mod span;

pub use log::LogWriter;
pub use metrics::{Metrics, TelemetryError, Unit};
pub use span::invocation_span;
