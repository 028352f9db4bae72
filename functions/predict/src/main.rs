//! The `predict` function as deployed.

use churn_common::telemetry::LogWriter;
use lambda_http::{Error, service_fn, tracing};
use predict::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber_with_writer(LogWriter::default);
    let handler = Handler::from_env().await?;
    lambda_http::run(service_fn(|request| handler.handle(request))).await
}
