//! A function for the tests of the local stack. The member `do` of the payload selects what it does: `fail` (return an
//! error), `panic`, `exit`, `hang`, `meet` (wait until `count` processes do the same in `folder`), `env` (return the
//! environment) or `context` (return parts of the Lambda context). Any other payload is returned.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var_os("ECHO_FAIL_INIT").is_some() {
        return Err("requested init failure".into());
    }
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (payload, context) = event.into_parts();
    match payload["do"].as_str() {
        Some("fail") => Err("requested failure".into()),
        Some("panic") => panic!("requested panic"),
        Some("exit") => std::process::exit(7),
        Some("hang") => std::future::pending().await,
        Some("meet") => meet(payload["folder"].as_str().unwrap_or_default(), payload["count"].as_u64()).await,
        Some("env") => Ok(json!(std::env::vars().collect::<BTreeMap<_, _>>())),
        Some("context") => {
            let left = context.deadline().duration_since(std::time::SystemTime::now())?;
            Ok(json!({"arn": context.invoked_function_arn, "pid": std::process::id(), "seconds_left": left.as_secs()}))
        }
        // An event of the HTTP gateway is returned as the response body.
        None if payload["requestContext"].is_object() => http(&payload),
        None if payload["Records"].is_array() && std::env::var_os("ECHO_FAIL_EVENTS").is_some() => {
            eprintln!("failing an S3 event");
            Err("requested failure".into())
        }
        _ => Ok(payload),
    }
}

async fn meet(folder: &str, count: Option<u64>) -> Result<Value, Error> {
    std::fs::write(std::path::Path::new(folder).join(std::process::id().to_string()), "")?;
    while (std::fs::read_dir(folder)?.count() as u64) < count.unwrap_or(1) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    Ok(Value::Null)
}

fn http(event: &Value) -> Result<Value, Error> {
    match event["rawPath"].as_str() {
        Some("/fail") => Err("requested failure".into()),
        Some("/nonsense") => Ok(json!({"statusCode": "many"})),
        _ => Ok(json!({"statusCode": 201, "headers": {"content-type": "application/json"}, "body": event.to_string()})),
    }
}
