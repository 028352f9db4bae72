//! The `monitor` function as deployed.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    monitor::run().await
}
