//! The S3 calls of this project, checked against the embedded server or the endpoint in `CHURN_TEST_S3_ENDPOINT`.
//! `moto_conformance.sh` runs them against moto, an independent implementation of S3.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use churn_local::s3::{ACCESS_KEY, S3Server, SECRET_KEY};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

const WRITERS: usize = 16;
const MIN_PART: usize = 5 << 20;

/// An endpoint with a fresh bucket.
struct Fixture {
    s3: Client,
    bucket: String,
    _server: Option<(tempfile::TempDir, DropGuard)>,
}

async fn fixture() -> Fixture {
    static BUCKETS: AtomicUsize = AtomicUsize::new(0);
    let bucket = format!("conformance-{}-{}", std::process::id(), BUCKETS.fetch_add(1, Ordering::Relaxed));
    let (endpoint, server) = match std::env::var("CHURN_TEST_S3_ENDPOINT") {
        Ok(endpoint) => (endpoint, None),
        Err(_) => {
            let folder = tempfile::tempdir().unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            let stop = CancellationToken::new();
            let server = S3Server::open(folder.path(), mpsc::unbounded_channel().0, None).unwrap();
            tokio::spawn(server.serve(listener, stop.clone()));
            (endpoint, Some((folder, stop.drop_guard())))
        }
    };
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(churn_common::aws::http_client())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .build();
    let s3 = Client::from_conf(config);
    s3.create_bucket().bucket(&bucket).send().await.unwrap();
    Fixture { s3, bucket, _server: server }
}

impl Fixture {
    /// Puts an object and returns its ETag, with quotes.
    async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> String {
        let body = ByteStream::from(body.into());
        let put = self.s3.put_object().bucket(&self.bucket).key(key).body(body).send().await.unwrap();
        put.e_tag.unwrap()
    }

    async fn get(&self, key: &str) -> Vec<u8> {
        let got = self.s3.get_object().bucket(&self.bucket).key(key).send().await.unwrap();
        got.body.collect().await.unwrap().to_vec()
    }

    async fn keys(&self) -> Vec<String> {
        let listed = self.s3.list_objects_v2().bucket(&self.bucket).send().await.unwrap();
        listed.contents().iter().map(|object| object.key.clone().unwrap()).collect()
    }

    /// Starts a multipart upload of the key `k` and returns its id.
    async fn create_upload(&self) -> String {
        let upload = self.s3.create_multipart_upload().bucket(&self.bucket).key("k").send().await.unwrap();
        upload.upload_id.unwrap()
    }

    async fn upload_part(&self, id: &str, number: i32, size: usize) -> CompletedPart {
        let part = self.s3.upload_part().bucket(&self.bucket).key("k").upload_id(id).part_number(number);
        let uploaded = part.body(ByteStream::from(vec![b'x'; size])).send().await.unwrap();
        CompletedPart::builder().part_number(number).set_e_tag(uploaded.e_tag).build()
    }

    /// Completes an upload of these parts, which must fail, and returns the error code.
    async fn complete_error(&self, id: &str, parts: Vec<CompletedPart>) -> String {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let complete = self.s3.complete_multipart_upload().bucket(&self.bucket).key("k").upload_id(id);
        code(&complete.multipart_upload(parts).send().await.unwrap_err()).to_owned()
    }

