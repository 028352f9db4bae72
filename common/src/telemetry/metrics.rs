//! Metrics of one unit of work, as one line in CloudWatch's embedded metric format (EMF). Lambda collects it from
//! stdout.
//!
//! Format:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use crate::calendar::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::env;
use std::io::{self, Write};

/// The only dimension of most metrics, as in Powertools: CloudWatch charges for each combination of dimension values.
const SERVICE: &str = "service";
/// The second dimension of the metric of cold starts, as in Powertools.
const FUNCTION_NAME: &str = "function_name";
/// The member that the format reserves.
const METADATA: &str = "_aws";

/// The units, as CloudWatch names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    Count,
    Bytes,
    Milliseconds,
    Seconds,
    /// 0 to 100.
    Percent,
    /// A number without a unit, such as a probability or an index.
    None,
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// CloudWatch accepts neither infinities nor NaN.
    #[error("metric {name} is {value}, expected a finite number")]
    NotFinite { name: &'static str, value: f64 },
    /// A metric or property has the name of another member of the line.
    #[error("duplicate member {0}")]
    DuplicateMember(&'static str),
    #[error("the metrics could not be written: {0}")]
    Unwritable(#[from] io::Error),
}

/// The metrics of one unit of work, such as an invocation or one object of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    at: Timestamp,
    namespace: String,
    dimensions: Vec<(&'static str, String)>,
    metrics: Vec<(&'static str, Unit, Value)>,
    properties: Vec<(&'static str, Value)>,
}

impl Metrics {
    /// An empty set of metrics for work of `function` at `at`. `POWERTOOLS_METRICS_NAMESPACE` is the namespace (default:
    /// `Churn`), `POWERTOOLS_SERVICE_NAME` the dimension `service` (default: the function).
    pub fn new(function: &'static str, at: Timestamp) -> Self {
        let namespace = or_variable("POWERTOOLS_METRICS_NAMESPACE", "Churn");
        let dimensions = vec![(SERVICE, service(function))];
        Self { at, namespace, dimensions, metrics: Vec::new(), properties: Vec::new() }
    }

    /// The metric `ColdStart` of the first invocation of a process.
    pub(super) fn cold_start(function: &'static str, at: Timestamp) -> Self {
        let mut metrics = Self::new(function, at).count("ColdStart", 1);
        metrics.dimensions.push((FUNCTION_NAME, or_variable("AWS_LAMBDA_FUNCTION_NAME", function)));
        metrics
    }

    /// Adds a metric in the unit [`Unit::Count`].
    #[must_use]
    pub fn count(mut self, name: impl Into<&'static str>, n: u64) -> Self {
        self.metrics.push((name.into(), Unit::Count, n.into()));
        self
    }

    /// Adds a metric; fails unless `value` is finite.
    pub fn put(mut self, name: &'static str, value: f64, unit: Unit) -> Result<Self, TelemetryError> {
        if !value.is_finite() {
            return Err(TelemetryError::NotFinite { name, value });
        }
        self.metrics.push((name, unit, value.into()));
        Ok(self)
    }

    /// Adds a property, which is searchable in the log but is not a metric: a source or a version, never personal data.
    #[must_use]
    pub fn property(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.properties.push((name, value.into()));
        self
    }

    /// Writes the line to stdout.
    pub fn emit(&self) -> Result<(), TelemetryError> {
        if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
            return self.emit_to(&mut io::stdout().lock());
        }
        // In tests: their harness captures only `print!`, which panics where stdout cannot be written.
        let mut line = Vec::new();
        self.emit_to(&mut line)?;
        print!("{}", String::from_utf8_lossy(&line));
        Ok(())
    }

    /// Writes the line to `out`: at once, so that no other line comes between.
    pub fn emit_to(&self, out: &mut impl Write) -> Result<(), TelemetryError> {
        let mut line = serde_json::to_vec(&self.members()?).map_err(io::Error::from)?;
        line.push(b'\n');
        out.write_all(&line)?;
        Ok(out.flush()?)
    }

    /// The members of the line's object.
    fn members(&self) -> Result<Map<String, Value>, TelemetryError> {
        let declared: Vec<Value> =
            self.metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
        let names: Vec<&str> = self.dimensions.iter().map(|(name, _)| *name).collect();
        let metadata = json!({
            "Timestamp": self.at.millis(),
            "CloudWatchMetrics": [{"Namespace": self.namespace, "Dimensions": [names], "Metrics": declared}],
        });
        let dimensions = self.dimensions.iter().map(|(name, value)| (*name, Value::from(value.as_str())));
        let metrics = self.metrics.iter().map(|(name, _, value)| (*name, value.clone()));
        let all = [(METADATA, metadata)].into_iter().chain(dimensions).chain(metrics);
        let mut members = Map::new();
        for (name, value) in all.chain(self.properties.iter().cloned()) {
            if members.insert(name.to_owned(), value).is_some() {
                return Err(TelemetryError::DuplicateMember(name));
            }
        }
        Ok(members)
    }
}

/// The service that `function` belongs to in metrics and in the log.
pub(super) fn service(function: &str) -> String {
    or_variable("POWERTOOLS_SERVICE_NAME", function)
}

fn or_variable(name: &str, default: &str) -> String {
    env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_538_352_117_123);

    fn metrics() -> Metrics {
        Metrics::new("ingest", AT).count("lines", 281_572).count("rejected", 0)
    }

    #[test]
    fn metrics_are_one_line_in_the_embedded_metric_format() {
        let metrics = metrics().put("took", 12.5, Unit::Milliseconds).unwrap();
        let metrics = metrics.property("source", "s3://churn-logs/a\nb.json").property("version", 3);
        let mut out = Vec::new();
        metrics.emit_to(&mut out).unwrap();
        assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
        assert_eq!(out.last(), Some(&b'\n'));
        let expected = json!({
            "_aws": {
                "Timestamp": 1_538_352_117_123_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Churn",
                    "Dimensions": [["service"]],
                    "Metrics": [
                        {"Name": "lines", "Unit": "Count"},
                        {"Name": "rejected", "Unit": "Count"},
                        {"Name": "took", "Unit": "Milliseconds"},
                    ],
                }],
            },
            "service": "ingest",
            "lines": 281_572,
            "rejected": 0,
            "took": 12.5,
            "source": "s3://churn-logs/a\nb.json",
            "version": 3,
        });
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), expected);
    }

    #[test]
    fn cold_start_is_a_line_of_its_own() {
        let mut out = Vec::new();
        Metrics::cold_start("predict", AT).emit_to(&mut out).unwrap();
        let declared = json!([{"Namespace": "Churn", "Dimensions": [["service", "function_name"]],
            "Metrics": [{"Name": "ColdStart", "Unit": "Count"}]}]);
        let expected = json!({"_aws": {"Timestamp": AT.millis(), "CloudWatchMetrics": declared},
            "service": "predict", "function_name": "predict", "ColdStart": 1});
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), expected);
    }

    #[test]
    fn values_that_cloudwatch_rejects_are_errors() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = metrics().put("auc", value, Unit::None).unwrap_err().to_string();
            assert_eq!(error, format!("metric auc is {value}, expected a finite number"));
        }
        for twice in ["lines", "service", "_aws"] {
            let mut out = Vec::new();
            let error = metrics().property(twice, 1).emit_to(&mut out).unwrap_err().to_string();
            assert_eq!((error, out.len()), (format!("duplicate member {twice}"), 0));
        }
    }

    #[test]
    fn write_failure_is_an_error() {
        let mut full: &mut [u8] = &mut [0; 10];
        assert!(matches!(metrics().emit_to(&mut full), Err(TelemetryError::Unwritable(_))));
    }
}
