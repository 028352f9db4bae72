//! The `predict` function as deployed.

use mimalloc::MiMalloc;

/// Keeps memory between requests. That of glibc returns large blocks to the system with each one, and gets them again.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Result<(), lambda_http::Error> {
    predict::run()
}