    async fn abort_upload(&self, id: &str) {
        self.s3.abort_multipart_upload().bucket(&self.bucket).key("k").upload_id(id).send().await.unwrap();
    }
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> &str {
    error.code().unwrap_or("none")
}

fn status<E>(error: &SdkError<E>) -> u16 {
    error.raw_response().map_or(0, |response| response.status().as_u16())
}

#[tokio::test]
async fn object_is_returned_as_it_was_put() {
    let f = fixture().await;
    let put = f.s3.put_object().bucket(&f.bucket).key("a/b.json.gz").body(ByteStream::from_static(b"hello"));
    let put = put.content_type("application/json").content_encoding("gzip").cache_control("no-cache");
    let put = put.metadata("run", "r-1").metadata("rows", "7").send().await.unwrap();
    assert_eq!(put.e_tag.as_deref(), Some("\"5d41402abc4b2a76b9719d911017c592\""), "MD5 of the content");

    let got = f.s3.get_object().bucket(&f.bucket).key("a/b.json.gz").send().await.unwrap();
    let head = f.s3.head_object().bucket(&f.bucket).key("a/b.json.gz").send().await.unwrap();
    assert_eq!(got.content_type(), Some("application/json"));
    assert_eq!(got.content_encoding(), Some("gzip"));
    assert_eq!(got.cache_control(), Some("no-cache"));
    assert_eq!(got.content_length(), Some(5));
    assert_eq!(got.e_tag, put.e_tag);
    assert!(got.last_modified.is_some());
    let metadata = got.metadata().unwrap();
    assert_eq!((metadata["run"].as_str(), metadata["rows"].as_str(), metadata.len()), ("r-1", "7", 2));
    assert_eq!(head.metadata(), Some(metadata));
    assert_eq!((head.content_length(), head.e_tag(), head.content_type()), (Some(5), got.e_tag(), got.content_type()));
    assert_eq!(head.last_modified, got.last_modified);
    assert_eq!(got.body.collect().await.unwrap().to_vec(), b"hello");

    f.put("a/b.json.gz", "again").await;
    let got = f.s3.get_object().bucket(&f.bucket).key("a/b.json.gz").send().await.unwrap();
    assert_eq!(
        got.content_type(),
        Some("application/octet-stream"),
        "an overwrite replaces the headers, here by the default of the SDK"
    );
    assert!(got.metadata().is_none_or(|metadata| metadata.is_empty()));
}

#[tokio::test]
async fn empty_and_large_objects_are_stored() {
    let f = fixture().await;
    assert_eq!(f.put("empty", "").await, "\"d41d8cd98f00b204e9800998ecf8427e\"");
    assert!(f.get("empty").await.is_empty());
    let large: Vec<u8> = (0..9_000_000_u32).map(|n| (n % 251) as u8).collect();
    f.put("large", large.clone()).await;
    assert!(f.get("large").await == large);
}

#[tokio::test]
async fn unusual_keys_are_supported() {
    let f = fixture().await;
    let long = "é".repeat(512);
    let keys = ["x", "x/y", "x/y/", "../up", "a b+c%20d", "ünï/😀?#&=", "a//b", ".", "-", long.as_str()];
    for key in &keys {
        f.put(key, *key).await;
    }
    for key in &keys {
        assert_eq!(f.get(key).await, key.as_bytes(), "{key}");
    }
    let mut sorted = keys;
    sorted.sort();
    assert_eq!(f.keys().await, sorted, "sorted by bytes");
    f.s3.delete_object().bucket(&f.bucket).key("x").send().await.unwrap();
    assert_eq!(f.get("x/y").await, b"x/y");
}

#[tokio::test]
async fn missing_keys_and_buckets_have_their_own_errors() {
    let f = fixture().await;
    let got = f.s3.get_object().bucket(&f.bucket).key("no").send().await.unwrap_err();
    assert_eq!((status(&got), code(&got)), (404, "NoSuchKey"));
    assert!(got.into_service_error().is_no_such_key());
    let head = f.s3.head_object().bucket(&f.bucket).key("no").send().await.unwrap_err();
    assert!(head.into_service_error().is_not_found());

    let nowhere = "conformance-no-such-bucket";
    let get = f.s3.get_object().bucket(nowhere).key("no").send().await.unwrap_err();
    assert_eq!((status(&get), code(&get)), (404, "NoSuchBucket"));
    let put = f.s3.put_object().bucket(nowhere).key("no").send().await.unwrap_err();
    assert_eq!((status(&put), code(&put)), (404, "NoSuchBucket"));
    let list = f.s3.list_objects_v2().bucket(nowhere).send().await.unwrap_err();
    assert!(list.into_service_error().is_no_such_bucket());
    assert_eq!(status(&f.s3.head_bucket().bucket(nowhere).send().await.unwrap_err()), 404);
    f.s3.head_bucket().bucket(&f.bucket).send().await.unwrap();
    let buckets = f.s3.list_buckets().send().await.unwrap();
    let own = buckets.buckets().iter().find(|bucket| bucket.name() == Some(&f.bucket));
    assert!(own.unwrap().creation_date().is_some());
}

#[tokio::test]
async fn reads_are_conditional() {
    let f = fixture().await;
    let etag = f.put("k", "v").await;
    let get = || f.s3.get_object().bucket(&f.bucket).key("k");
    get().if_match(&etag).send().await.unwrap();
    get().if_none_match("\"other\"").send().await.unwrap();
    let unchanged = get().if_none_match(&etag).send().await.unwrap_err();
    assert_eq!(status(&unchanged), 304);
    let changed = get().if_match("\"other\"").send().await.unwrap_err();
    assert_eq!((status(&changed), code(&changed)), (412, "PreconditionFailed"));
    let head = f.s3.head_object().bucket(&f.bucket).key("k").if_none_match(&etag).send().await.unwrap_err();
    assert_eq!(status(&head), 304);
}

#[tokio::test]
async fn ranges_return_parts_of_the_object() {
    let f = fixture().await;
    f.put("k", "0123456789").await;
    let get = async |range: &str| f.s3.get_object().bucket(&f.bucket).key("k").range(range).send().await;
    for (range, content, described) in [
        ("bytes=0-0", "0", "bytes 0-0/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let part = get(range).await.unwrap();
        assert_eq!(part.content_range(), Some(described));
        assert_eq!(part.content_length(), Some(content.len() as i64));
        assert_eq!(part.body.collect().await.unwrap().to_vec(), content.as_bytes());
    }
    let beyond = get("bytes=10-").await.unwrap_err();
    assert_eq!((status(&beyond), code(&beyond)), (416, "InvalidRange"));
}

#[tokio::test]
async fn writes_are_conditional() {
    let f = fixture().await;
    let put = || f.s3.put_object().bucket(&f.bucket).key("k");
    let missing = put().if_match("\"0\"").send().await.unwrap_err();
    assert_eq!((status(&missing), code(&missing)), (404, "NoSuchKey"));
    put().if_none_match("*").body(ByteStream::from_static(b"1")).send().await.unwrap();
    let exists = put().if_none_match("*").send().await.unwrap_err();
    assert_eq!((status(&exists), code(&exists)), (412, "PreconditionFailed"));
    let other = put().if_match("\"0\"").send().await.unwrap_err();
    assert_eq!((status(&other), code(&other)), (412, "PreconditionFailed"));
    assert_eq!(f.get("k").await, b"1");
    let etag = f.put("k", "2").await;
    put().if_match(etag).body(ByteStream::from_static(b"3")).send().await.unwrap();
    assert_eq!(f.get("k").await, b"3");
}

/// Runs `WRITERS` concurrent conditional writes, checks the errors and returns the number of successes. The contents differ:
/// equal contents have equal ETags, so that `If-Match` would accept both.
async fn race(f: &Fixture, condition: Option<String>) -> usize {
    let writers = (0..WRITERS).map(|n| {
        let content = format!("{n} after {condition:?}").into_bytes();
        let put = f.s3.put_object().bucket(&f.bucket).key("race").body(ByteStream::from(content));
        let put = match &condition {
            Some(etag) => put.if_match(etag),
            None => put.if_none_match("*"),
        };
        tokio::spawn(put.send())
    });
    let mut successes = 0;
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.unwrap() {
            Ok(_) => successes += 1,
            // S3 may also return 409 for concurrent conditional writes.
            Err(error) => assert!([409, 412].contains(&status(&error)), "{error:?}"),
        }
    }
    successes
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_concurrent_conditional_writes_wins() {
    let f = fixture().await;
    for _ in 0..5 {
        let created = race(&f, None).await;
        let etag = f.s3.head_object().bucket(&f.bucket).key("race").send().await.unwrap().e_tag;
        let replaced = race(&f, etag).await;
        assert_eq!((created, replaced), (1, 1));
        f.s3.delete_object().bucket(&f.bucket).key("race").send().await.unwrap();
    }
}

#[tokio::test]
async fn deletes_are_idempotent() {
    let f = fixture().await;
    for key in ["a", "b", "c d/ü"] {
        f.put(key, "x").await;
    }
    f.s3.delete_object().bucket(&f.bucket).key("a").send().await.unwrap();
    f.s3.delete_object().bucket(&f.bucket).key("a").send().await.unwrap();
    let objects = ["b", "c d/ü", "missing"].map(|key| ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = Delete::builder().set_objects(Some(objects.into())).build().unwrap();
    let deleted = f.s3.delete_objects().bucket(&f.bucket).delete(delete).send().await.unwrap();
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (3, 0));
    assert!(f.keys().await.is_empty());
    f.s3.delete_bucket().bucket(&f.bucket).send().await.unwrap();
    assert_eq!(status(&f.s3.head_bucket().bucket(&f.bucket).send().await.unwrap_err()), 404);
}

#[tokio::test]
async fn listings_page_through_all_keys_once() {
    let f = fixture().await;
    let mut keys: Vec<String> = (0..25).map(|n| format!("p/{n:02}")).collect();
    keys.extend((0..7).map(|n| format!("q/{n}/deep")));
    keys.push("r é+".to_owned());
    for key in &keys {
        f.put(key, key.as_str()).await;
    }
    let mut pages = f.s3.list_objects_v2().bucket(&f.bucket).max_keys(4).into_paginator().send();
    let (mut found, mut page_count) = (Vec::new(), 0);
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert!(page.key_count() <= Some(4));
        page_count += 1;
        for object in page.contents() {
            let key = object.key().unwrap();
            assert_eq!(object.size(), Some(key.len() as i64));
            assert!(object.last_modified().is_some());
            let head = f.s3.head_object().bucket(&f.bucket).key(key).send().await.unwrap();
            assert_eq!(object.e_tag(), head.e_tag());
            found.push(key.to_owned());
        }
    }
    assert_eq!(found, keys);
    assert_eq!(page_count, keys.len().div_ceil(4));

    let under = f.s3.list_objects_v2().bucket(&f.bucket).prefix("p/1").send().await.unwrap();
    assert_eq!(under.contents().len(), 10);
    let after = f.s3.list_objects_v2().bucket(&f.bucket).start_after("q/6/deep").send().await.unwrap();
    assert_eq!(after.contents().len(), 1);
}

#[tokio::test]
async fn listings_roll_up_at_the_delimiter() {
    let f = fixture().await;
    for key in ["a", "a/1", "a/2", "b/1/x", "b/2/y", "c"] {
        f.put(key, "x").await;
    }
    let list = async |prefix: &str| {
        let listed = f.s3.list_objects_v2().bucket(&f.bucket).delimiter("/").prefix(prefix).send().await.unwrap();
        let keys: Vec<String> = listed.contents().iter().map(|object| object.key.clone().unwrap()).collect();
        let prefixes: Vec<String> = listed.common_prefixes().iter().map(|p| p.prefix.clone().unwrap()).collect();
        (keys, prefixes)
    };
    let expect = |keys: &[&str], prefixes: &[&str]| {
        let own = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        (own(keys), own(prefixes))
    };
    assert_eq!(list("").await, expect(&["a", "c"], &["a/", "b/"]));
    assert_eq!(list("b/").await, expect(&[], &["b/1/", "b/2/"]));
    assert_eq!(list("a/").await, expect(&["a/1", "a/2"], &[]));
    assert_eq!(list("z").await, expect(&[], &[]));
}

#[tokio::test]
async fn copies_keep_or_replace_the_metadata() {
    let f = fixture().await;
    let source = "from here/ü";
    let put = f.s3.put_object().bucket(&f.bucket).key(source).body(ByteStream::from_static(b"v"));
    put.metadata("a", "1").content_type("text/csv").send().await.unwrap();
    let copy = f.s3.copy_object().bucket(&f.bucket).key("copy").copy_source(format!("{}/from%20here/%C3%BC", f.bucket));
    let copied = copy.send().await.unwrap();
    assert!(copied.copy_object_result.unwrap().e_tag.is_some());
    let head = f.s3.head_object().bucket(&f.bucket).key("copy").send().await.unwrap();
    assert_eq!((head.content_type(), head.metadata().unwrap()["a"].as_str()), (Some("text/csv"), "1"));
    assert_eq!(f.get("copy").await, b"v");
    let missing = f.s3.copy_object().bucket(&f.bucket).key("x").copy_source(format!("{}/no", f.bucket));
    assert_eq!(status(&missing.send().await.unwrap_err()), 404);
}

#[tokio::test]
async fn multipart_upload_becomes_one_object() {
    let f = fixture().await;
    let key = "big file.json";
    let upload = f.s3.create_multipart_upload().bucket(&f.bucket).key(key).metadata("a", "1").send().await.unwrap();
    let id = upload.upload_id().unwrap();
    let mut parts = Vec::new();
    // Out of order, and one part is replaced: the part number decides.
    for (number, byte, size) in [(2, b'z', 3), (1, b'a', MIN_PART), (2, b'b', 10)] {
        let part = f.s3.upload_part().bucket(&f.bucket).key(key).upload_id(id).part_number(number);
        let uploaded = part.body(ByteStream::from(vec![byte; size])).send().await.unwrap();
        parts.retain(|part: &CompletedPart| part.part_number() != Some(number));
        parts.push(CompletedPart::builder().part_number(number).set_e_tag(uploaded.e_tag).build());
    }
    assert!(f.keys().await.is_empty(), "an incomplete upload is not visible");
    parts.sort_by_key(CompletedPart::part_number);
    let list = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = f.s3.complete_multipart_upload().bucket(&f.bucket).key(key).upload_id(id).multipart_upload(list);
    let etag = complete.send().await.unwrap().e_tag.unwrap();
    assert!(etag.ends_with("-2\""), "{etag}");
    let content = f.get(key).await;
    assert!(content.len() == MIN_PART + 10 && content[MIN_PART - 1] == b'a' && content[MIN_PART..] == [b'b'; 10]);
    let head = f.s3.head_object().bucket(&f.bucket).key(key).send().await.unwrap();
    assert_eq!((head.e_tag(), head.metadata().unwrap()["a"].as_str()), (Some(etag.as_str()), "1"));
}

#[tokio::test]
async fn invalid_multipart_uploads_are_rejected() {
    let f = fixture().await;
    let id = f.create_upload().await;
    let (one, two) = (f.upload_part(&id, 1, 5).await, f.upload_part(&id, 2, MIN_PART).await);
    assert_eq!(f.complete_error(&id, vec![one, two]).await, "EntityTooSmall");
    let wrong = CompletedPart::builder().part_number(1).e_tag("\"0\"").build();
    assert_eq!(f.complete_error(&id, vec![wrong]).await, "InvalidPart");
    f.abort_upload(&id).await;
    assert!(f.keys().await.is_empty());
}

/// Checks of S3 that moto does not implement. `moto_conformance.sh` skips them.
mod beyond_moto {
    use super::*;

