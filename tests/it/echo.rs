//! A stack in which every function is the `echo` program.

use churn_local::config::FUNCTIONS;
use churn_local::lambda::process::FunctionConfig;
use churn_local::{DataDir, Stack, StackConfig};
use churn_tests::program;
use serde_json::Value;
use std::time::Duration;

pub fn config(data: DataDir) -> StackConfig {
    let mut config = StackConfig::new(data, "unused");
    config.functions = FUNCTIONS.map(|name| FunctionConfig::new(name, [program("echo").unwrap()])).into();
    config.retry_after = vec![Duration::ZERO; 2];
    config.grace = Duration::ZERO;
    config
}

pub async fn stack() -> Stack {
    Stack::start(config(DataDir::Temporary)).await.unwrap()
}

pub async fn invoke(stack: &Stack, function: &str, payload: Value) -> Result<Value, churn_local::lambda::InvokeError> {
    let response = stack.lambda().invoke(function, payload.to_string().into_bytes()).await?;
    Ok(serde_json::from_slice(&response).unwrap())
}
