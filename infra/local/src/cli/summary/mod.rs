//! Summaries of the responses of functions, for people. `--json` prints the responses themselves.

mod data;
mod effect;
mod ingest;
mod monitor;
mod predict;
mod retrain;
mod score;

pub use self::ingest::{ObjectLine, object_line};
pub use self::monitor::outcome as monitored;
pub use self::predict::{Language, StoredRisk, flag, prediction, prediction_row, prediction_table_head, stored_risk};
pub use self::retrain::{gate_result, manually_promoted, metrics, ranking, trained};
pub use self::score::{outcome as scored, users_at_risk};

use super::text::Text;
use anyhow::{Context, bail};
use churn_common::payload::IgnoreReason;
use serde::de::DeserializeOwned;

/// Parses the response of a function.
///
/// # Errors
/// The response has another form, because another release of the function sent it.
pub fn parse<T: DeserializeOwned>(function: &str, response: &[u8]) -> anyhow::Result<T> {
    serde_json::from_slice(response).with_context(|| format!("unexpected response of {function}"))
}

/// The summary of a response of `function`.
///
/// # Errors
/// As [`parse`].
pub fn response(function: &str, response: &[u8]) -> anyhow::Result<Text> {
    match function {
        "ingest" => parse(function, response).map(|summary| ingest::summary(&summary)),
        "monitor" => parse(function, response).map(|outcome| monitor::outcome(&outcome)),
        "predict" => parse(function, response).map(|response| predict::response(&response)),
        "retrain" => parse(function, response).map(|outcome| retrain::outcome(&outcome)),
        "score" => parse(function, response).map(|outcome| score::outcome(&outcome)),
        _ => bail!("function {function} has no summary: run with --json"),
    }
}

fn ignored(reason: IgnoreReason) -> Text {
    let mut text = Text::new();
    text.line(
        0,
        match reason {
            IgnoreReason::WarmUpPing => "Nothing was done: the payload is a ping that keeps the function warm",
        },
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_a_summary_of_a_ping() {
        for function in ["ingest", "monitor", "predict", "retrain", "score"] {
            let ping = match function {
                "ingest" => r#"{"objects":[],"ignored":"warm_up_ping"}"#,
                _ => r#"{"outcome":"ignored","reason":"warm_up_ping"}"#,
            };
            let text = response(function, ping.as_bytes()).unwrap().to_string();
            assert!(text.contains("a ping that keeps the function warm"), "{function}: {text}");
        }
    }
}
