//! The `predict` function as deployed.

use churn_common::telemetry::init_log;
use lambda_http::{Error, service_fn};
use predict::Handler;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log("predict")?;
    let handler = Handler::from_env().await?;
    lambda_http::run(service_fn(|request| handler.handle(request))).await
}
