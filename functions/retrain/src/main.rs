//! The binary of `retrain`.

use churn_common::telemetry::init_log;
use lambda_runtime::{Error, service_fn};
use retrain::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    init_log("retrain")?;
    let function = Function::from_env().await?;
    lambda_runtime::run(service_fn(|event| function.handle(event))).await
}
