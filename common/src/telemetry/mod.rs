//! What a function reports about its work: metrics, and the spans that its log lines belong to.

mod metrics;
mod span;

pub use metrics::{Metrics, TelemetryError, Unit};
pub use span::invocation_span;
