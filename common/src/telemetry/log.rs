//! The log of a function: lines on standard output, as text or as JSON.

use std::env;
use std::io::{self, Write};
use tracing_subscriber::filter::{EnvFilter, LevelFilter, ParseError};

/// Writes to standard output, and drops what cannot be written, as on a full disk. A function must not fail because of its log:
/// `tracing-subscriber` reports an error of its writer on standard error, and panics if that fails as well.
#[derive(Debug, Clone, Copy, Default)]
struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = io::stdout().write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stdout().flush();
        Ok(())
    }
}

/// The variables with the level of the log. The first that is set counts.
const LEVELS: [&str; 3] = ["CHURN_LOG_LEVEL", "POWERTOOLS_LOG_LEVEL", "AWS_LAMBDA_LOG_LEVEL"];

/// The runtime has a span of its own with the request id, which our span replaces.
const WITHOUT_SPAN_OF_THE_RUNTIME: &str = "lambda_runtime::layers::trace=off";

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("{variable} is {value:?}, expected trace, debug, info, warn, error or off")]
    Level { variable: &'static str, value: String },
    #[error("RUST_LOG is {value:?}: {reason}")]
    Filter { value: String, reason: ParseError },
}

/// Starts the log of `function` on standard output: JSON with `AWS_LAMBDA_LOG_FORMAT=JSON`, otherwise text. Without a level,
/// `RUST_LOG` filters the lines.
///
/// # Errors
/// The level or the filter is invalid.
pub fn init_log(function: &str) -> Result<(), LogError> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let directives = filter(function, variable)?;
    let filter = EnvFilter::try_new(&directives)
        .map_err(|reason| LogError::Filter { value: variable("RUST_LOG").unwrap_or_default(), reason })?;
    let log = tracing_subscriber::fmt().with_target(false).with_env_filter(filter).with_writer(LogWriter::default);
    match variable("AWS_LAMBDA_LOG_FORMAT") {
        Some(format) if format.eq_ignore_ascii_case("json") => log.json().flatten_event(true).init(),
        _ => log.without_time().init(),
    }
    Ok(())
}

/// The filter of the lines. A level below INFO holds for our crates only, because libraries log whole requests at these levels,
/// with personal data.
fn filter(function: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, LogError> {
    let level = LEVELS.into_iter().find_map(|name| variable(name).map(|value| (name, value)));
    let lines = match level {
        None => variable("RUST_LOG").unwrap_or_else(|| "info".to_owned()),
        Some((variable, value)) => match level_of(&value) {
            None => return Err(LogError::Level { variable, value }),
            Some(level) if level > LevelFilter::INFO => format!("info,churn={level},{function}={level}"),
            Some(level) => level.to_string(),
        },
    };
    Ok(format!("{lines},{WITHOUT_SPAN_OF_THE_RUNTIME}"))
}

/// The level `name`. Lambda and Powertools have names of their own for some.
fn level_of(name: &str) -> Option<LevelFilter> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "trace" => Some(LevelFilter::TRACE),
        "debug" => Some(LevelFilter::DEBUG),
        "info" => Some(LevelFilter::INFO),
        "warn" | "warning" => Some(LevelFilter::WARN),
        "error" | "fatal" | "critical" => Some(LevelFilter::ERROR),
        "off" | "silent" => Some(LevelFilter::OFF),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter_with(variables: &[(&str, &str)]) -> Result<String, String> {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        let filter = filter("predict", variable).map_err(|error| error.to_string())?;
        Ok(filter.strip_suffix(&format!(",{WITHOUT_SPAN_OF_THE_RUNTIME}")).unwrap().to_owned())
    }

    #[test]
    fn first_variable_with_a_level_counts() {
        let all = [
            ("CHURN_LOG_LEVEL", "error"),
            ("POWERTOOLS_LOG_LEVEL", "WARNING"),
            ("AWS_LAMBDA_LOG_LEVEL", "FATAL"),
            ("RUST_LOG", "aws_config=debug"),
        ];
        assert_eq!(filter_with(&all).unwrap(), "error");
        assert_eq!(filter_with(&all[1..]).unwrap(), "warn");
        assert_eq!(filter_with(&all[2..]).unwrap(), "error");
        assert_eq!(filter_with(&all[3..]).unwrap(), "aws_config=debug");
        assert_eq!(filter_with(&[]).unwrap(), "info");
        let error = "POWERTOOLS_LOG_LEVEL is \"loud\", expected trace, debug, info, warn, error or off";
        assert_eq!(filter_with(&[("POWERTOOLS_LOG_LEVEL", "loud")]), Err(error.to_owned()));
    }

    #[test]
    fn libraries_do_not_log_requests() {
        for level in ["DEBUG", "trace"] {
            let expected = format!("info,churn={0},predict={0}", level.to_lowercase());
            assert_eq!(filter_with(&[("AWS_LAMBDA_LOG_LEVEL", level)]).unwrap(), expected);
        }
    }
}
