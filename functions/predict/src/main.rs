//! The `predict` function as deployed.

fn main() -> Result<(), lambda_http::Error> {
    predict::run()
}
