//! The `predict` function as deployed.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    predict::run().await
}
