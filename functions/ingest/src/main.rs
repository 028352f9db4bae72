//! The `ingest` function as deployed.

use ingest::Handler;
use lambda_runtime::{Error, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let handler = Handler::from_env().await?;
    lambda_runtime::run(service_fn(|event| handler.handle(event))).await
}
