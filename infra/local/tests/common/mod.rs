//! A stack whose functions are all the `echo` example.
#![allow(dead_code, reason = "every test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "these are tests, which clippy sees only in functions marked so")]

use churn_local::config::FUNCTIONS;
use churn_local::lambda::process::FunctionConfig;
use churn_local::{DataDir, Stack, StackConfig};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Cargo builds examples before it runs integration tests, into `examples` beside the tests' own folder.
pub fn echo() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let echo = test.parent().unwrap().parent().unwrap().join("examples/echo");
    assert!(echo.exists(), "{} is missing: run the whole package's tests", echo.display());
    echo
}

pub fn config(data: DataDir) -> StackConfig {
    let mut config = StackConfig::new(data, "unused");
    config.functions = FUNCTIONS.map(|name| FunctionConfig::new(name, [echo()])).into();
    config.retry_after = vec![Duration::ZERO; 2];
    config
}

pub async fn stack() -> Stack {
    Stack::start(config(DataDir::Temporary)).await.unwrap()
}

pub async fn invoke(stack: &Stack, function: &str, payload: Value) -> Result<Value, churn_local::lambda::InvokeError> {
    let response = stack.lambda().invoke(function, payload.to_string().into_bytes()).await?;
    Ok(serde_json::from_slice(&response).unwrap())
}
