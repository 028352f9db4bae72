//! The `score` function as deployed.

use churn_common::telemetry::LogWriter;
use lambda_runtime::{Error, service_fn, tracing};
use score::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber_with_writer(LogWriter::default);
    let handler = Handler::from_env().await?;
    lambda_runtime::run(service_fn(|event| handler.handle(event))).await
}
