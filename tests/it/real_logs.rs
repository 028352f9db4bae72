//! Ingests a real log, which is not part of the repository, and checks that every line is counted. To run the test:
//! `cargo test --release --workspace --test it -- --ignored real_logs`. Other real logs contain other people under the same ids, so they
//! are never ingested together.

use churn_common::calendar::Timestamp;
use churn_tests::{invocation, put, stores};
use ingest::{IngestSettings, handle};
use serde_json::json;
use std::path::{Path, PathBuf};

/// All files below a folder, sorted by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder of real logs").map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
#[ignore = "needs the real logs in ../shared/data"]
async fn every_line_of_the_daily_files_is_counted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/log_data");
    let (stack, stores) = stores().await.unwrap();
    let (mut lines, mut counted, mut without_user) = (0, 0, 0);
    for file in files(&folder) {
        let log = std::fs::read(&file).unwrap();
        lines += log.iter().filter(|b| **b == b'\n').count() as u64 + u64::from(log.last() != Some(&b'\n'));
        let record = put(&stack, file.to_str().unwrap(), log, 1).await.unwrap();
        let event = json!({ "Records": [record] });
        let summary =
            handle(event, &stores, &IngestSettings::default(), &invocation("id", Timestamp::now())).await.unwrap();
        let object = serde_json::to_value(&summary.objects[0]).unwrap();
        let n = |name: &str| object[name].as_u64().unwrap();
        assert_eq!((n("rejected"), n("duplicates")), (0, 0), "{object}");
        counted += n("accepted") + n("without_user");
        without_user += n("without_user");
    }
    assert_eq!((lines, counted, without_user), (8056, 8056, 286));
}