    #[tokio::test]
    async fn keys_over_1024_bytes_are_rejected() {
        let f = fixture().await;
        let too_long = f.s3.put_object().bucket(&f.bucket).key("k".repeat(1025)).send().await.unwrap_err();
        assert_eq!((status(&too_long), code(&too_long)), (400, "KeyTooLongError"));
    }

    #[tokio::test]
    async fn uploads_with_wrong_checksums_are_rejected() {
        let f = fixture().await;
        let put = || f.s3.put_object().bucket(&f.bucket).key("k").body(ByteStream::from_static(b"content"));
        let md5_of_no_bytes = "1B2M2Y8AsgTpgAmY7PhCfg==";
        let error = put().content_md5(md5_of_no_bytes).send().await.unwrap_err();
        assert_eq!((status(&error), code(&error)), (400, "BadDigest"));
        let error = put().checksum_crc32("AAAAAA==").send().await.unwrap_err();
        assert_eq!((status(&error), code(&error)), (400, "BadDigest"));
        assert!(f.keys().await.is_empty());
    }

    #[tokio::test]
    async fn parts_out_of_order_are_rejected() {
        let f = fixture().await;
        let id = f.create_upload().await;
        let (one, two) = (f.upload_part(&id, 1, MIN_PART).await, f.upload_part(&id, 2, 5).await);
        assert_eq!(f.complete_error(&id, vec![two, one]).await, "InvalidPartOrder");
    }

    /// moto returns 500.
    #[tokio::test]
    async fn parts_of_an_aborted_upload_are_rejected() {
        let f = fixture().await;
        let id = f.create_upload().await;
        f.abort_upload(&id).await;
        let part = f.s3.upload_part().bucket(&f.bucket).key("k").upload_id(&id).part_number(1);
        let late = part.send().await.unwrap_err();
        assert_eq!((status(&late), code(&late)), (404, "NoSuchUpload"));
    }
}
