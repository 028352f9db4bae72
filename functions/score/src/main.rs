//! The `score` function as deployed.

fn main() -> Result<(), lambda_runtime::Error> {
    score::run()
}
