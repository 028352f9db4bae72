//! The `monitor` function as deployed.

fn main() -> Result<(), lambda_runtime::Error> {
    monitor::run()
}
