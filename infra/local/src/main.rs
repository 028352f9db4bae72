//! The `churn` binary: the local stack and its tools.

use std::process::ExitCode;

fn main() -> ExitCode {
    churn_local::cli::main()
}
