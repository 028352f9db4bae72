//! Files of the data folder that are lost, truncated or damaged: the stack starts and names them, and all else works.

use super::up::Up;
use aws_sdk_s3::error::SdkError;
use churn_local::DataDir;
use churn_tests::{model, register, stores_in};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The sidecar file and the data file of an object.
fn files(data: &Path, bucket: &str, key: &str) -> (PathBuf, PathBuf) {
    let bucket = data.join("s3/buckets").join(bucket);
    let sidecars = fs::read_dir(bucket.join("meta")).unwrap().map(|entry| entry.unwrap().path());
    let object = |path: &PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let sidecar = sidecars.into_iter().find(|path| object(path)["key"] == key).unwrap();
    let file = bucket.join("data").join(object(&sidecar)["sequencer"].as_str().unwrap());
    (sidecar, file)
}

/// Removes the last byte of a file.
fn truncate(path: &Path) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
}

/// The content of an object; `None` if it does not exist.
async fn get(s3: &aws_sdk_s3::Client, key: &str) -> Option<Vec<u8>> {
    let head = s3.head_object().bucket("churn-store").key(key).send().await;
    let found = match s3.get_object().bucket("churn-store").key(key).send().await {
        Ok(found) => Some(found.body.collect().await.unwrap().to_vec()),
        Err(SdkError::ServiceError(error)) if error.err().is_no_such_key() => None,
        Err(error) => panic!("{error:?}"),
    };
    assert_eq!(head.is_ok(), found.is_some(), "HeadObject and GetObject agree");
    found
}

async fn keys(s3: &aws_sdk_s3::Client) -> Vec<String> {
    let listed = s3.list_objects_v2().bucket("churn-store").send().await.unwrap();
    listed.contents().iter().map(|object| object.key.clone().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_objects_do_not_exist_until_they_are_put_again() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || stores_in(DataDir::Persistent(folder.path().to_owned())).await.unwrap().0;
    let put = async |s3: &aws_sdk_s3::Client, key: &str| {
        let put = s3.put_object().bucket("churn-store").key(key).if_none_match("*").body(b"content".to_vec().into());
        put.send().await.unwrap();
    };
    let stack = start().await;
    for key in ["removed", "truncated", "damaged", "kept"] {
        put(stack.s3(), key).await;
    }
    stack.shutdown().await;
    fs::remove_file(files(folder.path(), "churn-store", "removed").1).unwrap();
    truncate(&files(folder.path(), "churn-store", "truncated").1);
    truncate(&files(folder.path(), "churn-store", "damaged").0);
    fs::write(folder.path().join("s3/sequencer"), "").unwrap();

    let stack = start().await;
    assert_eq!(keys(stack.s3()).await, ["kept"]);
    for key in ["removed", "truncated", "damaged"] {
        assert_eq!(get(stack.s3(), key).await, None, "{key}");
        put(stack.s3(), key).await;
        assert_eq!(get(stack.s3(), key).await.unwrap(), b"content");
    }
    // While the stack runs.
    truncate(&files(folder.path(), "churn-store", "kept").1);
    assert_eq!(get(stack.s3(), "kept").await, None);
    stack.s3().delete_object().bucket("churn-store").key("kept").send().await.unwrap();
    stack.shutdown().await;
    let stack = start().await;
    assert_eq!(keys(stack.s3()).await, ["damaged", "removed", "truncated"]);
    stack.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stack_with_a_lost_champion_starts_and_serves_the_previous_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join(".churn");
    let (stack, stores) = stores_in(DataDir::Persistent(data.clone())).await.unwrap();
    let ((first, file), (second, other_file)) = (model(0.1).unwrap(), model(0.2).unwrap());
    register(&stores, &first, file).await.unwrap();
    register(&stores, &second, other_file).await.unwrap();
    stack.shutdown().await;
    let champion = format!("models/{second}/model.bin");
    truncate(&files(&data, "churn-store", &champion).1);

    let up = Up::start(&data).await.unwrap();
    let health = churn_local::http::client().unwrap().get(format!("{}/health", up.endpoints.http));
    let health: Value = health.send().await.unwrap().json().await.unwrap();
    assert_eq!((&health["status"], &health["model_version"]), (&"degraded".into(), &first.as_str().into()));
    let detail = format!("champion {second} cannot be loaded; an earlier model serves");
    assert_eq!(health["detail"], detail.as_str());
    let output = up.interrupt().await.unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(
        log.contains("an object is lost: its data file is missing or too short") && log.contains(&champion),
        "{log}"
    );
}
