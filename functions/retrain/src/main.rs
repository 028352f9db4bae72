//! The `retrain` function as deployed.

fn main() -> Result<(), lambda_runtime::Error> {
    retrain::run()
}
