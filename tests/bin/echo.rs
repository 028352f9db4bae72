//! A function for the stack's own tests: it does what its payload says.
//!
//! `{"do": "echo"}` returns the event; `fail`, `panic`, `exit` and `hang` do so; `env` returns the environment.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var_os("ECHO_FAIL_INIT").is_some() {
        return Err("no init today".into());
    }
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    match payload["do"].as_str() {
        Some("fail") => Err("told to fail".into()),
        Some("panic") => panic!("told to panic"),
        Some("exit") => std::process::exit(7),
        Some("hang") => std::future::pending().await,
        Some("env") => Ok(json!(std::env::vars().collect::<BTreeMap<_, _>>())),
        Some("context") => {
            let left = context.deadline().duration_since(std::time::SystemTime::now())?;
            Ok(json!({"arn": context.invoked_function_arn, "pid": std::process::id(), "seconds_left": left.as_secs()}))
        }
        // What the HTTP gateway sends comes back as the response's body.
        None if payload["requestContext"].is_object() => http(&payload),
        None if payload["Records"].is_array() && std::env::var_os("ECHO_FAIL_EVENTS").is_some() => {
            eprintln!("failing an S3 event");
            Err("told to fail".into())
        }
        _ => Ok(payload),
    }
}

fn http(event: &Value) -> Result<Value, Error> {
    match event["rawPath"].as_str() {
        Some("/fail") => Err("told to fail".into()),
        Some("/nonsense") => Ok(json!({"statusCode": "many"})),
        _ => Ok(json!({"statusCode": 201, "headers": {"content-type": "application/json"}, "body": event.to_string()})),
    }
}
