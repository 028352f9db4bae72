//! The `ingest` function as deployed.

fn main() -> Result<(), lambda_runtime::Error> {
    ingest::run()
}
