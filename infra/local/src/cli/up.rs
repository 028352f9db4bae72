//! `churn up`: keeps the stack running on fixed ports until Ctrl-C.

use super::{DataArgs, stop_signal};
use crate::config::Ports;
use crate::lambda::process::Output;
use crate::s3::{ACCESS_KEY, SECRET_KEY};
use crate::schedule::Schedule;
use crate::{Stack, StackConfig};
use anyhow::bail;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Run the stack until Ctrl-C: upload logs to S3, request predictions over HTTP.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Port of the HTTP API.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    http_port: u16,
    /// Port of S3.
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    s3_port: u16,
    /// Port of DynamoDB.
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    dynamodb_port: u16,
    /// Port of Lambda and EventBridge.
    #[arg(long, value_name = "PORT", default_value_t = 9001)]
    lambda_port: u16,
    /// Schedule of retrain: rate(…), cron(…) or off.
    #[arg(long, value_name = "SCHEDULE", default_value = "cron(0 3 * * ? *)", env = "CHURN_RETRAIN_SCHEDULE")]
    retrain: Schedule,
    /// Schedule of monitor: rate(…), cron(…) or off.
    #[arg(long, value_name = "SCHEDULE", default_value = "cron(0 4 * * ? *)", env = "CHURN_MONITOR_SCHEDULE")]
    monitor: Schedule,
    /// Seconds that running ingests and other invocations get to end after Ctrl-C.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    grace: u64,
    /// Print the output of the functions instead of writing it to functions.log in the data folder.
    #[arg(long)]
    verbose: bool,
}

/// Runs the stack until Ctrl-C or SIGTERM. Exits with 1 if work is left.
///
/// # Errors
/// The stack cannot start.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut config = StackConfig::of_this_program(args.data.dir())?;
    config.ports =
        Ports { http: args.http_port, s3: args.s3_port, dynamodb: args.dynamodb_port, lambda: args.lambda_port };
    config.schedules = vec![("retrain".to_owned(), args.retrain), ("monitor".to_owned(), args.monitor)];
    config.redeliver_on_start = true;
    config.grace = Duration::from_secs(args.grace);
    config.output = args.verbose.then_some(Output::Inherit);
    let bucket = config.names.logs_bucket.clone();
    let data = args.data.data.display().to_string();

    // Before the start, so that a signal during the start is not lost.
    let stop = stop_signal()?;
    let stack = Stack::start(config).await?;
    writeln!(std::io::stdout(), "{}", welcome(&stack, &bucket, &data))?;
    let log = log_ingests(stack.ingest_results());
    tokio::select! {
        () = stop => {}
        () = log => {}
    }
    tracing::info!("stopping");
    let left = stack.shutdown().await;
    if left.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    bail!("stopped before this was complete: {}; the next `churn up` on {data} ingests the objects", left.join(", "))
}

async fn log_ingests(mut deliveries: tokio::sync::mpsc::UnboundedReceiver<crate::notify::Delivery>) {
    while let Some(delivery) = deliveries.recv().await {
        // Failures are logged by the notifier.
        if let Ok(response) = delivery.result {
            let (key, result) = (delivery.event.key, String::from_utf8_lossy(&response).into_owned());
            tracing::info!(key, result, "object ingested");
        }
    }
}

fn welcome(stack: &Stack, bucket: &str, data: &str) -> String {
    let endpoints = stack.endpoints();
    let (http, s3, dynamodb, lambda) = (&endpoints.http, &endpoints.s3, &endpoints.dynamodb, &endpoints.lambda);
    let log =
        stack.functions_log().map(|path| format!("  log of the functions: {}\n", path.display())).unwrap_or_default();
    let events = stack.events_log().display();
    format!(
        "\
The stack is running. Press Ctrl-C to stop it.
  HTTP {http}   S3 {s3}   DynamoDB {dynamodb}   Lambda {lambda}
{log}  published events: {events}

Upload logs:
  export AWS_ACCESS_KEY_ID={ACCESS_KEY} AWS_SECRET_ACCESS_KEY={SECRET_KEY} AWS_DEFAULT_REGION=us-east-1
  aws --endpoint-url {s3} s3 cp events.json.gz s3://{bucket}/

Train a model and request a prediction:
  cargo run --release -- invoke retrain --data {data}
  curl -s {http}/predict -H 'content-type: application/json' -d '{{\"user_id\":\"30\"}}'

The same with the AWS CLI:
  aws --endpoint-url {lambda} lambda invoke --function-name retrain /dev/stdout"
    )
}
