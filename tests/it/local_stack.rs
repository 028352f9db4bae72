//! The whole local stack: objects reach `ingest`, requests reach `predict`, and data survives a restart.

use super::echo::{config, stack};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::error::SdkError;
use axum::http::Method;
use churn_local::schedule::Schedule;
use churn_local::stack::sdk_config;
use churn_local::{DataDir, Stack, http};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};

fn body(text: &'static str) -> aws_sdk_s3::primitives::ByteStream {
    aws_sdk_s3::primitives::ByteStream::from_static(text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn put_and_removed_objects_reach_ingest() {
    let stack = stack().await;
    let mut results = stack.ingest_results();
    let (s3, key) = (stack.s3(), "2018/a b+ü.json");
    s3.put_object().bucket("churn-store").key("not for ingest").body(body("x")).send().await.unwrap();
    s3.put_object().bucket("churn-logs").key(key).body(body("{}")).send().await.unwrap();
    let put = results.recv().await.unwrap();
    assert_eq!((put.event.key.as_str(), put.event.size), (key, 2));
    let event: Value = serde_json::from_slice(&put.result.unwrap()).unwrap();
    let record = &event["Records"][0];
    assert_eq!(record["eventName"], "ObjectCreated:Put");
    assert_eq!(record["s3"]["object"]["key"], "2018/a+b%2B%C3%BC.json");

    s3.delete_object().bucket("churn-logs").key(key).send().await.unwrap();
    let removed = results.recv().await.unwrap();
    let event: Value = serde_json::from_slice(&removed.result.unwrap()).unwrap();
    assert_eq!(event["Records"][0]["eventName"], "ObjectRemoved:Delete");
    assert!(removed.event.sequencer > put.event.sequencer);
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_ingest_is_tried_three_times() {
    let mut config = config(DataDir::Temporary);
    config.function_mut("ingest").unwrap().env = vec![("ECHO_FAIL_EVENTS".to_owned(), "1".to_owned())];
    let stack = Stack::start(config).await.unwrap();
    let mut results = stack.ingest_results();
    stack.s3().put_object().bucket("churn-logs").key("k").body(body("x")).send().await.unwrap();
    let error = results.recv().await.unwrap().result.unwrap_err().to_string();
    assert!(error.ends_with("requested failure"), "{error}");
    let log = std::fs::read_to_string(stack.functions_log().unwrap()).unwrap();
    assert_eq!(log.matches("failing an S3 event").count(), 3, "{log}");
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_requests_reach_predict() {
    let stack = stack().await;
    let call = async |method: Method, path: &str, body: Vec<u8>| {
        let url = format!("{}{path}", stack.http_url());
        let request = http::client().unwrap().request(method, url).header("content-type", "application/json");
        let answer = request.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let (status, event) = call(Method::POST, "/predict?x=1", br#"{"user_id":"30"}"#.to_vec()).await;
    assert_eq!(status, 201);
    assert_eq!(event["body"], r#"{"user_id":"30"}"#);
    assert_eq!(event["requestContext"]["http"]["method"], "POST");
    assert_eq!(event["rawQueryString"], "x=1");
    assert_eq!(call(Method::GET, "/health", Vec::new()).await.1["rawPath"], "/health");
    assert_eq!(call(Method::GET, "/fail", Vec::new()).await.0, 502);
    assert_eq!(call(Method::GET, "/nonsense", Vec::new()).await.0, 502);
    assert_eq!(call(Method::POST, "/", vec![b'x'; (10 << 20) + 1]).await.0, 413);
    stack.shutdown().await;
}

/// Sends these bytes as a request, ends the sending direction if `is_complete`, and returns the status of the response.
async fn status_of(stack: &Stack, request: &str, is_complete: bool) -> String {
    let address = stack.http_url().strip_prefix("http://").unwrap();
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    if is_complete {
        connection.shutdown().await.unwrap();
    }
    let mut line = String::new();
    tokio::io::BufReader::new(connection).read_line(&mut line).await.unwrap();
    line.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_paths_reach_no_function() {
    let stack = stack().await;
    for path in ["%ff%fe", "%zz", "%", "a%4", "%c3%28", "%+1", "30%", "%e2%82"] {
        let request = format!("DELETE /users/{path} HTTP/1.1\r\nhost: x\r\n\r\n");
        assert_eq!(status_of(&stack, &request, false).await, "400", "{path}");
    }
    for (path, expected) in [("%25zz", "%zz"), ("%d8%a3", "أ"), ("a%2Fb", "a/b"), ("%EF%BF%BD", "\u{fffd}")] {
        let url = format!("{}/users/{path}", stack.http_url());
        let event: Value = http::client().unwrap().delete(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(event["rawPath"], format!("/users/{expected}"));
    }
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_and_oversized_bodies_reach_no_function() {
    let stack = stack().await;
    let chunked = "transfer-encoding: chunked\r\n\r\n";
    for (rest, is_complete, expected) in [
        (format!("{chunked}5\r\nhello\r\n0\r\n\r\n"), false, "201"),
        (format!("{chunked}5\r\nhe"), true, "400"),
        (format!("{chunked}5\r\nhello\r\n"), true, "400"),
        (format!("{chunked}zz\r\nhello\r\n0\r\n\r\n"), false, "400"),
        (format!("{chunked}2\r\nhello\r\n0\r\n\r\n"), false, "400"),
        ("content-length: 9\r\n\r\n{}".to_owned(), true, "400"),
        // Nothing of the body is sent, so that a server that waits for it never answers.
        ("content-length: 99999999999\r\n\r\n".to_owned(), false, "413"),
        ("content-length: 99999999999\r\nexpect: 100-continue\r\n\r\n".to_owned(), false, "413"),
    ] {
        let request = format!("POST /predict HTTP/1.1\r\nhost: x\r\n{rest}");
        assert_eq!(status_of(&stack, &request, is_complete).await, expected, "{rest:?}");
    }
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_and_sequencers_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let dir = DataDir::Persistent(folder.path().join(".churn"));
    let mut sequencers = Vec::new();
    for round in 0..3 {
        let stack = Stack::start(config(dir.clone())).await.unwrap();
        let error = Stack::start(config(dir.clone())).await.err().unwrap();
        assert!(error.to_string().contains("another stack uses"), "{error}");

        let mut results = stack.ingest_results();
        let s3 = stack.s3();
        if round > 0 {
            let found = s3.get_object().bucket("churn-logs").key("k").send().await.unwrap();
            assert_eq!(found.body.collect().await.unwrap().to_vec(), b"content");
            let described = stack.dynamodb().describe_time_to_live().table_name("UserHistory").send().await.unwrap();
            assert_eq!(described.time_to_live_description.unwrap().attribute_name.unwrap(), "expires_at");
        }
        s3.put_object().bucket("churn-logs").key("k").body(body("content")).send().await.unwrap();
        sequencers.push(results.recv().await.unwrap().event.sequencer);
        s3.delete_object().bucket("churn-logs").key("k").send().await.unwrap();
        sequencers.push(results.recv().await.unwrap().event.sequencer);
        s3.put_object().bucket("churn-logs").key("k").body(body("content")).send().await.unwrap();
        sequencers.push(results.recv().await.unwrap().event.sequencer);
        stack.shutdown().await;
    }
    assert!(sequencers.is_sorted_by(|a, b| a < b), "{sequencers:?}");
}

/// The first request that S3 answers finds both buckets, whenever it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn s3_answers_only_once_its_buckets_exist() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = aws_sdk_s3::config::Builder::from(&sdk_config()).endpoint_url(format!("http://{free}"));
    let client = client.force_path_style(true).retry_config(RetryConfig::disabled()).build();
    let client = aws_sdk_s3::Client::from_conf(client);
    let first_answer = tokio::spawn(async move {
        loop {
            match client.head_bucket().bucket("churn-store").send().await {
                Ok(_) => return 200,
                Err(SdkError::ServiceError(error)) => return error.raw().status().as_u16(),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    let mut config = config(DataDir::Temporary);
    config.ports.s3 = free.port();
    let stack = Stack::start(config).await.unwrap();
    assert_eq!(first_answer.await.unwrap(), 200);
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_items_are_deleted() {
    use aws_sdk_dynamodb::types::AttributeValue::{N, S};
    let mut config = config(DataDir::Temporary);
    config.sweep_every = std::time::Duration::from_millis(20);
    let stack = Stack::start(config).await.unwrap();
    let table = || stack.dynamodb().put_item().table_name("UserHistory").item("user_id", S("1".into()));
    let kept = table().item("day_source", S("kept".into()));
    kept.send().await.unwrap();
    table().item("day_source", S("old".into())).item("expires_at", N("1".into())).send().await.unwrap();
    let left = async || {
        let query = stack.dynamodb().query().table_name("UserHistory").key_condition_expression("user_id = :u");
        query.expression_attribute_values(":u", S("1".into())).send().await.unwrap().items.unwrap()
    };
    let gone = async {
        while left().await.len() > 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), gone).await.expect("the expired item is still there");
    assert_eq!(left().await[0]["day_source"], S("kept".into()));
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_call_their_functions() {
    let mut config = config(DataDir::Temporary);
    // EventBridge allows one minute or more; a rate that is not parsed may be shorter.
    config.schedules = vec![("monitor".to_owned(), Schedule::Rate(std::time::Duration::from_millis(50)))];
    config.function_mut("monitor").unwrap().workers = 0;
    let stack = Stack::start(config).await.unwrap();
    let next = format!("{}/monitor/2018-06-01/runtime/invocation/next", stack.endpoints().lambda);
    let response = http::client().unwrap().get(next).send().await.unwrap();
    let event: Value = response.json().await.unwrap();
    assert_eq!(event["source"], "aws.events");
    assert_eq!(event["detail-type"], "Scheduled Event");
    stack.shutdown().await;
}
