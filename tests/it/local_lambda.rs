//! Functions as processes over the Runtime API: their environment, and every way in which they can fail.

use super::echo::{config, invoke, stack};
use churn_local::lambda::InvokeError;
use churn_local::{DataDir, Stack, StackConfig, http};
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn functions_get_lambdas_context_and_environment() {
    let stack = stack().await;
    assert_eq!(invoke(&stack, "predict", json!({"a": 1})).await.unwrap(), json!({"a": 1}));

    let context = invoke(&stack, "predict", json!({"do": "context"})).await.unwrap();
    assert_eq!(context["arn"], "arn:aws:lambda:us-east-1:000000000000:function:predict");
    assert!((50..=60).contains(&context["seconds_left"].as_u64().unwrap()), "{context}");

    let env = invoke(&stack, "predict", json!({"do": "env"})).await.unwrap();
    for (name, value) in stack.environment() {
        assert_eq!(env[name], *value);
    }
    assert_eq!(env["CHURN_LOGS_BUCKET"], "churn-logs");
    assert_eq!(env["AWS_LAMBDA_FUNCTION_NAME"], "predict");
    assert!(env.get("HOME").is_none(), "variables that Lambda does not set are not inherited");
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn worker_survives_errors_and_panics() {
    let stack = stack().await;
    let before = invoke(&stack, "retrain", json!({"do": "context"})).await.unwrap();
    for (what, message) in [("fail", "requested failure"), ("panic", "requested panic")] {
        match invoke(&stack, "retrain", json!({"do": what})).await.unwrap_err() {
            InvokeError::Function { function, error } => {
                assert_eq!(function, "retrain");
                assert!(error.error_message.contains(message), "{error:?}");
            }
            other => panic!("{other}"),
        }
    }
    let after = invoke(&stack, "retrain", json!({"do": "context"})).await.unwrap();
    assert_eq!(before["pid"], after["pid"]);
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exited_worker_is_replaced() {
    let stack = stack().await;
    let before = invoke(&stack, "monitor", json!({"do": "context"})).await.unwrap();
    let error = invoke(&stack, "monitor", json!({"do": "exit"})).await.unwrap_err();
    assert_eq!(error.to_string(), "worker of monitor exited: exit status: 7");
    let after = invoke(&stack, "monitor", json!({"do": "context"})).await.unwrap();
    assert_ne!(before["pid"], after["pid"]);
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overdue_invocation_fails_and_its_worker_is_replaced() {
    let mut config = config(DataDir::Temporary);
    config.function_mut("predict").unwrap().timeout = Duration::from_secs(2);
    let stack = Stack::start(config).await.unwrap();
    let error = invoke(&stack, "predict", json!({"do": "hang"})).await.unwrap_err();
    assert_eq!(error, InvokeError::Timeout { function: "predict".to_owned(), seconds: 2 });
    assert_eq!(invoke(&stack, "predict", json!(1)).await.unwrap(), json!(1));
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn function_that_cannot_start_reports_the_reason() {
    let mut config = config(DataDir::Temporary);
    config.function_mut("predict").unwrap().env = vec![("ECHO_FAIL_INIT".to_owned(), "1".to_owned())];
    config.function_mut("monitor").unwrap().command = vec!["/no/such/program".into()];
    let stack = Stack::start(config).await.unwrap();
    let error = invoke(&stack, "predict", json!(1)).await.unwrap_err().to_string();
    assert!(error.contains("exit status: 1 (after 3 failed starts; see "), "{error}");
    let log = std::fs::read_to_string(stack.functions_log().unwrap()).unwrap();
    assert!(log.contains("requested init failure"), "{log}");
    let error = invoke(&stack, "monitor", json!(1)).await.unwrap_err().to_string();
    assert!(error.contains("cannot start /no/such/program: No such file"), "{error}");
    assert_eq!(invoke(&stack, "retrain", json!(1)).await.unwrap(), json!(1), "the others are not affected");
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_share_the_queue_of_their_function() {
    let mut config = config(DataDir::Temporary);
    config.function_mut("ingest").unwrap().workers = 2;
    let stack = Stack::start(config).await.unwrap();
    let calls: Vec<_> = (0..50)
        .map(|n| {
            let lambda = stack.lambda().clone();
            tokio::spawn(async move { (n, lambda.invoke("ingest", json!({"n": n}).to_string().into()).await) })
        })
        .collect();
    for call in calls {
        let (n, response) = call.await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&response.unwrap()).unwrap(), json!({"n": n}));
    }
    stack.shutdown().await;
}

/// Each request needs a worker of its own, because each waits for all others.
#[tokio::test(flavor = "multi_thread")]
async fn predict_handles_as_many_requests_at_once_as_there_are_cores() {
    let mut config = StackConfig::new(DataDir::Temporary, "unused");
    config.functions.retain(|function| function.name == "predict");
    config.function_mut("predict").unwrap().command = vec![churn_tests::program("echo").unwrap().into()];
    let stack = Stack::start(config).await.unwrap();
    let cores: usize = std::thread::available_parallelism().unwrap().into();
    let folder = tempfile::tempdir().unwrap();
    let payload = json!({"do": "meet", "folder": folder.path(), "count": cores}).to_string();
    let calls = (0..cores).map(|_| stack.lambda().invoke("predict", payload.clone().into_bytes()));
    for response in futures::future::join_all(calls).await {
        assert_eq!(response.unwrap(), b"null");
    }
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invoke_api_answers_like_aws() {
    let stack = stack().await;
    let call = async |function: &str, payload: &str| {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", stack.endpoints().lambda);
        let answer = http::client().unwrap().post(url).body(payload.to_owned()).send().await.unwrap();
        let failed = answer.headers().get("x-amz-function-error").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), failed, answer.json::<Value>().await.unwrap())
    };
    assert_eq!(call("predict", r#"{"a":1}"#).await, (200, None, json!({"a": 1})));
    assert_eq!(call("arn:aws:lambda:us-east-1:000000000000:function:predict", "").await.0, 200);
    let (status, failed, error) = call("predict", r#"{"do":"fail"}"#).await;
    assert_eq!((status, failed.as_deref()), (200, Some("Unhandled")));
    assert_eq!(error["errorMessage"], "requested failure");
    assert_eq!(call("unknown", "{}").await.0, 404);
    assert_eq!(call("predict", "not json").await.0, 400);
    let large = format!("\"{}\"", "x".repeat(6 << 20));
    assert_eq!(call("predict", &large).await.0, 413);
    stack.shutdown().await;
}

/// Workers of a killed stack must exit by themselves when their Runtime API stops.
#[tokio::test(flavor = "multi_thread")]
async fn worker_ends_with_its_runtime_api() {
    let lambda = churn_local::lambda::Lambda::new([("f".to_owned(), Duration::from_secs(60))], &[]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = format!("http://{}/f", listener.local_addr().unwrap());
    let stop = tokio_util::sync::CancellationToken::new();
    let server = tokio::spawn(lambda.clone().serve(listener, axum::Router::new(), stop.clone()));
    let mut worker = tokio::process::Command::new(churn_tests::program("echo").unwrap())
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .env("AWS_LAMBDA_FUNCTION_NAME", "f")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    assert_eq!(lambda.invoke("f", b"1".to_vec()).await.unwrap(), b"1");
    stop.cancel();
    server.await.unwrap().unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(30), worker.wait()).await;
    assert!(!ended.expect("the worker still runs").unwrap().success());
}
