//! The `ingest` function as deployed.

use churn_common::telemetry::init_log;
use ingest::Handler;
use lambda_runtime::{Error, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log("ingest")?;
    let handler = Handler::from_env().await?;
    lambda_runtime::run(service_fn(|event| handler.handle(event))).await
}
