//! What `churn up` prints at its start: addresses, and commands to paste. They work in every folder, because paths are
//! absolute.

use super::super::text::Text;
use crate::Stack;
use crate::s3::{ACCESS_KEY, SECRET_KEY};
use anyhow::Context;
use std::path::Path;

/// `data` and `sample` are absolute paths: the data folder, and a log to upload, if there is one.
///
/// # Errors
/// The system does not know the path of this program.
pub fn welcome(stack: &Stack, bucket: &str, data: &Path, sample: Option<&Path>) -> anyhow::Result<Text> {
    let program = std::env::current_exe().context("cannot find the path of this program")?;
    let [program, data_folder] = [&program, data].map(quoted);
    let endpoints = stack.endpoints();
    let (http, s3, dynamodb, lambda) = (&endpoints.http, &endpoints.s3, &endpoints.dynamodb, &endpoints.lambda);
    let mut text = Text::new();
    text.line(0, "The stack is running. Press Ctrl-C to stop it.")
        .row(format!("  HTTP {http}   S3 {s3}"))
        .row(format!("  DynamoDB {dynamodb}   Lambda {lambda}"))
        .row(format!("  data folder: {}", data.display()))
        .row(format!("  published events: {}", stack.events_log().display()))
        .row(format!("  digests of alerts: {}", stack.alerts_log().display()));
    if let Some(log) = stack.functions_log() {
        text.row(format!("  log of the functions: {}", log.display()));
    }
    let (head, log) = match sample {
        Some(sample) => ("Upload a log. This is the sample log:", quoted(sample)),
        None => ("Upload a log:", "events.json.gz".to_owned()),
    };
    text.blank()
        .row(head)
        .row(format!("  export AWS_ACCESS_KEY_ID={ACCESS_KEY} AWS_SECRET_ACCESS_KEY={SECRET_KEY}"))
        .row("  export AWS_DEFAULT_REGION=us-east-1")
        .row(format!("  aws --endpoint-url {s3} s3 cp \\"))
        .row(format!("    {log} s3://{bucket}/"))
        .blank()
        .row("Train a model and request a prediction:")
        .row(format!("  {program} invoke retrain \\"))
        .row(format!("    --data {data_folder}"))
        .row(format!("  curl -s {http}/predict \\"))
        .row("    -H 'content-type: application/json' -d '{\"user_id\":\"30\"}'")
        .blank()
        .row("Train with the AWS CLI. The response is in retrain.json:")
        .row(format!("  aws --endpoint-url {lambda} lambda invoke \\"))
        .row("    --function-name retrain --cli-read-timeout 0 retrain.json")
        .blank()
        .row("Ingested objects:");
    Ok(text)
}

/// A path as one word of a shell command.
fn quoted(path: &Path) -> String {
    let path = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    match path.chars().all(is_plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_one_word_of_a_command() {
        let quoted = |path: &str| quoted(Path::new(path));
        assert_eq!(quoted("/data/.churn-1"), "/data/.churn-1");
        assert_eq!(quoted("/my data/it's"), "'/my data/it'\\''s'");
        assert_eq!(quoted("/$(x)"), "'/$(x)'");
    }
}
