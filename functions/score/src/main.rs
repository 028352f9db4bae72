//! The `score` function as deployed.

use churn_common::telemetry::init_log;
use lambda_runtime::{Error, service_fn};
use score::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log("score")?;
    let handler = Handler::from_env().await?;
    lambda_runtime::run(service_fn(|event| handler.handle(event))).await
}
