//! The binary of `retrain`.

use churn_common::telemetry::LogWriter;
use lambda_runtime::{Error, service_fn, tracing};
use retrain::Function;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber_with_writer(LogWriter::default);
    let function = Function::from_env().await?;
    lambda_runtime::run(service_fn(|event| function.handle(event))).await
}
